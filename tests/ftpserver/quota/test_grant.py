"""One reservation: growing, loans, and every end."""

import threading
from pathlib import Path

import pytest

from ftpserver.quota.base import LedgerFault, Limits, Loan, QuotaExceeded, Tally, Uncounted, Usage
from ftpserver.quota.books import Against
from ftpserver.quota.grant import SURPLUS, SqliteGrant, Wanted, refusal
from ftpserver.quota.sqlite import SqliteLedger, SqliteTally
from ftpserver.storage.base import Identity
from tests.ftpserver.quota.conftest import count

X = Identity(1, 100)
Y = Identity(1, 200)
MIB = 1024 * 1024


def _tally(
    ledger: SqliteLedger, limit: int | None, files: int | None = None, used: int = 0, entries: int = 0
) -> Tally:
    tally = ledger.open("/h", Limits(limit, files))
    count(tally, used, entries)
    return tally


def test_it_covers_what_it_was_asked_for_and_no_more_near_the_limit(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100)
    grant = tally.reserve(files=1)
    grant.extend(60)
    assert tally.usage() == Usage(0, 0, 60, 1)
    grant.extend(50)  # covered already
    assert tally.usage() == Usage(0, 0, 60, 1)
    grant.extend(100)
    with pytest.raises(QuotaExceeded) as refused:
        grant.extend(101)
    assert (refused.value.need, refused.value.free, refused.value.limit) == (101, 100, 100)
    assert tally.usage() == Usage(0, 0, 100, 1)
    grant.settle(100, 1)
    assert tally.usage() == Usage(100, 1)


def test_far_from_the_limit_it_takes_a_surplus_and_asks_once(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, None)
    grant = tally.reserve(files=1)
    grant.extend(MIB)
    held = tally.usage().reserved_bytes
    assert held >= SURPLUS
    grant.extend(held)
    assert tally.usage().reserved_bytes == held
    grant.settle(5, 1)
    assert tally.usage() == Usage(5, 1)


def test_nobody_is_refused_for_the_surplus_of_others(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 1024 * MIB)
    greedy = tally.reserve(files=1)
    greedy.extend(MIB)
    assert tally.usage().reserved_bytes > MIB
    other = tally.reserve(bytes=1023 * MIB, files=1)
    assert tally.usage().reserved_bytes == 1024 * MIB
    with pytest.raises(QuotaExceeded):
        greedy.extend(MIB + 1)
    other.release()
    greedy.extend(MIB + 1)
    greedy.release()


def test_a_promise_by_allo_is_no_surplus(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100)
    promised = tally.reserve(bytes=80, files=1)
    with pytest.raises(QuotaExceeded) as refused:
        tally.reserve(bytes=21)
    assert refused.value.free == 20
    promised.extend(80)
    promised.release()
    assert tally.usage() == Usage(0, 0)


def test_releasing_and_settling_twice_is_no_harm(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100)
    grant = tally.reserve(bytes=10, files=1)
    grant.settle(10, 1)
    grant.release()
    grant.settle_unknown()
    assert tally.usage() == Usage(10, 1)
    grant = tally.reserve(bytes=10, files=1)
    grant.release()
    grant.release()
    assert tally.usage() == Usage(10, 1)


def test_an_unknown_end_frees_the_room_and_asks_for_a_count(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100)
    tally.reserve(bytes=10, files=1).settle_unknown()
    with pytest.raises(Uncounted):
        tally.usage()
    with pytest.raises(Uncounted):
        tally.reserve()
    count(tally, 3, 1)
    assert tally.usage() == Usage(3, 1)


@pytest.mark.parametrize("limit", [100, None])
def test_a_home_that_becomes_uncounted_stops_growth_with_that_reason(
    ledger: SqliteLedger, limit: int | None
) -> None:
    tally = _tally(ledger, limit)
    grant = tally.reserve(bytes=0, files=1)
    held = tally.usage().reserved_bytes
    tally.reserve().settle_unknown()
    grant.extend(held)
    with pytest.raises(Uncounted):
        grant.extend(held + 1)
    count(tally, 0, 0)
    grant.extend(held + 1)
    grant.release()
    assert tally.usage() == Usage(0, 0)


# Loans ----------------------------------------------------------------------------------------------------------


def test_a_loan_pays_for_an_overwrite_of_a_full_home(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100, 1, used=100, entries=1)
    grant = tally.reserve(loan=Loan(X, 100))
    grant.extend(100)
    with pytest.raises(QuotaExceeded) as refused:
        grant.extend(101)
    assert (refused.value.need, refused.value.free) == (101, 100)
    grant.settle(-20, 0, X)
    assert tally.usage() == Usage(80, 1)


def test_only_one_gets_the_loan(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100, used=100, entries=1)
    first = tally.reserve(loan=Loan(X, 100))
    second = tally.reserve(loan=Loan(X, 100))
    assert second.loan is None
    with pytest.raises(QuotaExceeded):
        second.extend(1)
    second.release()
    first.release()
    third = tally.reserve(loan=Loan(X, 100))
    third.extend(100)
    third.release()


def test_a_lent_file_that_is_deleted_frees_nothing_for_others(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100, 1, used=100, entries=1)
    borrower = tally.reserve(loan=Loan(X, 100))
    borrower.extend(90)
    tally.reserve().settle(-100, -1, X)
    assert tally.usage() == Usage(0, 0, 100, 1)
    with pytest.raises(QuotaExceeded):
        tally.reserve(bytes=1)
    with pytest.raises(QuotaExceeded) as refused:
        tally.reserve(files=1)
    assert refused.value.unit == "files"
    borrower.forfeit_loan(files=1)
    borrower.settle(90, 1)
    assert tally.usage() == Usage(90, 1)


def test_a_deleted_lent_file_frees_its_room_when_the_borrower_gives_up(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100, 1, used=100, entries=1)
    borrower = tally.reserve(loan=Loan(X, 100))
    tally.reserve().settle(-100, -1, X)
    borrower.release()
    assert tally.usage() == Usage(0, 0)


def test_a_lent_file_that_is_replaced_keeps_its_bytes_and_its_entry_stays(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 200, 1, used=100, entries=1)
    borrower = tally.reserve(loan=Loan(X, 100))
    borrower.extend(100)
    other = tally.reserve(bytes=100, loan=Loan(X, 100))
    other.settle(0, 0, X)
    assert tally.usage() == Usage(100, 1, 100, 0)
    borrower.forfeit_loan()
    borrower.settle(0, 0, Y)
    assert tally.usage() == Usage(100, 1)


def test_a_lent_file_that_moved_must_be_paid_for_with_its_entry(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 200, 2, used=100, entries=1)
    grant = tally.reserve(loan=Loan(X, 100))
    grant.extend(60)
    grant.forfeit_loan(files=1)
    assert grant.loan is None
    assert tally.usage() == Usage(100, 1, 60, 1)
    grant.settle(60, 1)
    assert tally.usage() == Usage(160, 2)


@pytest.mark.parametrize(("limit", "files", "unit"), [(159, 2, "bytes"), (160, 1, "files")])
def test_a_lent_file_that_moved_may_leave_no_room(
    ledger: SqliteLedger, limit: int, files: int, unit: str
) -> None:
    tally = _tally(ledger, limit, files, used=100, entries=1)
    grant = tally.reserve(loan=Loan(X, 100))
    grant.extend(60)
    with pytest.raises(QuotaExceeded) as refused:
        grant.forfeit_loan(files=1)
    assert refused.value.unit == unit
    grant.release()
    assert tally.usage() == Usage(100, 1)
    tally.reserve(loan=Loan(X, 100)).release()  # and it can be lent again


def test_its_own_victim_is_no_reason_to_keep_the_loan(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100, 1, used=100, entries=1)
    grant = tally.reserve(loan=Loan(X, 100))
    grant.extend(100)
    grant.settle(0, 0, X)
    assert tally.usage() == Usage(100, 1)


# Growing in place -----------------------------------------------------------------------------------------------


def test_a_count_that_saw_a_part_of_the_growth_is_not_added_to(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100, used=10, entries=1)
    grant = tally.reserve(in_place=True)
    grant.extend(50)
    tally.reserve().settle_unknown()
    count(tally, 40, 1)  # 30 of the 50 were there
    grant.settle(50, 0)
    with pytest.raises(Uncounted):
        tally.usage()
    count(tally, 60, 1)
    assert tally.usage() == Usage(60, 1)


def test_growth_without_a_count_meanwhile_is_booked(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, 100, used=10, entries=1)
    grant = tally.reserve(in_place=True)
    grant.extend(50)
    grant.settle(40, 0)
    assert tally.usage() == Usage(50, 1)


# A ledger that fails --------------------------------------------------------------------------------------------


def _break(tally: Tally) -> SqliteTally:
    """Let every write fail, as on a full disk."""
    assert isinstance(tally, SqliteTally)
    tally._books.database.execute("PRAGMA query_only=1")
    return tally


def _mend(tally: SqliteTally) -> None:
    tally._books.database.execute("PRAGMA query_only=0")


@pytest.mark.parametrize("end", ["settle", "settle_unknown", "release"])
def test_an_end_that_the_ledger_does_not_take_frees_nothing_and_asks_for_a_count(
    ledger: SqliteLedger, end: str
) -> None:
    tally = _tally(ledger, 100)
    grant = tally.reserve(bytes=60, files=1, loan=Loan(X, 5))
    broken = _break(tally)
    with pytest.raises(LedgerFault):
        grant.settle(60, 1) if end == "settle" else getattr(grant, end)()
    with pytest.raises(LedgerFault):
        tally.reserve()
    _mend(broken)
    grant.release()
    assert tally.usage() == Usage(0, 0, 60, 1)
    with pytest.raises(Uncounted):
        tally.reserve()
    count(tally, 60, 1)
    assert tally.usage() == Usage(60, 1)
    tally.reserve(bytes=40).release()


def test_growth_that_the_ledger_does_not_take_is_refused(ledger: SqliteLedger) -> None:
    tally = _tally(ledger, None)
    grant = tally.reserve(bytes=10, files=1)
    held = tally.usage().reserved_bytes
    broken = _break(tally)
    grant.extend(held)
    with pytest.raises(LedgerFault):
        grant.extend(held + 1)
    _mend(broken)
    grant.extend(held + 1)
    grant.settle(held + 1, 1)
    assert tally.usage() == Usage(held + 1, 1)


# Threads --------------------------------------------------------------------------------------------------------


def test_surplus_is_called_back_while_others_grow_and_end(ledger: SqliteLedger, state: Path) -> None:
    tally = _tally(ledger, None)
    assert isinstance(tally, SqliteTally)
    books = tally._books
    stop = threading.Event()
    faults: list[BaseException] = []

    def calling_back() -> None:
        try:
            while not stop.is_set():
                books.call_back_surplus()
        except BaseException as fault:
            faults.append(fault)

    thread = threading.Thread(target=calling_back)
    thread.start()
    for i in range(300):
        grant = tally.reserve(files=1)
        grant.extend(1000)
        grant.extend(MIB)
        assert tally.usage().reserved_bytes >= MIB
        if i % 3:
            grant.settle(7, 1)
        else:
            grant.release()
    stop.set()
    thread.join()
    assert faults == []
    assert tally.usage() == Usage(1400, 200)


# ----------------------------------------------------------------------------------------------------------------


def test_a_refusal_of_what_fits_is_a_fault() -> None:
    with pytest.raises(LedgerFault):
        refusal(Against(Usage(0, 0), None), Limits(None, 5), Wanted(10, 1))
    with pytest.raises(LedgerFault):
        refusal(Against(Usage(0, 0), None), Limits(10, 5), Wanted(0, 1))


def test_a_home_below_a_lowered_limit_has_nothing_free() -> None:
    assert refusal(Against(Usage(200, 1), None), Limits(100), Wanted(5, 0)).free == 0
    assert refusal(Against(Usage(0, 9), None), Limits(None, 3), Wanted(0, 1)).free == 0


def test_the_interface_is_met(ledger: SqliteLedger) -> None:
    grant = _tally(ledger, 10).reserve()
    assert isinstance(grant, SqliteGrant)
    grant.release()

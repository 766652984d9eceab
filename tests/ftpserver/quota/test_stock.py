"""Room held in advance: it saves transactions and never refuses anybody, nor lets anybody pass a limit."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ftpserver.quota import stock
from ftpserver.quota.base import HomeBusy, LedgerFault, Limits, Loan, QuotaExceeded, Uncounted, Usage
from ftpserver.quota.database import FILE_NAME
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.quota.stock import Stock
from ftpserver.storage.base import Identity
from tests.ftpserver.quota.conftest import Peer, count

PLENTY = 4 * stock.MARGIN * stock.BYTES
LIMITS = Limits(PLENTY, 4 * stock.MARGIN * stock.FILES)


class Later:
    """The loop's part: what is to be done later, done when the test says so."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def __call__(self, seconds: float, work: Callable[[], None]) -> None:
        self.work.append(work)

    def come(self) -> None:
        """The time has come."""
        work, self.work = self.work, []
        for do in work:
            do()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def stocking(state: Path, later: Later) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(state, later)
    yield opened
    opened.close()


def held_in_ledger(state: Path, home: str = "/h") -> Usage:
    """What every other process sees."""
    ledger = SqliteLedger(state)
    try:
        return ledger.open(home, LIMITS).usage()
    finally:
        ledger.close()


def test_what_is_taken_is_gone_and_what_is_put_is_there() -> None:
    held = Stock()
    assert not held
    assert not held.take(1, 0)
    held.put(10, 2)
    assert held
    assert held.take(4, 1)
    assert not held.take(7, 0)
    assert not held.take(0, 2)
    assert held.room(stock.BYTES, 1) == (stock.BYTES - 6, 1)
    assert held.clear() == (6, 1)
    assert not held


def test_a_small_upload_is_one_transaction(stocking: SqliteLedger, state: Path) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    tally.reserve(files=1).settle(100, 1)
    before = tally.changes()
    rows = stocking._database.connection.total_changes
    grant = tally.reserve(files=1)
    grant.extend(4096)
    assert stocking._database.connection.total_changes == rows
    with tally.act():
        grant.settle(4096, 1)
    assert stocking._database.connection.total_changes == rows + 1
    assert tally.usage() == tally.usage_lately() == Usage(4196, 2)
    assert tally.changes() == before + 1


def test_a_promise_out_of_it_is_assured_before_anything_is_done(stocking: SqliteLedger, state: Path) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    tally.reserve(files=1).settle(100, 1)
    promised, reserved = tally.reserve(files=1), tally.reserve(bytes=2 * stock.BYTES, files=1)
    promised.assure()
    again = tally.reserve(files=1)
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerFault):
            again.assure()
        promised.assure()
        reserved.assure()
        shell.execute("ROLLBACK")
    for grant in (promised, reserved, again):
        grant.release()


def test_who_was_assured_takes_no_loan_any_more(stocking: SqliteLedger) -> None:
    """Surplus is called back on a thread, also between the look at what is replaced and its replacement."""
    tally = stocking.open("/h", LIMITS)
    count(tally)
    tally.reserve(files=1).settle(4096, 1)
    grant = tally.reserve(loan=Loan(Identity(1, 1), 4096))
    grant.extend(5000)
    grant.assure()
    assert grant.covers_all
    stocking._homes["/h"].call_back_surplus()
    assert grant.covers_all
    assert grant.loan is None
    assert tally.usage().reserved_bytes == 5000
    grant.settle(904, 0)
    assert tally.usage() == Usage(5000, 1)


def test_what_is_on_the_disk_is_always_covered_by_what_others_see(
    stocking: SqliteLedger, state: Path
) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    grants = []
    for number in range(1, 4):
        grants.append(tally.reserve(files=1))
        grants[-1].extend(4096)
        seen = held_in_ledger(state)
        assert seen.reserved_bytes >= number * 4096
        assert seen.reserved_files >= number
    for number, grant in enumerate(grants, 1):
        grant.settle(4096, 1)
        assert held_in_ledger(state).bytes == number * 4096


def test_nothing_is_taken_while_another_thread_calls_it_back(stocking: SqliteLedger) -> None:
    """Else it would be promised, and given back as well."""
    tally = stocking.open("/h", LIMITS)
    count(tally)
    tally.reserve(files=1).settle(0, 1)
    books = stocking._homes["/h"]
    assert books.stocked
    began, done = threading.Event(), threading.Event()

    def take() -> None:
        began.set()
        assert books.take(1, 1, LIMITS)
        done.set()

    taking = threading.Thread(target=take)
    with stocking._database.exclusive:
        taking.start()
        assert began.wait(20)
        assert not done.wait(0.05)
    taking.join()
    assert done.is_set()


def test_it_goes_back_after_a_moment(stocking: SqliteLedger, state: Path, later: Later) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    tally.reserve(files=1).settle(100, 1)
    assert tally.usage() == Usage(100, 1), "the process itself does not count it as used"
    assert held_in_ledger(state).reserved_bytes == stock.BYTES
    assert len(later.work) == 1
    later.come()
    assert held_in_ledger(state) == Usage(100, 1)


def test_a_grant_that_outlives_it_gives_everything_back(
    stocking: SqliteLedger, state: Path, later: Later
) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    grant = tally.reserve(files=1)
    later.come()
    grant.extend(4096)
    grant.settle(4096, 1)
    assert held_in_ledger(state) == Usage(4096, 1)


def test_near_a_limit_there_is_none(stocking: SqliteLedger, later: Later) -> None:
    for limits in (Limits(stock.MARGIN * stock.BYTES, None), Limits(None, stock.MARGIN * stock.FILES)):
        tally = stocking.open(f"/{limits.bytes}", limits)
        count(tally)
        tally.reserve(files=1).settle(1, 1)
    assert later.work == []


def test_it_is_not_kept_when_a_limit_comes_near(stocking: SqliteLedger, state: Path) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    small, big = tally.reserve(files=1), tally.reserve(bytes=PLENTY - stock.MARGIN * stock.BYTES)
    big.settle(PLENTY - stock.MARGIN * stock.BYTES, 1)
    small.settle(10, 1)
    left = stocking.open("/h", LIMITS).usage()
    assert left.reserved_bytes == 0
    assert left.bytes == PLENTY - stock.MARGIN * stock.BYTES + 10


def test_nobody_in_the_process_is_refused_for_it(stocking: SqliteLedger) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    tally.reserve(files=1).settle(0, 1)
    everything = tally.reserve(bytes=PLENTY)
    with pytest.raises(QuotaExceeded):
        tally.reserve(bytes=1)
    everything.release()


def test_another_process_waits_for_it_once_and_then_has_it(
    stocking: SqliteLedger, state: Path, later: Later, peer: Callable[[], Peer]
) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    tally.reserve(files=1).settle(0, 1)
    other = peer().open(state, "/h", LIMITS)
    assert other.do(f"tally.reserve(bytes={PLENTY})") == HomeBusy.__name__
    later.come()
    assert other.do("tally.outwait_others()") == "None"
    assert "Grant" in other.do(f"tally.reserve(bytes={PLENTY})")
    assert other.do("tally.reserve(bytes=1)") == QuotaExceeded.__name__, "no second wait"


def test_a_file_that_is_replaced_is_lent_only_when_room_is_scarce(stocking: SqliteLedger) -> None:
    tally = stocking.open("/h", Limits(PLENTY))
    count(tally, 1000, 1)
    loan = Loan(Identity(1, 2), 1000)
    grant = tally.reserve(loan=loan)
    grant.extend(500)
    assert grant.loan is None
    assert grant.covers_all
    everything = tally.reserve(bytes=PLENTY - 1000)  # calls the room back: now the loan is taken
    assert grant.loan == loan
    assert not grant.covers_all
    grant.extend(1000)
    with pytest.raises(QuotaExceeded):
        grant.extend(1001)
    grant.settle(0, 0, loan.identity)
    everything.release()
    assert tally.usage() == Usage(1000, 1)


def test_one_that_must_be_firm_is_lent_at_once(stocking: SqliteLedger) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally, 1000, 1)
    loan = Loan(Identity(1, 2), 1000)
    grant = tally.reserve(loan=loan, firm=True)
    assert grant.loan == loan
    grant.release()


def test_a_home_that_is_distrusted_is_counted_before_its_next_upload(
    stocking: SqliteLedger, state: Path
) -> None:
    tally = stocking.open("/h", LIMITS)
    count(tally)
    tally.reserve(files=1).settle(1, 1)
    tally.distrust()
    with pytest.raises(Uncounted):
        tally.reserve(files=1)
    count(tally, 7, 7)
    assert held_in_ledger(state) == Usage(7, 7)


def test_what_a_dead_process_held_is_void(state: Path, peer: Callable[[], Peer]) -> None:
    dead = peer()
    assert dead.do(f"ledger = SqliteLedger(Path({str(state)!r}), lambda seconds, work: None)") == "None"
    assert dead.do(f"tally = ledger.open('/h', {LIMITS!r})") == "None"
    assert dead.do("tally.recount(lambda: iter([]))") == "None"
    assert dead.do("tally.reserve(files=1).settle(1, 1)") == "None"
    dead.kill()
    ledger = SqliteLedger(state)
    tally = ledger.open("/h", LIMITS)
    count(tally)
    tally.reserve(bytes=PLENTY).release()
    assert ledger._database.execute("SELECT count(*) FROM stock").fetchone()[0] == 0
    ledger.close()

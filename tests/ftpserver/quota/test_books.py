"""The books of one home: what fits, the act lock, and their end."""

import os
import sqlite3
from pathlib import Path

import pytest

from ftpserver.quota.base import LedgerFault, Limits, Uncounted, Usage
from ftpserver.quota.books import Against, Books
from ftpserver.quota.database import FILE_NAME
from ftpserver.quota.sqlite import SqliteLedger, SqliteTally
from tests.ftpserver.quota.conftest import count


def _books(ledger: SqliteLedger, home: str = "/h") -> Books:
    tally = ledger.open(home, Limits())
    assert isinstance(tally, SqliteTally)
    count(tally)
    return tally._books


@pytest.mark.parametrize(
    ("bytes", "files", "fits"),
    [
        (100, 0, True),
        (101, 0, False),
        (0, 3, True),
        (0, 4, False),
        (100, 3, True),
        (100, 4, False),
        (101, 3, False),
    ],
)
def test_what_fits(ledger: SqliteLedger, bytes: int, files: int, fits: bool) -> None:
    books = _books(ledger)
    assert books.reserve(bytes, files, Limits(100, 3)) is fits
    assert books.totals() == Usage(0, 0, bytes if fits else 0, files if fits else 0)


def test_no_limit_takes_everything_and_a_margin_keeps_room(ledger: SqliteLedger) -> None:
    books = _books(ledger)
    assert books.reserve(2**60, 2**40, Limits())
    other = _books(ledger, "/i")
    assert not other.reserve(10, 0, Limits(100), margin=91)
    assert other.reserve(10, 0, Limits(100), margin=90)


def test_a_home_over_its_limit_still_takes_what_needs_no_room(ledger: SqliteLedger) -> None:
    books = _books(ledger)
    assert books.reserve(50, 5, Limits())
    assert books.reserve(0, 0, Limits(10, 1))
    assert not books.reserve(1, 0, Limits(10, 1))
    assert not books.reserve(0, 1, Limits(10, 1))


def test_the_totals_stand_against_a_refusal(ledger: SqliteLedger) -> None:
    books = _books(ledger)
    assert books.reserve_with_effort(60, 1, Limits(100)) is None
    assert books.reserve_with_effort(60, 1, Limits(100)) == Against(Usage(0, 0, 60, 1), None)


def test_an_uncounted_home_gives_nothing(ledger: SqliteLedger) -> None:
    books = _books(ledger)
    with books.database.writing:
        books.distrust()
    assert not books.reserve(0, 0, Limits())
    with pytest.raises(Uncounted):
        books.totals()
    with pytest.raises(Uncounted):
        books.reserve_with_effort(0, 0, Limits())
    with books.database.writing:
        books.set_count(1, 1)
    assert books.totals() == Usage(1, 1)


def test_homes_do_not_touch_each_other(ledger: SqliteLedger) -> None:
    one, two = _books(ledger, "/one"), _books(ledger, "/two")
    assert one.reserve(100, 1, Limits(100, 1))
    assert two.reserve(100, 1, Limits(100, 1))
    with one.database.writing:
        one.book(5, 1)
    assert two.totals() == Usage(0, 0, 100, 1)


def test_a_damaged_ledger_is_a_fault_and_never_no_limit(ledger: SqliteLedger, state: Path) -> None:
    books = _books(ledger)
    ledger.checkpoint()
    for suffix in ("", "-wal"):
        with open(state / f"{FILE_NAME}{suffix}", "r+b") as file:
            file.write(b"\xa5" * os.path.getsize(file.name))
    shared_memory = state / f"{FILE_NAME}-shm"
    with open(shared_memory, "r+b") as file:
        file.write(b"\0" * 200)
    for ask in (
        lambda: books.reserve(1, 0, Limits()),
        lambda: books.reserve_with_effort(1, 0, Limits()),
        books.totals,
        books.state,
        books.epoch,
    ):
        with pytest.raises(LedgerFault):
            ask()


def test_a_ledger_without_its_tables_is_a_fault(ledger: SqliteLedger) -> None:
    books = _books(ledger)
    books.database.execute("DROP TABLE holding")
    with pytest.raises(LedgerFault):
        books.reserve(1, 0, Limits())
    with pytest.raises(LedgerFault):
        books.totals()


def test_a_home_that_the_ledger_lost_is_a_fault(ledger: SqliteLedger) -> None:
    books = _books(ledger)
    books.database.execute("DELETE FROM usage")
    with pytest.raises(LedgerFault, match="lost this home"):
        books.state()
    assert not books.reserve(1, 0, Limits())


def test_the_end_takes_the_touched_mark_away(ledger: SqliteLedger, state: Path) -> None:
    tally = ledger.open("/h", Limits())
    count(tally)
    reader = sqlite3.connect(state / FILE_NAME)
    assert reader.execute("SELECT count(*) FROM holding").fetchone() == (1,)
    tally.close()
    assert reader.execute("SELECT count(*) FROM holding").fetchone() == (0,)
    reader.close()

"""ftpserver.quota.traffic: bytes moved by calendar day and month, with a clock driven by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ftpserver.quota.base import LedgerFault, TrafficExceeded
from ftpserver.quota.database import Database
from ftpserver.quota.traffic import Allowance, Meter, TrafficBooks

ADA = Allowance("user ada upload", 1000, 5000)


class Clock:
    """The time, as somebody says."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "state")
    yield database
    database.close()


@pytest.fixture
def books(database: Database, clock: Clock) -> TrafficBooks:
    return TrafficBooks(database, clock)


def move(meter: Meter, count: int) -> int:
    """Move as much of `count` as is allowed; returns how much that was."""
    moved = 0
    while moved < count:
        allowed = meter.allowance(count - moved)
        assert 0 < allowed <= count - moved
        meter.moved(allowed)
        moved += allowed
    return moved


def test_who_has_a_limit() -> None:
    assert ADA.limited
    assert Allowance("x", None, 1).limited
    assert not Allowance("x", None, None).limited


def test_a_day_is_used_up_and_the_next_one_is_new(books: TrafficBooks, clock: Clock) -> None:
    meter = Meter(books, [ADA])
    assert move(meter, 1000) == 1000
    with pytest.raises(TrafficExceeded) as refused:
        meter.allowance(1)
    assert (refused.value.owner, refused.value.period, refused.value.limit) == (
        "user ada upload",
        "2026-01-30",
        1000,
    )
    meter.close()
    clock.now += timedelta(seconds=1)
    assert move(Meter(books, [ADA]), 600) == 600
    assert books.moved(ADA) == (1000, 2000), "a meter takes what it may at once, until it is closed"


def test_the_month_holds_when_every_day_has_room(books: TrafficBooks, clock: Clock) -> None:
    clock.now = datetime(2026, 2, 1, tzinfo=UTC)
    for _ in range(5):
        meter = Meter(books, [ADA])
        move(meter, 1000)
        meter.close()
        clock.now += timedelta(days=1)
    with pytest.raises(TrafficExceeded) as refused:
        Meter(books, [ADA]).allowance(1)
    assert refused.value.period == "2026-02"
    clock.now = datetime(2026, 3, 1, tzinfo=UTC)
    assert move(Meter(books, [ADA]), 1000) == 1000


def test_a_transfer_that_lasts_over_midnight_is_booked_where_its_bytes_were_taken(
    books: TrafficBooks, clock: Clock
) -> None:
    meter = Meter(books, [ADA])
    move(meter, 400)
    clock.now += timedelta(seconds=2)
    meter.close()
    assert books.moved(ADA) == (0, 400)
    assert books.moved(Allowance(ADA.owner, 1, 1)) == (0, 400)
    clock.now -= timedelta(seconds=2)
    assert books.moved(ADA) == (400, 400)


def test_what_was_not_moved_is_given_back(books: TrafficBooks) -> None:
    meter = Meter(books, [ADA])
    meter.allowance(10)
    assert books.moved(ADA) == (1000, 1000)
    meter.moved(10)
    meter.close()
    meter.close()
    assert books.moved(ADA) == (10, 10)


def test_all_owners_must_allow_it_and_none_is_charged_for_what_another_refuses(books: TrafficBooks) -> None:
    staff = Allowance("group staff upload", None, 1500)
    bob = Allowance("user bob upload", None, None)
    first = Meter(books, [ADA, staff])
    assert move(first, 1000) == 1000
    first.close()
    second = Meter(books, [bob, staff])
    assert second.allowance(900) == 500
    second.moved(500)
    second.close()
    with pytest.raises(TrafficExceeded) as refused:
        Meter(books, [Allowance("user eve upload", 10, None), staff]).allowance(5)
    assert refused.value.owner == staff.owner
    assert books.moved(Allowance("user eve upload", 10, None)) == (0, 0)


def test_sessions_in_parallel_never_pass_a_limit_together(books: TrafficBooks) -> None:
    meters = [Meter(books, [ADA]) for _ in range(4)]
    moved = 0
    for meter in meters * 5:
        try:
            moved += move(meter, 100)
        except TrafficExceeded:
            meter.close()
    assert moved <= 1000
    for meter in meters:
        meter.close()
    assert books.moved(ADA)[0] == moved


def test_the_ways_are_counted_apart(books: TrafficBooks) -> None:
    move(Meter(books, [ADA]), 1000)
    assert move(Meter(books, [Allowance("user ada download", 1000, None)]), 1000) == 1000


def test_it_is_there_after_a_restart(tmp_path: Path, clock: Clock) -> None:
    for expected in (0, 300):
        database = Database(tmp_path / "other")
        books = TrafficBooks(database, clock)
        assert books.moved(ADA)[0] == expected
        meter = Meter(books, [ADA])
        move(meter, 300)
        meter.close()
        database.close()


def test_a_ledger_that_fails_moves_nothing(books: TrafficBooks, database: Database) -> None:
    meter = Meter(books, [ADA])
    meter.allowance(1)
    database.execute("PRAGMA query_only=1")
    with pytest.raises(LedgerFault):
        Meter(books, [ADA]).allowance(1)
    with pytest.raises(LedgerFault):
        meter.close()
    database.execute("PRAGMA query_only=0")
    database.execute("DROP TABLE traffic")
    with pytest.raises(LedgerFault):
        books.moved(ADA)

"""The rolls of the pools in the ledger: what a pool gives depends on all its homes, and on nobody else's."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from ftpserver.quota import pools as module
from ftpserver.quota.base import Limits, QuotaExceeded, Tally, Uncounted, Usage
from ftpserver.quota.database import FILE_NAME
from ftpserver.quota.sqlite import SqliteLedger
from tests.ftpserver.quota.conftest import Peer, count

STAFF = Limits(pool="staff", pool_bytes=100, pool_files=10)


def member(ledger: SqliteLedger, home: str, bytes: int = 0) -> Tally:
    tally = ledger.open(home, STAFF)
    count(tally, bytes, 1)
    return tally


def pool(ledger: SqliteLedger, limits: Limits = STAFF) -> Usage | None:
    tally = ledger.open("/looking", limits)
    try:
        return tally.pool_usage()
    finally:
        tally.close()


def test_a_pool_whose_homes_are_not_known_gives_nothing(ledger: SqliteLedger) -> None:
    tally = member(ledger, "/a")
    assert not ledger.pools.called("staff")
    for ask in (lambda: tally.reserve(bytes=1), lambda: tally.reserve(files=1), tally.pool_usage):
        with pytest.raises(Uncounted):
            ask()
    tally.reserve().release()  # what needs no room is not the pool's business
    ledger.pools.call({"staff": ["/a"]})
    tally.reserve(bytes=100).release()


def test_a_home_that_nobody_ever_opened_is_counted_before_the_pool_gives(ledger: SqliteLedger) -> None:
    tally = member(ledger, "/a")
    ledger.pools.call({"staff": ["/a", "/b"], "others": ["/c"]})
    with pytest.raises(Uncounted):
        tally.reserve(bytes=1)
    assert ledger.pools.uncounted("staff") == ["/b"]
    assert sorted(ledger.pools.uncounted()) == ["/b", "/c"]
    member(ledger, "/b", 40)
    with pytest.raises(QuotaExceeded):
        tally.reserve(bytes=61)
    tally.reserve(bytes=60).settle(60, 1)
    assert tally.pool_usage() == Usage(100, 3)


def test_homes_come_go_and_move_with_what_they_hold(ledger: SqliteLedger) -> None:
    for home, bytes in (("/a", 1), ("/b", 2), ("/c", 4)):
        member(ledger, home, bytes)
    assert ledger.pools.call({"staff": ["/a", "/b"], "others": ["/c"]}) == 3
    assert ledger.pools.call({"staff": ["/a", "/b"], "others": ["/c"]}) == 0
    assert pool(ledger) == Usage(3, 2)
    assert ledger.pools.call({"staff": ["/b"], "others": ["/c", "/a"]}) == 1
    assert pool(ledger) == Usage(2, 1)
    assert pool(ledger, Limits(pool="others")) == Usage(5, 2)
    assert ledger.pools.call({"staff": ["/b", "/c"]}) == 2
    assert pool(ledger) == Usage(6, 2)
    with pytest.raises(Uncounted):
        pool(ledger, Limits(pool="others"))


def test_nobody_leaves_while_a_file_could_not_be_read(ledger: SqliteLedger) -> None:
    for home, bytes in (("/a", 1), ("/b", 2)):
        member(ledger, home, bytes)
    ledger.pools.call({"staff": ["/a", "/b"]})
    assert ledger.pools.call({"staff": ["/a"]}, complete=False) == 0
    assert pool(ledger) == Usage(3, 2)
    assert ledger.pools.call({"staff": ["/a"], "others": ["/b"]}, complete=False) == 1
    assert pool(ledger) == Usage(1, 1)


def test_a_home_of_two_groups_stays_where_it_is(ledger: SqliteLedger) -> None:
    ledger.pools.call({"a": ["/h"], "b": ["/h"]})
    assert ledger.pools.call({"a": ["/h"], "b": ["/h"]}) == 0
    ledger.pools.call({"b": ["/h"]})
    assert ledger.pools.call({"a": ["/h"], "b": ["/h"]}) == 0


def test_a_change_takes_its_home_along_wherever_it_was(ledger: SqliteLedger) -> None:
    """A session may know of its new group before the rolls do, and another process may have moved the home."""
    tally = member(ledger, "/a", 50)
    member(ledger, "/b", 30)
    ledger.pools.call({"staff": ["/a"], "others": ["/b"]})
    tally.reserve(bytes=50).release()
    ledger.pools.call({"staff": [], "others": ["/a", "/b"]})
    with pytest.raises(QuotaExceeded) as refused:
        tally.reserve(bytes=51)
    assert refused.value.free == 50
    tally.reserve(bytes=50).release()
    assert tally.pool_usage() == Usage(50, 1)
    others = Limits(pool="others", pool_bytes=100)
    tally.relimit(others)
    assert tally.pool_usage() == Usage(80, 2)
    tally.relimit(Limits())
    assert tally.pool_usage() is None
    assert pool(ledger, others) == Usage(30, 1)


def test_many_homes_come_in_several_transactions(
    ledger: SqliteLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HOMES_A_TRANSACTION", 7)
    homes = [f"/h{i}" for i in range(50)]
    assert ledger.pools.call({"staff": homes}) == 50
    assert sorted(ledger.pools.uncounted("staff")) == sorted(homes)


def test_the_first_process_of_all_knows_no_roll_the_next_ones_do(
    state: Path, peer: Callable[[], Peer]
) -> None:
    first = SqliteLedger(state)
    member(first, "/a", 5)
    first.pools.call({"staff": ["/a"]})
    other = peer().open(state, "/a", STAFF)
    assert other.do("tally.pool_usage()") == repr(Usage(5, 1))
    first.close()
    assert other.do("ledger.pools.called('staff')") == "True"
    other.kill()
    again = SqliteLedger(state)
    assert not again.pools.called("staff")
    again.close()


def test_the_sums_are_those_of_the_homes_whatever_happens(ledger: SqliteLedger, state: Path) -> None:
    """Counts, changes, moves, distrust, death, somebody with a SQLite shell."""
    random = Random(4)
    homes = [f"/h{i}" for i in range(12)]
    tallies = [member(ledger, home, 10) for home in homes]
    ledger.pools.call({"staff": homes})
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as shell:
        for _ in range(300):
            tally = random.choice(tallies)
            random.choice(
                (
                    lambda tally=tally: tally.distrust(),
                    lambda tally=tally: count(tally, random.randrange(100), random.randrange(9)),
                    lambda: ledger.pools.call(
                        {"staff": random.sample(homes, 5), "others": random.sample(homes, 5)}
                    ),
                    lambda: ledger.pools.call({"staff": random.sample(homes, 3)}, complete=False),
                    lambda tally=tally: tally.relimit(random.choice((STAFF, Limits(), Limits(pool="new")))),
                    lambda: shell.execute(
                        "INSERT OR IGNORE INTO usage (path, pool, bytes) VALUES ('/x', 'staff', 7)"
                    ),
                    lambda: shell.execute("DELETE FROM usage WHERE path = '/x'"),
                )
            )()
            sums = "SELECT pool, sum(bytes), sum(files), sum(NOT counted) FROM usage WHERE pool NOTNULL GROUP BY 1"
            kept = "SELECT name, bytes, files, uncounted FROM pool"
            found = {row[0]: row[1:] for row in shell.execute(sums)}
            booked = {row[0]: row[1:] for row in shell.execute(kept)}
            assert {name: booked.pop(name) for name in found} == found
            assert all(values == (0, 0, 0) for values in booked.values())

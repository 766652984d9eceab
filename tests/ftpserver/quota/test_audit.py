"""ftpserver.quota.audit: books against disk, while changes go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.quota.audit import audit
from ftpserver.quota.base import Limits, Tally
from ftpserver.quota.sqlite import SqliteLedger


@pytest.fixture
def tally(tmp_path: Path) -> Iterator[Tally]:
    ledger = SqliteLedger(tmp_path / "state")
    tally = ledger.open("/home/ada", Limits(10_000, 100))
    tally.recount(lambda: iter([(600, 2)]))
    yield tally
    tally.close()
    ledger.close()


def test_books_and_disk_agree(tally: Tally) -> None:
    finding = audit(tally, lambda: iter([(500, 1), (100, 1)]))
    assert finding.good
    assert (finding.bytes, finding.files, finding.drift) == (600, 2, (0, 0))


def test_what_another_program_put_there_is_drift(tally: Tally) -> None:
    finding = audit(tally, lambda: iter([(700, 3)]))
    assert not finding.good
    assert finding.drift == (100, 1)


def test_what_another_program_took_is_drift(tally: Tally) -> None:
    assert audit(tally, lambda: iter([(0, 0)])).drift == (-600, -2)


def test_an_uncounted_home_has_no_drift(tally: Tally) -> None:
    tally.distrust()
    finding = audit(tally, lambda: iter([(1, 1)]))
    assert finding.good
    assert finding.booked is None


def test_a_change_under_way_is_no_drift(tally: Tally) -> None:
    grant = tally.reserve(bytes=1000, files=1)
    assert audit(tally, lambda: iter([(900, 3)])).good, "it shows in part"
    assert audit(tally, lambda: iter([(600, 2)])).good, "it does not show yet"
    assert audit(tally, lambda: iter([(599, 2)])).drift == (-1, 0)
    grant.release()


def test_changes_that_cross_every_walk_make_the_numbers_bounds(tally: Tally) -> None:
    def crossed() -> Iterator[tuple[int, int]]:
        tally.reserve().settle(0, 0)
        yield 600, 2

    finding = audit(tally, crossed)
    assert finding.crossed
    assert finding.good


def test_a_walk_that_one_change_crossed_is_made_again(tally: Tally) -> None:
    walks = 0

    def once_crossed() -> Iterator[tuple[int, int]]:
        nonlocal walks
        walks += 1
        if walks == 1:
            tally.reserve().settle(5, 0)
            yield 600, 2
        else:
            yield 605, 2

    finding = audit(tally, once_crossed)
    assert walks == 2
    assert not finding.crossed
    assert finding.good

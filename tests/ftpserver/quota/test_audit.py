"""ftpserver.quota.audit: books against disk, while changes go on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from ftpserver.quota.audit import audit
from ftpserver.quota.base import HomeBusy, Limits, Tally, Uncounted, Usage
from ftpserver.quota.sqlite import SqliteLedger
from tests.ftpserver.quota.conftest import Peer
from tests.service import PATIENCE


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


def test_what_is_promised_to_a_new_file_hides_no_drift(tally: Tally) -> None:
    """Its bytes have no name: they are not in the tree before they are in the books."""
    grant = tally.reserve(bytes=1000, files=1)
    assert audit(tally, lambda: iter([(600, 2)])).good
    assert audit(tally, lambda: iter([(601, 2)])).drift == (1, 0)
    assert audit(tally, lambda: iter([(599, 3)])).drift == (-1, 1)
    grant.release()


@pytest.mark.parametrize("end", ["settle", "settle_unknown", "release"])
def test_a_change_in_place_is_no_drift_and_hides_no_more_than_its_promise(tally: Tally, end: str) -> None:
    other = tally.reserve(bytes=50, files=1)
    grant = tally.reserve(bytes=1000, in_place=True)
    for found, drift in ((600, 0), (601, 0), (1650, 0), (1651, 1), (599, -1)):
        finding = audit(tally, lambda found=found: iter([(found, 2)]))  # type: ignore[misc]
        assert (finding.growing, finding.drift) == (True, (drift, 0)), found
    assert audit(tally, lambda: iter([(700, 3)])).drift == (0, 1), "entries never come in place"
    getattr(grant, end)(*((30, 0) if end == "settle" else ()))
    used = 630 if end == "settle" else 600
    tally.recount(lambda: iter([(used, 2)]))
    assert audit(tally, lambda: iter([(used, 2)])).good
    assert audit(tally, lambda: iter([(used + 1, 2)])).drift == (1, 0)
    other.release()


def test_a_dead_process_changes_nothing_in_place(
    tmp_path: Path, tally: Tally, peer: Callable[[], Peer]
) -> None:
    other = peer().open(tmp_path / "state", "/home/ada", Limits())
    assert other.do("grant = tally.reserve(bytes=1000, in_place=True)") == "None"
    assert tally.growing()
    other.kill()
    with pytest.raises(Uncounted):
        tally.reserve(bytes=10_000)  # nobody is refused before the dead were looked for
    assert not tally.growing()


def test_a_change_in_the_middle_of_its_act_is_waited_for(tally: Tally) -> None:
    """It is on the disk, and the walk has seen it, and it is not booked yet."""
    acting, seen = Event(), Event()

    def act() -> None:
        with tally.act(wait=True):
            grant = tally.reserve(bytes=5, files=1)
            acting.set()
            assert seen.wait(PATIENCE)
            grant.settle(5, 1)

    def walk() -> Iterator[tuple[int, int]]:
        yield 605, 3
        seen.set()

    thread = Thread(target=act)
    thread.start()
    assert acting.wait(PATIENCE)
    finding = audit(tally, walk)
    thread.join()
    assert finding.drift == (0, 0)
    assert finding.booked == Usage(605, 3)


def test_for_the_last_walk_the_home_stands_still(tally: Tally) -> None:
    walks: list[bool] = []

    def crossed() -> Iterator[tuple[int, int]]:
        tally.reserve().settle(1, 0)
        walks.append(_stands_still(tally))
        yield 500, 2

    def last() -> Iterator[tuple[int, int]]:
        walks.append(_stands_still(tally))
        yield 603, 2

    assert audit(tally, crossed, last).good
    assert walks == [False, False, False, True]
    assert audit(tally, crossed).drift == (-107, 0)


def _stands_still(tally: Tally) -> bool:
    try:
        with tally.act():
            return False
    except HomeBusy:
        return True


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
    assert finding.good

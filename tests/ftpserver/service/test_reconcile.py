"""ftpserver.service.reconcile: what other programs do is found and booked, and running uploads keep what they have."""

import fcntl
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftpserver.quota.base import LedgerFault, Limits, QuotaExceeded, Uncounted, Usage
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.service import reconcile
from ftpserver.service.reconcile import Reconciler
from ftpserver.storage.walk import walk_home
from tests.service import PATIENCE


class World:
    """Two homes, counted, and who reconciles them."""

    def __init__(self, folder: Path) -> None:
        self.homes = folder / "homes"
        self.ledger = SqliteLedger(folder / "state")
        self.state = folder / "state"
        for name in ("ada", "bob"):
            (self.homes / name).mkdir(parents=True)
            (self.homes / name / "file").write_bytes(b"f" * 100)
        self.ada, self.bob = (
            self.ledger.open(str(self.homes / name), Limits(1000, 10)) for name in ("ada", "bob")
        )
        for tally in (self.ada, self.bob):
            tally.recount(lambda: iter([(100, 1)]))

    def reconciler(self, period: float = 3600) -> Reconciler:
        return Reconciler(lambda: self.ledger, self.homes, self.state, period)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.ledger.close()


def test_homes_that_agree_are_left_alone(world: World) -> None:
    before = world.ada.changes()
    assert world.reconciler().round() == 0
    assert world.ada.changes() == before


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda home: (home / "theirs").write_bytes(b"t" * 50), Usage(150, 2)),
        (lambda home: (home / "file").unlink(), Usage(0, 0)),
        (lambda home: os.truncate(home / "file", 7), Usage(7, 1)),
        (lambda home: (home / "d").mkdir(), Usage(100, 2)),
        (lambda home: shutil.rmtree(home), Usage(0, 0)),
    ],
)
def test_what_others_did_is_found_and_told(
    world: World, caplog: pytest.LogCaptureFixture, change: Callable[[Path], object], found: Usage
) -> None:
    change(world.homes / "ada")
    assert world.reconciler().round() == 1
    assert world.ada.usage() == found
    assert world.bob.usage() == Usage(100, 1)
    assert [record.getMessage() for record in caplog.records] == ["books differed from the disk"]
    assert world.reconciler().round() == 0


def test_an_uncounted_home_is_counted_and_is_no_difference(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.ada.distrust()
    assert world.reconciler().round() == 0
    assert world.ada.usage() == Usage(100, 1)
    assert not caplog.records


def test_a_running_upload_keeps_its_grant_and_gets_no_more_than_is_left(world: World) -> None:
    grant = world.ada.reserve(bytes=300, files=1)
    (world.homes / "ada" / "theirs").write_bytes(b"t" * 500)
    assert world.reconciler().round() == 1
    assert world.ada.usage() == Usage(600, 2, 300, 1)
    grant.extend(400)
    with pytest.raises(QuotaExceeded):
        grant.extend(401)
    grant.release()
    assert world.ada.usage() == Usage(600, 2)


def test_a_promise_to_a_running_upload_is_no_difference(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    grant = world.ada.reserve(bytes=300, in_place=True)
    with (world.homes / "ada" / "file").open("ab") as file:
        file.write(b"x" * 200)
    assert world.reconciler().round() == 0
    grant.settle(200, 0)
    assert world.reconciler().round() == 0
    assert not caplog.records


def test_a_home_that_cannot_be_read_does_not_stop_the_others(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(world.homes / "ada")
    (world.homes / "ada").write_text("no directory")
    (world.homes / "bob" / "theirs").write_bytes(b"t")
    assert world.reconciler().round() == 1
    assert world.bob.usage() == Usage(101, 2)
    assert "cannot be counted" in caplog.text


def _until(question: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_it_works_on_a_thread_from_time_to_time_until_it_is_stopped(world: World) -> None:
    reconciler = world.reconciler(0.01)
    reconciler.start()
    for size in (5, 6, 7):
        (world.homes / "ada" / "theirs").write_bytes(b"t" * size)
        _until(lambda size=size: _usage(world) == Usage(100 + size, 2))  # type: ignore[misc]
    reconciler.stop()
    assert not any(thread.name == "reconcile" for thread in threading.enumerate())


def _usage(world: World) -> Usage | None:
    try:
        return world.ada.usage()
    except Uncounted:
        return None


def test_one_process_does_it_for_all(world: World) -> None:
    (world.homes / "ada" / "theirs").write_bytes(b"t")
    reconciler = world.reconciler(0.01)
    fd = os.open(world.state / "reconcile.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    reconciler._round_alone()
    assert world.ada.usage() == Usage(100, 1)
    os.close(fd)
    reconciler._round_alone()
    assert world.ada.usage() == Usage(101, 2)


def test_a_stop_ends_a_long_walk_without_a_complaint(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "ENTRIES_A_SECOND", 50)  # a step of it lasts longer than the stop
    for i in range(200):
        (world.homes / "ada" / f"d{i}").mkdir()
    walking = threading.Event()

    def seen(home: Path, homes: Path) -> Iterator[tuple[int, int]]:
        walking.set()
        return walk_home(home, homes)

    monkeypatch.setattr(reconcile, "walk_home", seen)
    reconciler = world.reconciler(0.001)
    reconciler.start()
    assert walking.wait(PATIENCE)
    reconciler.stop()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_fault_is_told_and_the_next_round_comes(world: World, caplog: pytest.LogCaptureFixture) -> None:
    fails = [LedgerFault("no ledger"), OSError(28, "No space left on device")]
    done = threading.Event()

    class Failing(Reconciler):
        def round(self) -> int:
            if fails:
                raise fails.pop()
            done.set()
            return 0

    reconciler = Failing(lambda: world.ledger, world.homes, world.state, 0.001)
    reconciler.start()
    assert done.wait(PATIENCE)
    reconciler.stop()
    assert caplog.text.count("cannot be reconciled") == 2

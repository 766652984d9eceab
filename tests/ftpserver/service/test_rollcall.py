"""ftpserver.service.rollcall: pools follow the account files in the background, and their homes are counted."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.accounts import members
from ftpserver.quota.base import Limits, Usage
from ftpserver.quota.rolls import Rolls
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.quota.unavailable import UnavailableLedger
from ftpserver.service.reconcile import Reconciler
from ftpserver.service.rollcall import RollCall
from tests.books import until


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.homes = folder / "homes"
        (folder / "accounts" / "groups").mkdir(parents=True)
        self.ledger: SqliteLedger | UnavailableLedger = SqliteLedger(folder / "state")
        self.now = 0.0
        self.reconciler = Reconciler(lambda: self.ledger, self.homes, folder / "state", 3600)
        rolls = Rolls(folder / "accounts", self.homes, folder / "state")
        self.rollcall = RollCall(
            lambda: self.ledger, rolls, self.reconciler.count, seconds=0.01, clock=lambda: self.now
        )
        self.write("groups/staff", "pool: {bytes: 5}")
        for name, size in (("ada", 3), ("bob", 4)):
            self.write(name, "group: staff")
            (self.homes / name).mkdir(parents=True)
            (self.homes / name / "file").write_bytes(b"x" * size)

    def write(self, name: str, text: str) -> None:
        (self.folder / "accounts" / f"{name}.yaml").write_text(text)

    def pool(self) -> Usage | None:
        tally = self.ledger.open("/looking", Limits(pool="staff"))
        try:
            return tally.pool_usage()
        finally:
            tally.close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(members, "RACY_NANOSECONDS", -1)
    world = World(tmp_path)
    yield world
    world.ledger.close()


def test_the_homes_of_a_pool_are_told_and_counted(world: World) -> None:
    world.rollcall.look()
    assert world.pool() == Usage(7, 2)
    (world.folder / "accounts" / "bob.yaml").unlink()
    world.rollcall.look()
    assert world.pool() == Usage(3, 1)


def test_a_file_that_is_written_in_place_is_seen_within_a_minute(world: World) -> None:
    world.rollcall.look()
    world.write("bob", "home: bob")
    world.now = 59
    world.rollcall.look()
    assert world.pool() == Usage(7, 2)
    world.now = 60
    world.rollcall.look()
    assert world.pool() == Usage(3, 1)


def test_another_ledger_is_told_at_once(world: World) -> None:
    world.rollcall.look()
    world.ledger.close()
    for name in os.listdir(world.folder / "state"):
        if name.startswith("ledger.sqlite3"):
            (world.folder / "state" / name).unlink()
    world.ledger = SqliteLedger(world.folder / "state")
    world.rollcall.look()
    assert world.pool() == Usage(7, 2)


def test_a_home_that_cannot_be_counted_is_told_and_stops_no_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    (world.homes / "ada" / "file").unlink()
    (world.homes / "ada").rmdir()
    (world.homes / "ada").write_text("no directory")
    world.rollcall.look()
    assert "ada cannot be counted, so its pool gives no room" in caplog.text
    assert [Path(home).name for home in world.ledger.pools.uncounted()] == ["ada"]


def test_on_its_thread_it_goes_on_after_a_fault_and_complains_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    sound, world.ledger = world.ledger, UnavailableLedger("no ledger")
    seen = threading.Semaphore(0)
    look = world.rollcall.look

    def looking() -> None:
        seen.release()
        look()

    world.rollcall.look = looking  # type: ignore[method-assign]
    world.rollcall.start()
    for _ in range(5):
        assert seen.acquire(timeout=30)
    world.ledger = sound
    until(lambda: sound.pools.called("staff") and not sound.pools.uncounted(), "the rolls were not called")
    assert world.pool() == Usage(7, 2)
    world.reconciler.stop()
    world.rollcall.stop()
    assert caplog.text.count("the members of the pools cannot be told: no ledger") == 1
    assert not any(thread.name == "rollcall" for thread in threading.enumerate())

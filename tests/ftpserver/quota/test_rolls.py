"""ftpserver.quota.rolls: the account files are read when they must be, and by one at a time."""

import fcntl
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftpserver.accounts import members
from ftpserver.quota.base import LedgerFault
from ftpserver.quota.rolls import LOCK_NAME, Rolls
from ftpserver.quota.sqlite import SqliteLedger
from tests.service import PATIENCE


class World:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "accounts" / "groups").mkdir(parents=True)
        self.ledger = SqliteLedger(folder / "state")
        self.rolls = self.another()
        self.write("groups/staff", "pool: {bytes: 5}")
        self.write("ada", "group: staff")

    def another(self) -> Rolls:
        return Rolls(self.folder / "accounts", self.folder / "homes", self.folder / "state")

    def write(self, name: str, text: str) -> None:
        (self.folder / "accounts" / f"{name}.yaml").write_text(text)

    def homes(self, pool: str = "staff") -> list[str]:
        return sorted(os.path.basename(home) for home in self.ledger.pools.uncounted(pool))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(members, "RACY_NANOSECONDS", -1)
    world = World(tmp_path)
    yield world
    world.ledger.close()


def looks(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for every time that the files are looked at."""
    seen: list[object] = []
    look = members.Members.look

    def looking(self: members.Members, also: tuple[str, ...] = ()) -> members.Roster:
        seen.append(also)
        return look(self, also)

    monkeypatch.setattr(members.Members, "look", looking)
    return seen


def test_who_needs_a_pool_has_the_files_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = looks(monkeypatch)
    with ThreadPoolExecutor(4) as threads:  # two processes, two threads each
        several = [world.rolls, world.another()] * 2
        list(threads.map(lambda rolls: rolls.ensure(world.ledger.pools, "staff"), several))
    assert len(seen) == 1
    assert world.homes() == ["ada"]


def test_a_pool_that_a_session_still_believes_in_is_one(world: World) -> None:
    """Its group's file is gone, and what the session knew last holds."""
    (world.folder / "accounts" / "groups" / "staff.yaml").unlink()
    world.rolls.ensure(world.ledger.pools, "staff")
    assert world.homes() == ["ada"]


def test_it_is_renewed_when_something_changed_and_not_else(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looks(monkeypatch)
    assert world.rolls.renew(world.ledger.pools) == 1
    assert world.rolls.renew(world.ledger.pools) == 0
    assert len(seen) == 1
    world.write("bob", "group: staff")
    assert world.rolls.renew(world.ledger.pools) == 1
    assert world.homes() == ["ada", "bob"]
    world.write("bob", "home: bob")  # in place: seen by a thorough look only
    assert world.rolls.renew(world.ledger.pools) == 0
    assert world.rolls.renew(world.ledger.pools, thoroughly=True) == 1
    assert world.homes() == ["ada"]
    assert len(seen) == 3


def test_after_a_change_of_a_moment_ago_it_looks_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "RACY_NANOSECONDS", 10**12)
    seen = looks(monkeypatch)
    for _ in range(3):
        world.rolls.renew(world.ledger.pools)
    assert len(seen) == 3


def test_it_waits_for_another_process(world: World) -> None:
    done = threading.Event()

    def renew() -> None:
        world.rolls.renew(world.ledger.pools)
        done.set()

    with (world.folder / "state" / LOCK_NAME).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        thread = threading.Thread(target=renew)
        thread.start()
        assert not done.is_set()
        assert not world.ledger.pools.called("staff")
    assert done.wait(PATIENCE)
    thread.join()
    assert world.ledger.pools.called("staff")


def test_a_stop_ends_it(world: World) -> None:
    for number in range(100):
        world.write(f"user{number}", "group: staff")
    world.rolls.stop()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(LedgerFault, match="stopping"):
        world.rolls.ensure(world.ledger.pools, "staff")
    assert len(os.listdir("/proc/self/fd")) == before
    assert not world.ledger.pools.called("staff")

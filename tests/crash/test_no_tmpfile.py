"""SIGKILL where the file system has no nameless files: invariant 6 of tests/invariants, on FUSE.

There an upload has a hidden name from its first byte, and a new name comes by link and unlink, as there is no
RENAME_NOREPLACE either. So there are more steps to die between, and more that could be left over. The server dies
between two chunks, at everything that is done to a name, after the last of it, and before the reply (test_kill.py dies
at every step, on an ordinary disk).
"""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.books import books, disk, until
from tests.crash.injection import Strace, died
from tests.crash.test_kill import (
    CHANGED,
    CHANGES,
    FIRST_CHUNK,
    LIMIT,
    NEW,
    Change,
    check,
    prepare,
    steps,
    what_is_there,
)
from tests.service import PATIENCE, Service
from tests.wire import Wire

pytestmark = pytest.mark.needs("strace", "bindfs")

NAMING = ("linkat", "rename", "unlink", "mkdir")
FUSE = (
    ".fuse_hidden"  # what FUSE calls a file that was removed while it was open, as by us; until it is closed
)
LINES = {"upload": "STOR new", "overwrite": "STOR file", "append": "APPE file"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service, not started, whose homes are on FUSE."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("only root may mount a file system, and only where there is FUSE")
    service = Service(tmp_path / "service")
    service.add_user("ada", quota={"bytes": LIMIT, "files": 20})
    behind = tmp_path / "behind"
    behind.mkdir()
    subprocess.run(["bindfs", str(behind), str(service.homes)], check=True)
    try:
        with pytest.raises(OSError, match=os.strerror(errno.EOPNOTSUPP)):
            os.open(service.homes, os.O_TMPFILE | os.O_RDWR)
        yield service
    finally:
        subprocess.run(["umount", "--lazy", str(service.homes)], check=True)


class Deaths:
    """The ways to die in a change."""

    def __init__(self, service: Service, folder: Path, change: Change) -> None:
        self.service = service
        self.home = service.home("ada")
        self.folder = folder
        self.change = change

    def between_chunks(self, wire: Wire, line: str) -> None:
        with wire.extended() as data:
            wire.say(line) >> 150
            data.sendall(NEW[:FIRST_CHUNK])
            for _ in range(2):
                wire.say("STAT") >> 211
            self.service.kill()

    def at(self, wire: Wire, call: str, number: int) -> None:
        with Strace(self.service, f"inject={call}:signal=KILL:when={number}", folder=self.folder):
            with pytest.raises((AssertionError, ConnectionError)):
                self.change.act(wire)
            died(self.service)

    def after(self, wire: Wire, call: str, number: int) -> None:
        """The call is carried out, and nothing else: the server is held where it comes back."""
        hold = f"inject={call}:delay_exit={int(PATIENCE * 1e6)}:when={number}"
        process = self.service.process
        assert process is not None
        with ThreadPoolExecutor(1) as thread:
            with Strace(self.service, hold, folder=self.folder):
                acting = thread.submit(self.change.act, wire)
                until(lambda: visible(self.home) == self.change.after()[-1], f"{call} was never carried out")
                process.kill()
            died(self.service)  # not earlier: the tracer is told first
            assert isinstance(acting.exception(), AssertionError | OSError)


def visible(home: Path) -> dict[str, bytes]:
    """Without hidden names: ours, of an upload that died before it came to the staging directory, and FUSE's."""
    while True:
        try:
            found = what_is_there(home)
        except FileNotFoundError:  # renamed while we looked
            continue
        return {
            name: content for name, content in found.items() if not name.startswith((".ftpserver-", FUSE))
        }


def chosen(deaths: Deaths, name: str, lines: list[str]) -> Iterator[Callable[[Wire], None]]:
    todo = list(steps(lines))
    named = [(call, number) for call, number, _ in todo if call.startswith(NAMING)]
    assert bool(named) is not deaths.change.grows, todo
    if name in LINES:
        yield lambda wire: deaths.between_chunks(wire, LINES[name])
    for call, number in named:
        yield lambda wire, call=call, number=number: deaths.at(wire, call, number)  # type: ignore[misc]
    if named:
        yield lambda wire: deaths.after(wire, *named[-1])
    yield lambda wire: deaths.at(wire, *todo[-1][:2])


@pytest.mark.parametrize("name", ["upload", "overwrite", "append", "delete"])
def test_06_killed_around_every_change_of_a_name(service: Service, tmp_path: Path, name: str) -> None:
    change = CHANGED[name]
    with service:
        home = service.home("ada")
        deaths = Deaths(service, tmp_path, change)
        with Wire.member(service, "ada") as wire:
            prepare(home, wire)
            change.act(wire)  # what is done for the first time takes other steps
            prepare(home, wire)
            with Strace(service, f"trace={CHANGES}", folder=tmp_path) as strace:
                change.act(wire)
            assert what_is_there(home) == change.after()[-1]
        for number, death in enumerate(chosen(deaths, name, strace.steps())):
            with Wire.member(service, "ada") as wire:
                prepare(home, wire)
                death(wire)
            assert change.grows or visible(home) in change.after(), number
            until(lambda: not list(home.glob(f"{FUSE}*")), "FUSE does not let go")
            service.start()
            with Wire.member(service, "ada") as wire:
                books(wire)  # the home is counted, and with that what was hidden in it goes
            check(service, home, change, f"death {number}")
        service.run("quota", "verify", "ada")
    assert disk(home)[0] < LIMIT

"""SIGKILL at every step of a change: invariant 6 of tests/invariants.

Each change is first carried out once while its system calls are written down: the bytes of a chunk, the link, the
rename, every page of the ledger's transactions, the reply. Then it is carried out again for each of these steps, and
the server is killed as it enters it, so that each step is once the last that happened and once the first that did
not. After every death the server starts anew, and then there is the old file or the new one and never half of it,
ledger and disk agree, nothing is left over, and the quota is in force.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.books import agree, disk, in_force, nothing_stray
from tests.crash.injection import Strace, died
from tests.service import Service
from tests.wire import Wire

pytestmark = pytest.mark.needs("strace")

LIMIT = 1_000_000
OLD, NEW = b"old " * 25_000, b"new! " * 16_000
FIRST_CHUNK = (
    20_000  # each chunk is read in one piece; the second needs room beyond what was reserved at first
)
CHANGES = "linkat,renameat,renameat2,unlinkat,mkdirat,symlinkat,pwrite64,fsync,sendto"
_CALL = re.compile(r"(\w+)\((\d+<([^>]*)>)?")


@dataclass(frozen=True)
class Change:
    """What a client does, and what may be there after a crash in the middle of it: each dict maps names to contents."""

    act: Callable[[Wire], object]
    after: Callable[[], list[dict[str, bytes]]]
    grows: bool = False
    """It is written in place, so any part of what was added may be there."""


def _store(wire: Wire, line: str, content: bytes) -> None:
    """In two chunks, so that there is a middle: the second is sent when the first has been written."""
    with wire.extended() as data:
        wire.say(line) >> 150
        data.sendall(content[:FIRST_CHUNK])
        for _ in range(
            2
        ):  # the round of the loop that answers the second comes after the one that saw the data
            wire.say("STAT") >> 211
        data.sendall(content[FIRST_CHUNK:])
    wire.hear() >> 226


def _rename(wire: Wire) -> None:
    wire.say("RNFR other") >> 350
    wire.say("RNTO file") >> 250


BEFORE = {"file": OLD, "other": b"other"}

CHANGED = {
    "upload": Change(lambda wire: _store(wire, "STOR new", NEW), lambda: [BEFORE, {**BEFORE, "new": NEW}]),
    "overwrite": Change(
        lambda wire: _store(wire, "STOR file", NEW), lambda: [BEFORE, {**BEFORE, "file": NEW}]
    ),
    "rename over": Change(_rename, lambda: [BEFORE, {"file": b"other"}]),
    "delete": Change(lambda wire: wire.say("DELE file") >> 250, lambda: [BEFORE, {"other": b"other"}]),
    "append": Change(
        lambda wire: _store(wire, "APPE file", NEW), lambda: [{**BEFORE, "file": OLD + NEW}], grows=True
    ),
    "directory": Change(lambda wire: wire.say("MKD new") >> 257, lambda: [BEFORE, {**BEFORE, "new": b""}]),
}


def prepare(home: Path, wire: Wire) -> None:
    """The state before the change, made by a client, so that the ledger knows of it."""
    for path in home.iterdir():
        if path.name not in BEFORE:
            wire.say(f"RMD {path.name}" if path.is_dir() else f"DELE {path.name}") >> 250
    for name, content in BEFORE.items():
        wire.store(f"STOR {name}", content) >> 226
    wire.store("STOR other", BEFORE["other"]) >> 226  # the first that replaces opens the staging directory


def steps(lines: list[str]) -> Iterator[tuple[str, int, str]]:
    """The steps to die at: system call, which one of its name, what it is; repetitions left out."""
    counts: dict[str, int] = {}
    before: list[str] = []
    for line in lines:
        match = _CALL.match(line)
        if match is None:
            continue
        call, file = match[1], os.path.basename(match[3] or "")
        counts[call] = counts.get(call, 0) + 1
        what = f"{call} {file}"
        if call == "sendto":
            what = f"the reply {line.split(chr(34))[1][:3]}"
            if what[-3:] not in ("226", "250", "257"):
                continue
        before.append(what)
        # A transaction of the ledger is several writes: the first is before it, the second tears it.
        if before[-3:] != [what] * 3:
            yield call, counts[call], what


def what_is_there(home: Path) -> dict[str, bytes]:
    return {path.name: b"" if path.is_dir() else path.read_bytes() for path in home.iterdir()}


def check(service: Service, home: Path, change: Change, step: str) -> None:
    """After the restart: everything that must be true."""
    found, allowed = what_is_there(home), change.after()
    if change.grows:
        whole = allowed[0]["file"]
        assert whole.startswith(found["file"]), step
        assert len(found["file"]) >= len(OLD), step
    else:
        assert found in allowed, f"killed at {step}: { ({name: len(data) for name, data in found.items()}) }"
    nothing_stray(service.homes)
    with Wire.member(service, "ada") as wire:
        agree(wire, home)
        in_force(wire, LIMIT)
        agree(wire, home)


@pytest.mark.parametrize("name", list(CHANGED))
def test_06_killed_at_every_step(tmp_path: Path, name: str) -> None:
    change = CHANGED[name]
    service = Service(tmp_path / "service")
    service.add_user("ada", quota={"bytes": LIMIT, "files": 20})
    with service:
        home = service.home("ada")
        with Wire.member(service, "ada") as wire:
            prepare(home, wire)
            with Strace(service, f"trace={CHANGES}", folder=tmp_path) as strace:
                change.act(wire)
            todo = list(steps(strace.steps()))
            assert what_is_there(home) == change.after()[-1]
        assert any(
            what.startswith(("linkat", "rename", "unlink", "mkdir")) or change.grows for _, _, what in todo
        )
        for call, number, what in todo:
            with Wire.member(service, "ada") as wire:
                prepare(home, wire)
                with Strace(service, f"inject={call}:signal=KILL:when={number}", folder=tmp_path):
                    with pytest.raises((AssertionError, ConnectionError)):
                        change.act(wire)
                    died(service)
            service.start()
            check(service, home, change, f"{what} ({number})")
        service.run("quota", "verify", "ada")
    assert len(todo) >= 4, todo
    assert disk(home)[0] < LIMIT

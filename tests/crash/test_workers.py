"""A worker is killed in the middle of a change while others live: invariant 6 of tests/invariants, several processes.

All workers share one ledger. One dies at an exact step of a change; another has an upload of the same user under way
and a session that goes on. Nobody notices but the client of the dead one: what the dead held is free again, the home
is counted, ledger and disk agree, the quota holds at every instant and is in force, and the worker is replaced.
"""

from pathlib import Path

import pytest

from tests.books import agree, disk, in_force, nothing_stray, until
from tests.crash.injection import Strace
from tests.crash.test_kill import BEFORE, CHANGED, CHANGES, NEW, prepare, steps, what_is_there
from tests.ftpserver.workforce import only, pids, wait_until_gone
from tests.sampler import Sampler
from tests.service import Service
from tests.wire import Wire

pytestmark = pytest.mark.needs("strace")

LIMIT = 1_000_000
STEADY = b"steady" * 1000


def member(service: Service, number: int) -> Wire:
    """A session of ada with this worker."""
    with only(service, number):
        return Wire.member(service, "ada")


def chosen(lines: list[str]) -> list[tuple[str, int, str]]:
    """Before the name changes, after it and before its settling, and before the reply; for an append, in its chunks."""
    todo = list(steps(lines))
    named = [i for i, (call, _, _) in enumerate(todo) if call.startswith(("rename", "unlink", "link"))]
    at = named[-1] if named else max(i for i, (_, _, what) in enumerate(todo) if what.endswith(" file"))
    return [todo[at], todo[at + 1], todo[-1]]


@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("name", ["upload", "overwrite", "append", "delete"])
def test_06_a_worker_dies_and_the_others_live(tmp_path: Path, name: str, workers: int) -> None:
    change = CHANGED[name]
    with Service(tmp_path / "service", {"workers": workers}) as service:
        service.add_user("ada", quota={"bytes": LIMIT, "files": 20})
        home = service.home("ada")
        with member(service, 1) as wire:
            prepare(home, wire)
            with Strace(service, f"trace={CHANGES}", folder=tmp_path, pid=pids(service)[1]) as strace:
                change.act(wire)
            todo = chosen(strace.steps())
        for round_, (call, number, what) in enumerate(todo):
            victim, survivor = round_ % workers + 1, (round_ + 1) % workers + 1
            _kill_one(
                service, tmp_path, name, victim, survivor, f"inject={call}:signal=KILL:when={number}", what
            )
        assert service.log.count('event="worker died"') == len(todo)
        service.run("quota", "verify", "ada")
    nothing_stray(service.homes)


def _kill_one(
    service: Service, folder: Path, name: str, victim: int, survivor: int, injection: str, what: str
) -> None:
    change, home = CHANGED[name], service.home("ada")
    before = pids(service)
    with member(service, survivor) as living, member(service, survivor) as other, other.extended() as data:
        prepare(home, living)
        with Sampler(service, home) as sampler:
            other.say("STOR steady") >> 150
            data.sendall(STEADY)
            sampler.next_look()
        with member(service, victim) as wire:
            (
                wire.say("MKD d") >> 257
            )  # it uses the home from now on: its first change would write more than the others
            wire.say("RMD d") >> 250
            with Strace(service, injection, folder=folder, pid=before[victim]):
                with pytest.raises((AssertionError, ConnectionError)):
                    change.act(wire)
                wait_until_gone(before[victim])
        found = what_is_there(home)
        if change.grows:
            assert found["file"].startswith(BEFORE["file"]), what
            assert (BEFORE["file"] + NEW).startswith(found["file"]), what
        else:
            assert found in change.after(), what
        with Sampler(service, home) as sampler:
            data.sendall(STEADY)
            data.close()
            other.hear() >> 226
            (
                living.say(f"ALLO {LIMIT}") >> 200
            )  # more than there is: the dead are looked for before it is refused
            living.say("NOOP") >> 200
            agree(living, home)
            in_force(living, LIMIT)
        assert sampler.peak <= LIMIT
        assert (home / "steady").read_bytes() == STEADY * 2
        living.say("DELE steady") >> 250
    until(lambda: pids(service)[victim] != before[victim], "the worker was not replaced")
    service.wait_for_log(f"worker started.* worker={victim} pid={pids(service)[victim]}")
    with member(service, victim) as wire:
        wire.store("STOR again", b"a" * 100) >> 226
        assert agree(wire, home) == disk(home)
        wire.say("DELE again") >> 250
    nothing_stray(service.homes)

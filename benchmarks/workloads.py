"""What is measured. A workload is the same for every server: nothing here asks who it is, only what it can do."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.arena import Arena
from benchmarks.generator import Result
from benchmarks.ground import SMALL
from benchmarks.machine import memory, wait_until_still
from benchmarks.measure import LIMIT, OURS, Participant, Row, Sample
from benchmarks.peers.base import Peer
from benchmarks.peers.ours import Ours
from benchmarks.slow import CLIENTS, slow_disk, slow_disks_can_be_made

Measure = Callable[[Arena, Peer], Sample]


def always(_: Peer) -> bool:
    """Every server can."""
    return True


@dataclass(frozen=True)
class Workload:
    """One row to be."""

    key: str
    title: str
    unit: str
    measure: Measure
    target: str = ""
    more_is_better: bool = True
    can: Callable[[Peer], bool] = always
    limit: Callable[[Arena], Sample] | None = None
    many_workers: bool = False  # ours has the number of workers the run was asked for
    rounds: int | None = None  # at most so many
    full_only: bool = False

    def participants(self, arena: Arena) -> list[Participant]:
        """Who takes part: every peer that can, and the machine."""
        found: list[Participant] = []
        for peer in arena.peers.values():
            one = arena.ours_with(arena.workers) if self.many_workers and peer.key == OURS else peer
            if self.can(one):
                found.append((peer.key, lambda one=one: self.measure(arena, arena.standing(one))))  # type: ignore[misc]
        limit = self.limit
        if limit is not None and arena.generator.has_bare:
            found.append((LIMIT, lambda: limit(arena)))
        return found

    def row(self, arena: Arena) -> Row:
        """The row, empty."""
        workers = f", workers: {arena.workers}" if self.many_workers and arena.workers != "1" else ""
        scale = arena.scale
        title = self.title.format(
            big=f"{scale.big >> 20:,} MiB",
            middle=f"{scale.middle / 2**20:g} MiB",
            parallel=scale.parallel,
            entries=f"{scale.entries:,}",
            idle=f"{scale.idle:,}",
        )
        return Row(self.key, title + workers, self.unit, self.more_is_better, self.target)


def _rate(result: Result) -> Sample:
    return Sample(result.rate, result.cpu / result.seconds)


def _speed(result: Result) -> Sample:
    return Sample(result.speed / 1e9, result.cpu / result.seconds)


def login(arena: Arena, peer: Peer) -> Sample:
    """Eight clients log in and leave, again and again; each has done so before."""
    arena.generator.run("login", clients=8, count=1, **peer.target())
    return _rate(arena.generator.run("login", clients=8, seconds=arena.scale.seconds, **peer.target()))


def small_down(clients: int) -> Measure:
    """4 KiB downloads, each with a data connection of its own."""

    def measure(arena: Arena, peer: Peer) -> Sample:
        options = {"clients": clients, "seconds": arena.scale.seconds, **peer.target()}
        return _rate(arena.generator.run("retr", name="small", size=SMALL, **options))

    return measure


def small_up(clients: int, name: str) -> Measure:
    """4 KiB uploads into a fresh directory; `name` tells new names from the same one."""

    def measure(arena: Arena, peer: Peer) -> Sample:
        options = {"clients": clients, "seconds": arena.scale.seconds, **peer.target()}
        with arena.fresh(peer) as folder:
            return _rate(arena.generator.run("stor", name=f"{folder}/{name}", size=SMALL, **options))

    return measure


def bulk(mode: str, what: str, *, tls: bool = False) -> Measure:
    """The big file once, or the middle one by many clients at once."""

    def measure(arena: Arena, peer: Peer) -> Sample:
        size, clients = _shape(arena, what)
        options = {"size": size, "clients": clients, "count": 1, **peer.target(tls=tls)}
        if mode == "retr":
            return _speed(arena.generator.run("retr", name=what, **options))
        with arena.fresh(peer) as folder:
            return _speed(arena.generator.run("stor", name=f"{folder}/f%c", **options))

    return measure


def _shape(arena: Arena, what: str) -> tuple[int, int]:
    scale = arena.scale
    return (scale.big, 1) if what == "big" else (scale.middle, scale.parallel)


def bare_bulk(task: str, what: str, *, tls: bool = False) -> Callable[[Arena], Sample]:
    """The machine's own limit for a bulk row."""

    def measure(arena: Arena) -> Sample:
        size, clients = _shape(arena, what)
        return _speed(
            arena.bare(task if task == "receive" else what, size, tls=tls, clients=clients, count=1)
        )

    return measure


def bare_small(task: str, clients: int) -> Callable[[Arena], Sample]:
    """The machine's own limit for small files: the data connection without any command."""

    def measure(arena: Arena) -> Sample:
        return _rate(arena.bare(task, SMALL, tls=False, clients=clients, seconds=arena.scale.seconds))

    return measure


def listing(verb: str, *, first: bool = False) -> Measure:
    """The large directory: seconds for all of it, or milliseconds to the first byte."""

    def measure(arena: Arena, peer: Peer) -> Sample:
        result = arena.generator.run("list", name=f"{verb} many", count=1, **peer.target())
        assert result.lines >= arena.scale.entries, (
            f"{peer.key} left out {arena.scale.entries - result.lines} names"
        )
        return Sample(result.first * 1e3 if first else result.seconds, result.cpu / result.seconds)

    return measure


def idle_memory(clients: int | None = None) -> Measure:
    """KiB of memory (Pss of all processes) for each client that is logged in and does nothing."""

    def measure(arena: Arena, peer: Peer) -> Sample:
        peer.stop()  # what earlier work has left behind is not counted
        peer.start()
        count = clients or arena.scale.idle
        arena.generator.run("login", clients=peer.users, count=1, **peer.target())
        wait_until_still(peer.pid)
        before = memory(peer.pid)["Pss"]
        with arena.generator.idle(clients=count, **peer.target()):
            wait_until_still(peer.pid)
            return Sample((memory(peer.pid)["Pss"] - before) / count / 1024)

    return measure


def _loads(arena: Arena, peer: Peer, others: str, seconds: float, folder: str) -> list[dict[str, object]]:
    """What the others do meanwhile: options of the load, with their mode."""
    common = {**peer.target(), "seconds": seconds}
    size = arena.scale.middle
    if others == "bulk":
        return [
            {"mode": "retr", "name": "middle", "size": size, "clients": 25, **common},
            {"mode": "stor", "name": f"{folder}/f%c", "size": size, "clients": 25, **common},
        ]
    if others == "list":
        verb = "MLSD" if peer.mlsd else "LIST"
        return [{"mode": "list", "name": f"{verb} many", "clients": 4, **common, "users": 1}]
    if others == "hash":
        return [{"mode": "command", "name": f"{peer.hash} big", **common}]
    if others == "disk":
        return [{"mode": "retr", "name": f"{folder}/middle", "size": size, "clients": CLIENTS, **common}]
    assert others == "login"
    cold = peer.cold_users(100) if isinstance(peer, Ours) else {}
    return [{"mode": "login", "clients": 8, **common, **cold}]


def delay(others: str) -> Measure:
    """Milliseconds that 99 of 100 NOOPs wait less than, while others work."""

    def measure(arena: Arena, peer: Peer) -> Sample:
        lead, span = 0.3, max(0.5, arena.scale.seconds)
        with arena.fresh(peer) as folder, contextlib.ExitStack() as stack:
            if others == "disk":
                stack.enter_context(slow_disk(peer.homes, folder, arena.ground.sources / "middle"))
            started = []
            for load in _loads(arena, peer, others, span + 2 * lead, folder):
                mode = str(load.pop("mode"))
                process = arena.generator.start(mode, **load)
                stack.callback(process.wait)
                stack.callback(process.kill)
                started.append(process)
            time.sleep(lead)
            result = arena.generator.run("noop", seconds=span, pause=1000, **peer.target())
            for process in started:
                arena.generator.finish(process)
        return Sample(result.p99 * 1e3)

    return measure


class WorkersWorkload(Workload):
    """Ours against itself, bulk TLS by eight clients: two workers, and one that has one processor.

    One that has two uses both (ftpserver/data/crew.py), and would not tell what another worker brings.
    """

    def participants(self, arena: Arena) -> list[Participant]:
        """Two workers are "ours" here, one is the peer."""
        if OURS not in arena.peers:
            return []
        two, one = arena.ours_with("2"), arena.ours_with("1", processors=1)
        return [
            (OURS, lambda: self.measure(arena, arena.standing(two))),
            ("one processor", lambda: self.measure(arena, arena.standing(one))),
        ]


def _bulk_tls_by_eight(arena: Arena, peer: Peer) -> Sample:
    options = {"size": arena.scale.big // 8, "clients": 8, "count": 2, **peer.target(tls=True)}
    with arena.fresh(peer) as folder:
        arena.generator.run("stor", name=f"{folder}/f%c", **{**options, "count": 1, "tls": 0})
        return _speed(arena.generator.run("retr", name=f"{folder}/f%c", **options))


def _bulk_rows() -> list[Workload]:
    rows = []
    for tls in (False, True):
        for mode, verb, task in (("retr", "RETR", "send"), ("stor", "STOR", "receive")):
            for what, title in (("big", "1 file of {big}"), ("middle", "{parallel} x {middle} at once")):
                rows.append(
                    Workload(
                        f"{'tls-' if tls else ''}{mode}-{what}",
                        f"{verb} {title}{', TLS 1.3' if tls else ''}",
                        "GB/s",
                        bulk(mode, what, tls=tls),
                        "≥ 1.1" if tls or mode == "stor" else "≥ 1.0",
                        can=(lambda peer: peer.tls) if tls else always,
                        limit=bare_bulk(task, what, tls=tls),
                    )
                )
    return rows


def _small_rows() -> list[Workload]:
    one, many = bare_small("small", 1), bare_small("small", 16)
    up, ups = bare_small("receive", 1), bare_small("receive", 16)
    new, same = small_up(1, "n%n"), small_up(1, "same")
    return [
        Workload("login", "login + quit, 8 at once", "/s", login, "≥ 1.3"),
        Workload("retr-small", "RETR 4 KiB, 1 client", "/s", small_down(1), "≥ 1.0", limit=one),
        Workload("stor-new", "STOR 4 KiB, 1 client, new names", "/s", new, "≥ 1.0", limit=up),
        Workload("stor-same", "STOR 4 KiB, 1 client, same name", "/s", same, "≥ 1.0"),
        Workload(
            "retr-16", "RETR 4 KiB, 16 clients", "/s", small_down(16), "≥ 1.0", limit=many, many_workers=True
        ),
        Workload(
            "stor-16",
            "STOR 4 KiB, 16 clients",
            "/s",
            small_up(16, "n%c-%n"),
            "≥ 1.0",
            limit=ups,
            many_workers=True,
        ),
    ]


def _less(key: str, title: str, unit: str, measure: Measure, target: str, **more: object) -> Workload:
    return Workload(key, title, unit, measure, target, more_is_better=False, **more)  # type: ignore[arg-type]


def _other_rows() -> list[Workload]:
    lists = [
        _less(
            f"{verb.lower()}{'-first' if first else ''}",
            title,
            unit,
            listing(verb, first=first),
            target,
            can=can,
        )
        for verb, ratio, can in (("MLSD", "≥ 2.0", lambda peer: peer.mlsd), ("LIST", "≥ 0.9", always))
        for first, title, unit, target in (
            (False, f"{verb} of {{entries}} names", "s", ratio),
            (True, f"{verb} of {{entries}} names, first byte", "ms", "< 20 ms"),
        )
    ]
    delays = [
        _less(f"delay-{others}", f"NOOP p99 while {what}", "ms", delay(others), "< 10 ms", can=can)
        for others, what, can in (
            ("bulk", "50 clients move bulk", lambda peer: peer.noop),
            ("list", "4 clients list {entries} names", lambda peer: peer.noop),
            ("hash", "{big} are hashed", lambda peer: peer.noop and bool(peer.hash)),
            ("login", "8 clients log in (ours: bcrypt 12, cold)", lambda peer: peer.noop),
            ("disk", "4 clients read a slow disk", lambda peer: peer.noop and slow_disks_can_be_made()),
        )
    ]
    target = "≥ 1.0, < 12 KiB"
    return [
        *lists,
        *delays,
        _less("memory", "memory of an idle client, {idle} of them", "KiB", idle_memory(), target, rounds=1),
        _less(
            "memory-9000",
            "memory of an idle client, 9,000 of them",
            "KiB",
            idle_memory(9000),
            target,
            rounds=1,
            full_only=True,
        ),
        WorkersWorkload(
            "workers", "RETR under TLS by 8 clients, 2 workers", "GB/s", _bulk_tls_by_eight, "≥ 1.6"
        ),
    ]


WORKLOADS: dict[str, Workload] = {
    workload.key: workload for workload in [*_small_rows(), *_bulk_rows(), *_other_rows()]
}
"""Every row in the order of the table."""

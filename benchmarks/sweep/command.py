"""The sweep: the same small work on two servers of ours, one bare and one with much of something, in turns.

A ratio near 1 says that the work does not depend on it: on sessions that do nothing, on accounts that nobody uses, on
files that lie in the home. The ratio of the same bare server against another bare one is shown too: it is the noise.
"""

import contextlib
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.generator import Generator
from benchmarks.ground import SMALL, TINY, Ground, Scale
from benchmarks.machine import default_folder, describe, room_for_connections
from benchmarks.peers.ours import Ours

_FOLDERS = 100  # that many files are spread over


@dataclass(frozen=True)
class Much:
    """Something there is much of on one of the two servers."""

    title: str
    counts: tuple[int, ...]
    make: Callable[["Stage", Ours, int], AbstractContextManager[None]]


@dataclass
class Stage:
    """What all measurements need."""

    ground: Ground
    generator: Generator
    seconds: float
    rounds: int

    def rate(self, server: Ours, work: str) -> float:
        """How often a second this work is done by one client."""
        options = {"clients": 1, "seconds": self.seconds, **server.target()}
        if work == "login":
            return self.generator.run("login", **options).rate
        if work == "retr":
            return self.generator.run("retr", name="small", size=SMALL, **options).rate
        self.ground.fresh(server.homes, "visit")
        try:
            return self.generator.run("stor", name="visit/f%n", size=SMALL, **options).rate
        finally:
            self.ground.clear(server.homes, "visit")

    def compare(self, bare: Ours, full: Ours, work: str) -> float:
        """How many times as fast the full one is: the median of the rounds, taken in turns."""
        ratios = []
        for number in range(self.rounds):
            first, second = (bare, full) if number % 2 else (full, bare)
            rates = {id(first): self.rate(first, work)}
            rates[id(second)] = self.rate(second, work)
            ratios.append(rates[id(full)] / rates[id(bare)])
        return statistics.median(ratios)


@contextlib.contextmanager
def _sessions(stage: Stage, server: Ours, count: int) -> Iterator[None]:
    with stage.generator.idle(clients=count, **server.target()):
        yield


@contextlib.contextmanager
def _accounts(stage: Stage, server: Ours, count: int) -> Iterator[None]:
    folder = server.accounts
    model = (folder / "u0.yaml").read_bytes()
    for number in range(count):
        file = os.open(folder / f"nobody{number:06}.yaml", os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(file, model)
        os.close(file)
    yield
    for number in range(count):
        os.unlink(folder / f"nobody{number:06}.yaml")


@contextlib.contextmanager
def _files(stage: Stage, server: Ours, count: int) -> Iterator[None]:
    top = server.homes[0] / "much"
    for number in range(_FOLDERS):
        (top / str(number)).mkdir(parents=True)
    source = stage.ground.sources / "small"
    for number in range(count):
        os.link(source, top / str(number % _FOLDERS) / f"f{number}")
    try:
        yield
    finally:
        shutil.rmtree(top)


MUCH = (
    Much("idle sessions", (100, 1000, 3000), _sessions),
    Much("accounts", (1000, 10_000, 100_000), _accounts),
    Much("files in the home", (1000, 10_000, 100_000), _files),
)
WORKS = ("login", "retr", "stor")


def sweep(stage: Stage, largest: int) -> Iterator[list[str]]:
    """The rows of the table: what, how much, and a ratio for each work."""
    bare, full = Ours(stage.ground, "bare"), Ours(stage.ground, "full")
    with contextlib.ExitStack() as stack:
        for server in (bare, full):
            server.start()
            stack.callback(server.stop)
        for work in WORKS:
            stage.rate(bare, work)
            stage.rate(full, work)
        yield ["nothing", "0", *(f"{stage.compare(bare, full, work):.2f}" for work in WORKS)]
        for much in MUCH:
            for count in (count for count in much.counts if count <= largest):
                with much.make(stage, full, count):
                    ratios = [f"{stage.compare(bare, full, work):.2f}" for work in WORKS]
                yield [much.title, f"{count:,}", *ratios]


@click.command()
@click.option("--rounds", type=click.IntRange(1), default=5, show_default=True, help="Pairs for each figure.")
@click.option("--seconds", type=float, default=1.0, show_default=True, help="How long a rate is measured.")
@click.option("--largest", type=int, default=100_000, show_default=True, help="Leave out what is more.")
def main(rounds: int, seconds: float, largest: int) -> None:
    """Show that the cost of a login, a download and an upload of 4 KiB does not grow with what is idle."""
    scale: Scale = TINY
    folder = Path(tempfile.mkdtemp(prefix="ftpserver-sweep-", dir=default_folder(1 << 30)))
    try:
        with room_for_connections():
            stage = Stage(Ground(folder, scale), Generator(), seconds, rounds)
            about = {**describe(folder), "rounds": rounds}
            click.echo("; ".join(f"{key}: {value}" for key, value in about.items()))
            click.echo(f"\n| much of | how much | {' | '.join(WORKS)} |\n|---|---:|{'---:|' * len(WORKS)}")
            for row in sweep(stage, largest):
                click.echo(f"| {' | '.join(row)} |")
    finally:
        shutil.rmtree(folder, ignore_errors=True)

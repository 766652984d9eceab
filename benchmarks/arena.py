"""The arena: everything that stands while the workloads run, started when it is first asked for."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.generator import Generator, Result
from benchmarks.ground import Ground, Scale
from benchmarks.peers.base import Peer
from benchmarks.peers.ours import Ours


class Arena:
    """The ground, the load, the servers and the bare loops of one run."""

    def __init__(self, ground: Ground, generator: Generator, peers: list[Peer], workers: str = "1") -> None:
        """`peers` are installed and not started; `workers` is what ours has where a row says so."""
        self.ground = ground
        self.generator = generator
        self.peers = {peer.key: peer for peer in peers}
        self.workers = workers
        self._variants: dict[str, Ours] = {}
        self._bare: dict[tuple[str, bool], int] = {}
        self._stack = contextlib.ExitStack()
        self._visits = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        for peer in [*self.peers.values(), *self._variants.values()]:
            peer.kill() if kind else peer.stop()

    @property
    def scale(self) -> Scale:
        """How large the work is."""
        return self.ground.scale

    def standing(self, peer: Peer) -> Peer:
        """The peer, started. Raises Broken."""
        if peer.process is None:
            peer.start()
        return peer

    def ours_with(self, workers: str, processors: int = 0) -> Peer:
        """Ours with so many workers, on so many processors (0: all); not started."""
        if workers == "1" and not processors and "ours" in self.peers:
            return self.peers["ours"]
        name = f"ours-{workers}-{processors}"
        if name not in self._variants:
            self._variants[name] = Ours(self.ground, name, workers, processors=processors)
        return self._variants[name]

    def bare_port(self, task: str, *, tls: bool) -> int:
        """The port of the loop that sends the file `task` names, or receives into its own folder."""
        if (task, tls) not in self._bare:
            secrets = (self.ground.certificate, self.ground.key) if tls else ()
            verb, target = (
                ("receive", self._bare_folder())
                if task == "receive"
                else ("send", self.ground.sources / task)
            )
            context = self.generator.bare(verb, target, *secrets)
            self._bare[task, tls] = self._stack.enter_context(context)
        return self._bare[task, tls]

    def _bare_folder(self) -> Path:
        folder = self.ground.folder / "bare"
        folder.mkdir(exist_ok=True)
        return folder

    def bare(self, task: str, size: int, *, tls: bool, **options: object) -> Result:
        """One run of the load against the bare loop, with what it wrote removed. Raises LoadFailed."""
        mode = "bare-stor" if task == "receive" else "bare-retr"
        more = {"tls": 1} if tls else {}
        try:
            return self.generator.run(mode, port=self.bare_port(task, tls=tls), size=size, **more, **options)
        finally:
            if task == "receive":
                for file in self._bare_folder().iterdir():
                    file.unlink()

    @contextlib.contextmanager
    def fresh(self, peer: Peer) -> Iterator[str]:
        """The name of a new directory in every home of the peer, which is removed at the end."""
        self._visits += 1
        name = f"visit{self._visits}"
        self.ground.fresh(peer.homes, name)
        try:
            yield name
        finally:
            self.ground.clear(peer.homes, name)

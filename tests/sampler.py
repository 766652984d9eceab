"""What a home holds at one instant, looked at again and again while the server works.

    with Sampler(service, home) as sampler:
        ...                       # uploads; `sampler.next_look()` between two pieces
    assert sampler.peak <= limit

The sampler stops the whole server (SIGSTOP) for each look, so that a look is one instant and not a walk
through several, and it counts what a listing cannot show too: the nameless files that the server has open.
A client that sends a piece only after a new look was taken shows every stage of a race, on a slow machine and
on a fast one.
"""

import os
import signal
import stat
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.service import PATIENCE, Service


@dataclass(frozen=True, slots=True)
class Look:
    """One instant: bytes and entries under their names, and bytes with the files that have none yet."""

    visible: int
    entries: int
    held: int


class Sampler:
    """Looks at homes together, again and again while the server stands still; the peaks are the most it saw."""

    def __init__(self, service: Service, *homes: Path) -> None:
        assert service.process is not None
        self.pid = service.process.pid
        self.homes: Sequence[Path] = homes
        self.peak = 0
        """Bytes, those without a name included; each file once."""
        self.visible_peak = 0
        """Bytes a listing shows; each name counts."""
        self.entries_peak = 0
        self.looks = 0
        self._looked = threading.Condition()
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def next_look(self) -> None:
        """Waits until a look was taken that began after this call."""
        with self._looked:
            goal = self.looks + 2  # the one under way may have begun before
            self._looked.wait_for(lambda: self.looks >= goal or self._over.is_set(), PATIENCE)

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                os.killpg(self.pid, signal.SIGSTOP)
                try:
                    self._stands_still()
                    look = self._look()
                finally:
                    os.killpg(self.pid, signal.SIGCONT)
                with self._looked:
                    self.peak = max(self.peak, look.held)
                    self.visible_peak = max(self.visible_peak, look.visible)
                    self.entries_peak = max(self.entries_peak, look.entries)
                    self.looks += 1
                    self._looked.notify_all()
                self._over.wait(0.001)  # the server has to run, too
        except BaseException as failure:  # told in the test's own thread
            self._failure = failure
            self._over.set()

    def _stands_still(self) -> None:
        """Waits until every thread of the server's processes has stopped."""
        for pid in self._processes():
            with suppress(FileNotFoundError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    with suppress(FileNotFoundError, ProcessLookupError):
                        while (task / "stat").read_text().rpartition(")")[2].split()[0] not in "TZX":
                            os.sched_yield()

    def _processes(self) -> list[int]:
        """The server and its workers: every process of its group."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with suppress(OSError):
                    if os.getpgid(int(entry.name)) == self.pid:
                        found.append(int(entry.name))
        return found

    def _look(self) -> Look:
        sizes: dict[tuple[int, int], int] = {}
        visible = entries = 0
        for home in self.homes:
            for directory, folders, names in os.walk(home):
                entries += len(folders) + len(names)
                for name in names:
                    facts = os.lstat(os.path.join(directory, name))
                    if stat.S_ISREG(facts.st_mode):
                        visible += facts.st_size
                        sizes[facts.st_dev, facts.st_ino] = facts.st_size
        sizes.update(self._nameless())
        return Look(visible, entries, sum(sizes.values()))

    def _nameless(self) -> dict[tuple[int, int], int]:
        """The files below the homes that the server has open and nobody can see."""
        sizes: dict[tuple[int, int], int] = {}
        parents = {str(home.parent) for home in self.homes}
        for pid in self._processes():
            with suppress(FileNotFoundError):
                for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                    with suppress(OSError):
                        facts, target = descriptor.stat(), os.readlink(descriptor)
                        gone = target.endswith(" (deleted)") and any(parent in target for parent in parents)
                        if gone and stat.S_ISREG(facts.st_mode):
                            sizes[facts.st_dev, facts.st_ino] = facts.st_size
        return sizes

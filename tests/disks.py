"""Disks of our own: in memory and as small as a test wants, or standing still whenever a test says so.

The latter is a file system (bindfs) whose process is stopped and goes on:

with Disk(behind, mounted) as disk:
    with disk.standing_still():
        ...                     # whoever writes to `mounted` waits
"""

import contextlib
import os
import platform
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.books import until

_PWRITE = {"x86_64": 18, "aarch64": 68}[platform.machine()]


@contextlib.contextmanager
def memory_disk(place: Path, options: str) -> Iterator[Path]:
    """A tmpfs at `place`, which is made; mounted with `options`, such as "size=2m". Only root may do that."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "ftpserver-test", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


class Disk:
    """What is written to `mounted` is found in `behind`."""

    def __init__(self, behind: Path, mounted: Path) -> None:
        if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
            pytest.skip("only root may mount a file system, and only where there is FUSE")
        self.behind = behind
        self._mounted = mounted

    def __enter__(self) -> Self:
        for path in (self.behind, self._mounted):
            path.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(["bindfs", "-f", self.behind, self._mounted])
        until(lambda: os.path.ismount(self._mounted), "nothing is mounted")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGCONT)
        subprocess.run(["umount", "--lazy", self._mounted], check=True)
        self._process.terminate()  # also when something on it is open
        self._process.wait(20)

    @contextlib.contextmanager
    def standing_still(self) -> Iterator[None]:
        """Nothing is read or written meanwhile."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            until(lambda: _state(self._process.pid) == "T", "the disk does not stop")
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def writers(process: int) -> int:
    """How many threads of a process write to a file this moment."""
    count = 0
    for task in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):  # it has just ended
            count += (task / "syscall").read_text().split()[0] == str(_PWRITE)
    return count

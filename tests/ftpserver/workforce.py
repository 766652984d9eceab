"""The workers of a running service, and which of them the next connection goes to.

All workers accept on one socket. `only` stops the others (SIGSTOP), so that one alone can.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.service import PATIENCE, Service

_STARTED = re.compile(r'event="worker started" worker=(\d+) pid=(\d+)')


def pids(service: Service) -> dict[int, int]:
    """The process of each worker, by its number."""
    return {int(number): int(pid) for number, pid in _STARTED.findall(service.log)}


def state(pid: int) -> str:
    """The kernel's letter for what a process does; "" when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def wait_until_gone(*gone: int) -> None:
    """Wait for the end of processes that are not our children."""
    deadline = time.monotonic() + PATIENCE
    while any(state(pid) not in ("", "Z") for pid in gone):
        assert time.monotonic() < deadline, f"{gone} live"
        time.sleep(0.01)


@contextmanager
def started(service: Service, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A service whose end the test looks at itself; a test that fails leaves no process behind."""
    service.start(*arguments)
    process = service.process
    assert process is not None
    try:
        yield process
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        raise
    finally:
        service.process = None


def stop(service: Service, pid: int) -> None:
    """Let a worker stand still, but not in the middle of what it does under a lock that all share."""
    deadline = time.monotonic() + PATIENCE
    shared = {path.stat().st_ino for path in [*service.state.glob("*.lock"), *service.state.glob("homes/*")]}
    while True:
        os.kill(pid, signal.SIGSTOP)
        while state(pid) not in ("T", ""):
            assert time.monotonic() < deadline, f"{pid} does not stop"
            time.sleep(0.001)
        if not shared & _locked_by(pid):
            return
        os.kill(pid, signal.SIGCONT)
        assert time.monotonic() < deadline, f"{pid} keeps a lock"
        time.sleep(0.001)


def _locked_by(pid: int) -> set[int]:
    """The inodes of the files that a process has locked for itself."""
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    return {
        int(lock[5].rpartition(":")[2])
        for lock in locks
        if len(lock) >= 6 and lock[1] == "FLOCK" and lock[3] == "WRITE" and lock[4] == str(pid)
    }


@contextmanager
def only(service: Service, number: int) -> Iterator[None]:
    """Connections that are made in here go to this worker."""
    others = [pid for other, pid in pids(service).items() if other != number and state(pid)]
    try:
        for pid in others:
            stop(service, pid)
        yield
    finally:
        for pid in others:
            if state(pid):
                os.kill(pid, signal.SIGCONT)

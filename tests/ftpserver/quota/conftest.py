"""Ledgers to test with, and other processes that share one."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftpserver.quota.base import Limits, Tally
from ftpserver.quota.sqlite import SqliteLedger

# What another process runs: lines of Python come in, the repr of each value goes out as JSON.
_PEER = """
import json, sys, traceback
from pathlib import Path
from ftpserver.quota.base import *
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.storage.base import Identity
space = dict(globals())
for line in sys.stdin:
    try:
        source = json.loads(line)
        try:
            answer = repr(eval(source, space))
        except SyntaxError:
            exec(source, space)
            answer = "None"
    except BaseException as error:
        answer = type(error).__name__
    print(json.dumps(answer), flush=True)
"""


class Peer:
    """Another process that does what it is told, until it is killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def tell(self, source: str) -> None:
        """Give it work and do not wait for the end of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(source) + "\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Wait for the repr of a value, or the name of what was raised."""
        assert self._process.stdout is not None
        answer: str = json.loads(self._process.stdout.readline())
        return answer

    def do(self, source: str) -> str:
        """Tell and hear."""
        self.tell(source)
        return self.hear()

    def open(self, state: Path, home: str, limits: Limits) -> "Peer":
        """Open a ledger and a tally, as `ledger` and `tally`."""
        assert self.do(f"ledger = SqliteLedger(Path({str(state)!r}))") == "None"
        assert self.do(f"tally = ledger.open({home!r}, {limits!r})") == "None"
        return self

    def kill(self) -> None:
        """SIGKILL, and wait for its death."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def ledger(state: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(state)
    yield opened
    opened.close()


@pytest.fixture
def peer() -> Iterator[Callable[[], Peer]]:
    """Start another process."""
    started = []

    def start() -> Peer:
        started.append(Peer())
        return started[-1]

    yield start
    for process in started:
        process.kill()


def count(tally: Tally, bytes: int = 0, files: int = 0) -> None:
    """Let the books say that so much is there."""
    tally.recount(lambda: iter([(bytes, files)]))

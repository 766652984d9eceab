"""A terminal with a program in it, for tests of what a person sees and types.

The program gets a real pseudo-terminal as its controlling one (so that getpass asks there), 200 columns wide. A
test says a line and waits for text; it never waits for time.
"""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.service import PATIENCE


class Terminal:
    """One program on one pseudo-terminal; `screen` is everything it wrote."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.screen = ""
        self._read_up_to = 0
        self._master, slave = os.openpty()
        kept = {name: value for name, value in environment.items() if name not in {"COLUMNS", "LINES"}}
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        try:
            self.process = subprocess.Popen(
                ["setsid", "--ctty", *command],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=folder,
                env={**kept, "TERM": "xterm", "HOME": str(folder)},
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        os.close(self._master)

    def say(self, line: str) -> None:
        """Types a line and Enter."""
        os.write(self._master, line.encode() + b"\n")

    def expect(self, pattern: str) -> re.Match[str]:
        """Waits for `pattern` in what was written since the last match and returns the match."""
        deadline = time.monotonic() + PATIENCE
        while (found := re.compile(pattern).search(self.screen, self._read_up_to)) is None:
            assert self._more(deadline), f"{pattern!r} never came:\n{self.screen[self._read_up_to :]}"
        self._read_up_to = found.end()
        return found

    def since(self, mark: int) -> str:
        """What was written from `mark` (an earlier `len(screen)`) to the last match."""
        return self.screen[mark : self._read_up_to]

    def end(self) -> int:
        """Waits for the end of the program and returns its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._more(deadline):
            pass
        return self.process.wait(PATIENCE)

    def _more(self, deadline: float) -> bool:
        """Reads what the program wrote; false at its end."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more for {PATIENCE:.0f} s:\n{self.screen[self._read_up_to :]}"
        try:
            part = os.read(self._master, 65536)
        except OSError:  # EIO: the other side is closed
            return False
        self.screen += part.decode("utf-8", "replace")
        return bool(part)

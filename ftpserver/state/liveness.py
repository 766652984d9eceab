"""Which processes of the service are alive, told by the kernel.

Each process keeps an flock on a file of its own in `state/processes/`. The kernel drops the lock when the process
dies, however it dies, so nobody has to trust a process number. What a process holds in a shared file is written
there with its token, after the lock is taken: a token without a living lock is a dead process's.
"""

import contextlib
import fcntl
import os
import secrets
from pathlib import Path

FOLDER = "processes"


class Lifeline:
    """The lock of this process, and a look at those of the others."""

    def __init__(self, state: Path) -> None:
        """Take a lock of one's own. Raises OSError."""
        self._folder = state / FOLDER
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self.token = secrets.token_hex(8)
        self._fd = os.open(self._folder / self.token, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except BaseException:
            os.close(self._fd)
            raise

    def alive(self, token: str) -> bool:
        """Whether the process that wrote this token lives."""
        if token == self.token:
            return True
        try:
            fd = os.open(self._folder / token, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def bury(self, token: str) -> None:
        """Remove what a dead process has left."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._folder / token)

    def close(self) -> None:
        """A clean end: nothing stays."""
        self.bury(self.token)
        os.close(self._fd)

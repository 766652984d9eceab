"""The act lock of a home: one act on the disk and its settling at a time, in all processes.

An flock on a file of its own in `state/homes/`, which the kernel drops when its holder dies, however it dies; and a
lock between the threads of one process, as an flock is the whole process's.
"""

import fcntl
import hashlib
import os
import threading
from pathlib import Path

from ftpserver.quota.base import HomeBusy, LedgerFault

_TRY = fcntl.LOCK_EX | fcntl.LOCK_NB


class ActLock:
    """The lock of one home, as one process has it."""

    __slots__ = ("_fd", "_home", "_locks", "_thread_lock")

    def __init__(self, locks: Path, home: str) -> None:
        """`locks` is the directory of the lock files; nothing is opened before the first `acquire`."""
        self._locks = locks
        self._home = home
        self._fd = -1
        self._thread_lock = threading.Lock()

    def acquire(self, wait: bool) -> None:
        """Take it. Raises HomeBusy when it would wait and `wait` is False, LedgerFault."""
        if not self._thread_lock.acquire(blocking=wait):
            raise HomeBusy(self._home)
        try:
            if self._fd < 0:
                name = hashlib.sha256(os.fsencode(self._home)).hexdigest()[:32]
                self._fd = os.open(self._locks / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._fd, fcntl.LOCK_EX if wait else _TRY)
        except BlockingIOError:
            self._thread_lock.release()
            raise HomeBusy(self._home) from None
        except OSError as error:
            self._thread_lock.release()
            where = error.filename or self._locks  # the disk of the state is in trouble, not the home's
            raise LedgerFault(f"{where}: {error.strerror}") from error

    def release(self) -> None:
        """Give it back."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        self._thread_lock.release()

    def close(self) -> None:
        """Close the file, unless somebody has the lock; the next `acquire` opens it again."""
        if self._fd >= 0 and self._thread_lock.acquire(blocking=False):
            os.close(self._fd)
            self._fd = -1
            self._thread_lock.release()

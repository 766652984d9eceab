"""The file that loses its name: held while we act, so that what vanished is known and not guessed.

Rules:

- A regular file is locked with flock(LOCK_EX) from before the act to after it. A file written in place is
  locked by its writer, so its size cannot change under us, and nobody of ours can replace it twice.
- A descriptor of it is held, so afterwards its link count tells the truth: one less, or someone else moved
  it.
- A file that we may not read cannot be locked; then the answer is never called exact.
"""

import errno
import fcntl
import os
import stat
import time
from types import TracebackType
from typing import Self

from ftpserver.storage.base import Identity, Removed, StorageBusy

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC
_HOLD = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_CANNOT_LOCK = frozenset((errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS))
_LOCK_TRIES = 4
_LOCK_PAUSE = (
    0.0001  # seconds; a replacement holds the lock for some microseconds, a writer for its whole upload
)


def identity_of(facts: os.stat_result) -> Identity:
    """Return which file these facts are of."""
    return Identity(facts.st_dev, facts.st_ino)


def lock(fd: int, operation: int = fcntl.LOCK_EX) -> bool:
    """Lock a file; False where its file system or its descriptor cannot be locked.

    Raises StorageBusy when another has it, after waiting out (half a millisecond) one that only replaces it.
    """
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(fd, operation | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE)
        except OSError as error:
            if error.errno in _CANNOT_LOCK:
                return False
            raise
    raise StorageBusy(errno.EBUSY, "the file is being written by another upload")


def hold(name: str, directory: int, facts: os.stat_result) -> int:
    """Return a descriptor of the file: a readable one when it is regular and we may, else O_PATH."""
    if stat.S_ISREG(facts.st_mode):
        try:
            return os.open(name, _READ, dir_fd=directory)
        except PermissionError:
            pass
    return os.open(name, _HOLD, dir_fd=directory)


class Victim:
    """What has a name now and is about to lose it."""

    __slots__ = ("_exact", "_fd", "facts")

    def __init__(self, fd: int, facts: os.stat_result, exact: bool) -> None:
        self._fd = fd
        self.facts = facts
        self._exact = exact

    @classmethod
    def take(cls, name: str, directory: int) -> "Victim":
        """Hold and lock what has the name. Raises FileNotFoundError, StorageBusy, OSError."""
        for _ in range(_LOCK_TRIES):
            facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
            try:
                fd = hold(name, directory, facts)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.ENXIO):  # it was a file when we looked
                    continue
                raise
            try:
                exact = lock(fd) if stat.S_ISREG(facts.st_mode) else True
                now = os.fstat(fd)
            except BaseException:
                os.close(fd)
                raise
            # The same link count as before it was locked: nobody of ours took the name away in between.
            if identity_of(now) == identity_of(facts) and now.st_nlink == facts.st_nlink > 0:
                return cls(fd, now, exact)
            os.close(fd)
        raise StorageBusy(errno.EBUSY, "the name is being changed by others")

    @classmethod
    def held(cls, fd: int, name: str, directory: int) -> "Victim | None":
        """Lock what has the name, if that is the regular file that `fd` holds, which it owns from now on; else None.

        Raises as `take`.
        """
        try:
            facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
            exact = lock(fd)
            now = os.fstat(fd)
        except BaseException:
            os.close(fd)
            raise
        if now.st_ino == facts.st_ino and now.st_dev == facts.st_dev and now.st_nlink == facts.st_nlink > 0:
            return cls(fd, now, exact)
        os.close(fd)
        return None

    def removed(self) -> Removed:
        """Say what vanished, after the act."""
        after = os.fstat(self._fd)
        before = self.facts
        directory = stat.S_ISDIR(before.st_mode)
        gone = after.st_nlink == (0 if directory else before.st_nlink - 1)
        exact = self._exact and gone and (directory or after.st_size == before.st_size)
        if not stat.S_ISREG(before.st_mode):
            return Removed(0, 1, exact)
        return Removed(before.st_size, 1, exact, identity_of(before))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: tuple[type[BaseException], BaseException, TracebackType] | None) -> None:
        os.close(self._fd)

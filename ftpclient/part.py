"""A file while it is being downloaded: beside its target, under a name of its own, until it is complete.

Rules
- The target is replaced in one step (rename) when everything has arrived; until then it is untouched.
- What has arrived of a failed download stays, so that it can be continued; an empty one is removed.
- Two programs never write one part: it is locked (flock), and the second is told so.
- Without a part, a target that is there may be continued; it is renamed to the part only after its end was
  found to match the server's file, and stays what it was if it does not.
"""

import contextlib
import fcntl
import io
import os
import stat
from pathlib import Path

_SUFFIX = ".ftpclient-part"
_LONGEST_NAME = 255


def part_path(target: Path) -> Path:
    """Name the part of a target: hidden, in the same directory, never too long."""
    name = f".{target.name}{_SUFFIX}"
    if len(os.fsencode(name)) > _LONGEST_NAME:
        import hashlib  # such names are rare

        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}{_SUFFIX}"
    return target.with_name(name)


class PartFile:
    """An open, locked part; close it, whatever happens."""

    def __init__(self, target: Path, resume: bool) -> None:
        """Open the part of `target`; with `resume` keep what an earlier try left. Raises OSError."""
        self.target = target
        self._path = part_path(target)
        if resume and not self._path.exists() and _has_content(target):
            self._path = target
        try:
            self.file = _locked(self._path)
        except OSError as fault:
            fault.filename = str(target)  # the part's name means nothing to a person
            raise
        self.have = os.fstat(self.file.fileno()).st_size if resume else 0
        self._committed = False

    def accept(self) -> None:
        """Go on with what is there: its end was found to be right."""
        if self._path == self.target and self.have:
            moved = part_path(self.target)
            os.rename(self.target, moved)
            self._path = moved

    def restart(self) -> None:
        """Start from nothing; a target that does not match is left alone."""
        self.have = 0
        if self._path == self.target:
            self.file.close()
            self._path = part_path(self.target)
            self.file = _locked(self._path)
        self.file.seek(0)
        self.file.truncate()

    def commit(self, modified: float | None) -> None:
        """Put the complete file in its place, with the server's time (seconds, UTC) if known."""
        descriptor = self.file.fileno()
        if modified is not None:
            with contextlib.suppress(OSError, OverflowError):
                os.utime(descriptor, (modified, modified))
        if self._path != self.target:
            with contextlib.suppress(OSError):
                os.fchmod(descriptor, stat.S_IMODE(self.target.stat().st_mode))
            os.replace(self._path, self.target)
        self._committed = True

    def close(self) -> None:
        """Release the part; remove it if nothing is in it."""
        with self.file:
            if not self._committed and self._path != self.target and not os.fstat(self.file.fileno()).st_size:
                with contextlib.suppress(OSError):
                    os.unlink(self._path)


def _has_content(target: Path) -> bool:
    try:
        found = target.stat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size > 0


def _locked(path: Path) -> io.FileIO:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return io.FileIO(descriptor, "r+")
        except BlockingIOError:
            os.close(descriptor)
            raise BlockingIOError(None, "another program is downloading this file", str(path)) from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # the other program finished between our open and our lock


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False

"""Counting a home: how many bytes and entries the quota has to know of.

Rules:

- An entry is a file, directory, link or anything else with a name; the home itself is not one. Bytes are the
  logical sizes of regular files, once for every name, so a hard link counts twice, as it does when names are
  removed.
- Links are not followed; mounts are, as they can be reached.
- The walk holds two or three descriptors however deep the tree is, and goes back up by "..", which it
  believes only when that is the directory it came from. What vanishes on the way is not counted.
- Hidden files are not counted: their uploads answer for them with their grants. Dead ones are removed.
- A directory that cannot be read is an error, not an empty one: a quota must not be fooled by a mode.
"""

import os
import stat
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, field

from ftpserver.storage.base import Identity
from ftpserver.storage.hidden import is_hidden, remove_dead
from ftpserver.storage.victim import identity_of

Increments = Generator[tuple[int, int], None, None]
STEP = 1000
"""Entries in one increment, at most."""

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(slots=True)
class _Level:
    """A directory on the way down: its name, which one it is, and its directories still to visit."""

    name: str
    identity: Identity
    pending: list[str] = field(default_factory=list)


def count(root: int) -> Increments:
    """Yield (bytes, entries) for everything below a directory descriptor, which stays the caller's.

    Raises OSError at the call or on the way.
    """
    steps = _Count(os.open(".", _DIRECTORY, dir_fd=root)).run()
    next(steps)  # a generator that has not begun would not close what it holds
    return steps


class _Count:
    def __init__(self, top: int) -> None:
        self._top = top
        self._here = top
        self._levels: list[_Level] = []

    def run(self) -> Increments:
        try:
            yield 0, 0
            self._levels.append(_Level(".", identity_of(os.fstat(self._top))))
            yield from self._read()
            while self._levels:
                if self._levels[-1].pending:
                    if self._enter(self._levels[-1].pending.pop()):
                        yield from self._read()
                else:
                    self._levels.pop()
                    self._climb()
        finally:
            self._move(self._top)
            os.close(self._top)

    def _move(self, fd: int) -> None:
        """Be in another directory and close the one we were in; the top stays open."""
        here, self._here = self._here, fd
        if here != self._top:
            os.close(here)

    def _read(self) -> Increments:
        """Count what is in this directory and note its directories."""
        size = entries = 0
        pending = self._levels[-1].pending
        with os.scandir(self._here) as listing:
            for entry in listing:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.name)
                    entries += 1
                elif not is_hidden(entry.name):
                    with suppress(FileNotFoundError):
                        size += _bytes(entry)
                        entries += 1
                else:
                    remove_dead(self._here, entry.name)
                if entries >= STEP:
                    yield size, entries
                    size = entries = 0
        if entries:
            yield size, entries

    def _enter(self, name: str) -> bool:
        """Go down; False when it has vanished or is a directory no more."""
        try:
            fd = os.open(name, _DIRECTORY, dir_fd=self._here)
        except (FileNotFoundError, NotADirectoryError):
            return False
        self._move(fd)
        self._levels.append(_Level(name, identity_of(os.fstat(fd))))
        return True

    def _climb(self) -> None:
        """Go back up to the last level; when someone moved us, come down to it again as far as we can."""
        if not self._levels:
            return
        with suppress(FileNotFoundError, PermissionError):
            up = os.open("..", _DIRECTORY, dir_fd=self._here)
            if identity_of(os.fstat(up)) == self._levels[-1].identity:
                self._move(up)
                return
            os.close(up)
        self._move(self._top)
        for depth, level in enumerate(self._levels[1:], 1):
            try:
                fd = os.open(level.name, _DIRECTORY, dir_fd=self._here)
            except (FileNotFoundError, NotADirectoryError):
                del self._levels[depth:]
                return
            if identity_of(os.fstat(fd)) != level.identity:
                os.close(fd)
                del self._levels[depth:]
                return
            self._move(fd)


def _bytes(entry: "os.DirEntry[str]") -> int:
    if not entry.is_file(follow_symlinks=False):
        return 0
    facts = entry.stat(follow_symlinks=False)
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0

"""Facts of the disk as entries, one or a directory full.

A listing is never built whole: `scan` looks at one name for each entry that is taken from it. Links are
described, not followed. Hidden files are left out, and what vanishes meanwhile.
"""

import os
import stat
from collections.abc import Generator

from ftpserver.storage.hidden import is_hidden
from ftpwire.entry import Entry, Kind

_KINDS = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.DIRECTORY, stat.S_IFLNK: Kind.LINK}
_TYPE = 0o170000


def entry_of(name: str, facts: os.stat_result, target: str | None = None) -> Entry:
    """Return the entry of a name with these facts."""
    mode = facts.st_mode
    return Entry(
        name,
        _KINDS.get(mode & _TYPE, Kind.OTHER),
        facts.st_size,
        facts.st_mtime,
        mode & 0o7777,
        facts.st_nlink,
        f"{facts.st_dev:x}g{facts.st_ino:x}",
        target,
    )


def target_of(name: str, directory: int) -> str | None:
    """Return what a link says, or None when it is a link no more."""
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return None


def scan(directory: int) -> Generator[Entry, None, None]:
    """Return the entries of a directory; it closes at exhaustion or `close()`. Raises OSError."""
    entries = _entries(directory)
    next(entries)  # a generator that has not begun would not close what it holds
    return entries


def _entries(directory: int) -> Generator[Entry, None, None]:
    try:
        with os.scandir(directory) as listing:
            yield Entry("", Kind.OTHER)  # for our maker
            for item in listing:
                name = item.name
                if name[0] == "." and is_hidden(name):
                    continue
                try:
                    facts = item.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                link = stat.S_ISLNK(facts.st_mode)
                yield entry_of(name, facts, target_of(name, directory) if link else None)
    finally:
        os.close(directory)

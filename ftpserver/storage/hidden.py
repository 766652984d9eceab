"""Files that are not there yet: the hidden names an upload uses where it cannot do without a name.

Rules:

- The name is `.ftpserver-` and 16 hex digits and `.part`. It is never listed, and no client can say it.
- Who makes one holds flock(LOCK_EX) on it while it lives. So whoever gets that lock knows that its maker is
  dead and may remove it; a maker that finds its file gone before it got the lock makes another.
- Where they stand: in the staging directory, outside every home; in the target's own directory only when
  staging is on another file system or missing.
"""

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftpserver.storage.jail import fault
from ftpwire.pathname import VirtualPath

_PREFIX = ".ftpserver-"
_NAME = re.compile(r"\.ftpserver-[0-9a-f]{16}\.part")
_ANYWHERE = re.compile(r"/\.ftpserver-[0-9a-f]{16}\.part(?:/|\Z)")
_NEW = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC


def new_name() -> str:
    """Return a hidden name nobody has used."""
    return f"{_PREFIX}{secrets.token_hex(8)}.part"


def is_hidden(name: str) -> bool:
    """Tell whether this is the name of a file that is not there yet."""
    return name.startswith(_PREFIX) and _NAME.fullmatch(name) is not None


def refuse_hidden(path: VirtualPath, code: int = errno.ENOENT) -> None:
    """Raise OSError with this errno when a client says a hidden name, in any part of a path."""
    if _PREFIX in path.text and _ANYWHERE.search(path.text):
        raise fault(code, path.text)


def make_hidden(directory: int, mode: int) -> tuple[int, str]:
    """Make a file with a hidden name, locked; return its descriptor and name. Raises OSError."""
    while True:
        name = new_name()
        fd = os.open(name, _NEW, mode, dir_fd=directory)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            alive = os.fstat(fd).st_nlink > 0
        except BlockingIOError:  # a sweeper was faster and is removing it
            alive = False
        except BaseException:
            os.close(fd)
            os.unlink(name, dir_fd=directory)
            raise
        if alive:
            return fd, name
        os.close(fd)


def remove_dead(directory: int, name: str) -> bool:
    """Remove a hidden file whose maker is dead; tell whether it is gone. Raises OSError."""
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            return False
        fd = os.open(name, _LOOK, dir_fd=directory)
    except FileNotFoundError:
        return True
    except PermissionError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=directory)
    except BlockingIOError:
        return False
    except FileNotFoundError:
        return True
    finally:
        os.close(fd)
    return True


@contextmanager
def _names(directory: int) -> Iterator[Iterator[str]]:
    with os.scandir(directory) as entries:
        yield (entry.name for entry in entries)


def remove_dead_only(directory: int) -> bool:
    """Empty a directory of nothing but dead hidden files; tell whether it did that. Raises OSError."""
    with _names(directory) as names:
        hidden = []
        for name in names:
            if not is_hidden(name):
                return False
            hidden.append(name)
    removed = [remove_dead(directory, name) for name in hidden]
    return bool(removed) and all(removed)


def sweep_staging(staging: Path) -> int:
    """Remove what dead uploads left in the staging directory; return how many. Raises OSError."""
    try:
        directory = os.open(staging, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        with _names(directory) as names:
            return sum(remove_dead(directory, name) for name in names if is_hidden(name))
    finally:
        os.close(directory)

"""Finding and making the directory of a home.

Rules:

- A relative home is one name or more beneath the homes directory, and no link on the way: with one, an
  account could be given another's files by whoever may write there. The administrator who wants that writes
  the absolute path.
- An absolute home is what the administrator made of it, links included.
- What is missing is made with mode 0o750.

Nearly every home is one name below the homes directory and there: it takes one system call. All others, and what is
wrong with one, are found step by step.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

_WAY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC  # the directories above a home may be closed to reading
_HOME = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MODE = 0o750


def open_home(home: str, *, below: Path | None, create: bool) -> int:
    """Return the descriptor of a home; the missing directories are made if `create`.

    Raises OSError: FileNotFoundError, NotADirectoryError, ELOOP for a relative home with a link in it, EINVAL
    for one that is not beneath the homes directory.
    """
    names = [name for name in home.split("/") if name not in ("", ".")]
    if home.startswith("/"):
        return _descend("/", names or ["."], create, 0)
    if below is None or not names or ".." in names:
        raise OSError(errno.EINVAL, "a relative home must be a name below the homes directory", home)
    if len(names) == 1:
        with suppress(OSError):
            return os.open(f"{below}/{names[0]}", _HOME | os.O_NOFOLLOW)
    if create and not os.path.isdir(below):
        below.mkdir(mode=_MODE, parents=True, exist_ok=True)
    return _descend(str(below), names, create, os.O_NOFOLLOW)


def _descend(where: str, names: list[str], create: bool, extra: int) -> int:
    """Open one name after the other; return the descriptor of the last."""
    fd = os.open(where, _WAY)
    try:
        for left, name in enumerate(names, 1 - len(names)):
            where = f"{where.rstrip('/')}/{name}"
            child = _step(fd, name, (_WAY if left else _HOME) | extra, create, where)
            os.close(fd)
            fd = child
    except BaseException:
        os.close(fd)
        raise
    return fd


def _step(fd: int, name: str, flags: int, create: bool, where: str) -> int:
    try:
        return os.open(name, flags, dir_fd=fd)
    except FileNotFoundError:
        if not create:
            raise FileNotFoundError(errno.ENOENT, "the home does not exist", where) from None
    except OSError as error:
        raise _explained(error, fd, name, where) from None
    try:
        # FileExistsError: another worker was faster, or it is a dangling link, which the open will say.
        with suppress(FileExistsError):
            os.mkdir(name, _MODE, dir_fd=fd)
        return os.open(name, flags, dir_fd=fd)
    except OSError as error:
        raise _explained(error, fd, name, where) from None


def _explained(error: OSError, fd: int, name: str, where: str) -> OSError:
    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
        return type(error)(error.errno, error.strerror, where)
    link = False
    with suppress(OSError):
        link = stat.S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode)
    if link:
        text = "the home leads through a symbolic link; put the absolute path into the account file instead"
        return OSError(errno.ELOOP, text, where)
    return NotADirectoryError(errno.ENOTDIR, "the home is not a directory", where)

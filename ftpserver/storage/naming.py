"""Giving names away: a rename that never loses what it does not know of.

A rename to a name nobody has uses RENAME_NOREPLACE, so a file that appears at the last moment is not
overwritten. One that replaces holds its victim and says what vanished.
"""

import ctypes
import errno
import os
import stat

from ftpserver.storage.base import Removed, StorageBusy
from ftpserver.storage.jail import Parent, fault
from ftpserver.storage.victim import Victim, identity_of

_NOREPLACE = 1
_TRIES = 8
_libc = ctypes.CDLL(None, use_errno=True)
_renameat2 = getattr(_libc, "renameat2", None)  # glibc 2.28; musl has none
if _renameat2 is not None:
    _renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    _renameat2.restype = ctypes.c_int


def rename_new(old: str, old_directory: int, new: str, new_directory: int) -> None:
    """Rename to a name nobody has. Raises FileExistsError, OSError."""
    if _renameat2 is None:
        return rename_by_link(old, old_directory, new, new_directory)
    if _renameat2(old_directory, os.fsencode(old), new_directory, os.fsencode(new), _NOREPLACE) == 0:
        return None
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS):  # the file system has no such rename; or a directory into itself
        return rename_by_link(old, old_directory, new, new_directory)
    raise fault(code, new)


def rename_by_link(old: str, old_directory: int, new: str, new_directory: int) -> None:
    """Rename to a name nobody has, on a file system that cannot do it in one step: link, then unlink.

    A directory cannot be linked; a plain rename of one replaces an empty directory at most. Raises
    FileExistsError, OSError.
    """
    if stat.S_ISDIR(os.stat(old, dir_fd=old_directory, follow_symlinks=False).st_mode):
        if _facts(new, new_directory) is not None:
            raise fault(errno.EEXIST, new)
        os.rename(old, new, src_dir_fd=old_directory, dst_dir_fd=new_directory)
        return
    os.link(old, new, src_dir_fd=old_directory, dst_dir_fd=new_directory, follow_symlinks=False)
    os.unlink(old, dir_fd=old_directory)


def rename(old: Parent, new: Parent, replace: bool) -> Removed | None:
    """Rename one name to another and return what that replaced; see `Storage.rename`."""
    for _ in range(_TRIES):
        source = os.stat(old.name, dir_fd=old.fd, follow_symlinks=False)
        theirs = _facts(new.name, new.fd)
        if theirs is None:
            try:
                rename_new(old.name, old.fd, new.name, new.fd)
            except FileExistsError:
                continue
            return None
        if identity_of(theirs) == identity_of(source):  # the same name, or a hard link: POSIX changes nothing
            return None
        if not replace:
            raise fault(errno.EEXIST, new.name)
        try:
            victim = Victim.take(new.name, new.fd)
        except FileNotFoundError:
            continue
        with victim:
            if identity_of(victim.facts) == identity_of(source):
                return None
            os.rename(old.name, new.name, src_dir_fd=old.fd, dst_dir_fd=new.fd)
            return victim.removed()
    raise StorageBusy(errno.EBUSY, "the name is being changed by others")


def _facts(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None

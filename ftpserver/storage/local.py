"""The store that keeps a home in a directory of this machine.

Rules:

- Every path goes through the jail, once a call; after that only descriptors and `*at` calls on one name.
- Devices, FIFOs and sockets are never read or written: O_NONBLOCK, then fstat says regular.
- A symbolic link is followed inside the home for the contents and attributes of a file, also by `create`,
  which publishes where the link leads, so the link survives.
- Every call holds as few system calls as it can: two to open a file for sending, five for a new small one.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ftpserver.storage.base import (
    Existing,
    Form,
    Identity,
    LinkLeadsAway,
    Removed,
    Sink,
    StorageBusy,
    Version,
)
from ftpserver.storage.count import count
from ftpserver.storage.entries import entry_of, scan, target_of
from ftpserver.storage.hidden import is_hidden, refuse_hidden, remove_dead_only
from ftpserver.storage.home import open_home
from ftpserver.storage.jail import Jail, Parent, fault, jail_for
from ftpserver.storage.listing import listing
from ftpserver.storage.naming import rename
from ftpserver.storage.sink import InPlace, LocalSource, NewFile, Staging, refuse_special
from ftpserver.storage.victim import Victim, hold, identity_of, lock
from ftpwire.entry import Entry
from ftpwire.pathname import VirtualPath

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_WRITE = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY
_SCAN = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK
_MAX_OFFSET = 2**63 - 1
_TRIES = 8
_WRITE_BITS = 0o222
_OWN_BITS = 0o500  # of every directory: one closed to ourselves could not be counted


class LocalStorage:
    """The files of one home. It owns the home's descriptor; nothing here blocks but the disk."""

    def __init__(self, jail: Jail, staging: Path | None, umask: int, nameless: bool) -> None:
        self._jail = jail
        self._staging = Staging(staging)
        self.umask = umask
        self._nameless = nameless
        self._identity = identity_of(os.fstat(jail.root))

    @classmethod
    def open(
        cls,
        home: Path | str,
        *,
        below: Path | None = None,
        create: bool = False,
        staging: Path | None = None,
        umask: int = 0o022,
        nameless: bool = True,
        jail: Callable[[int], Jail] = jail_for,
    ) -> "LocalStorage":
        """Open a home; a relative one stands below `below`, where no link may lead to it.

        `staging` is a directory outside every home, on their file system, where what replaces a file waits.
        The process's own umask counts as well as `umask`. `nameless` False and `jail` do without O_TMPFILE
        and openat2. Raises OSError, see `open_home`.
        """
        root = open_home(os.fspath(home), below=below, create=create)
        try:
            resolver = jail(root)
        except BaseException:
            os.close(root)
            raise
        # Without /proc a nameless file cannot be given a name; better to know before there is one.
        return cls(resolver, staging, umask, nameless and _has_proc())

    @property
    def identity(self) -> Identity:
        """Which directory the home is."""
        return self._identity

    def close(self) -> None:
        """Release the home; open sources and sinks stay usable to their end."""
        self._jail.close()
        self._staging = Staging(None)

    # Looking

    def stat(self, path: VirtualPath, follow: bool = True) -> Entry:
        """Return the facts of one name."""
        refuse_hidden(path)
        if path.text == "/":
            return entry_of("", os.fstat(self._jail.root), None)
        with self._jail.parent(path) as parent:
            facts = os.stat(parent.name, dir_fd=parent.fd, follow_symlinks=False)
            if not stat.S_ISLNK(facts.st_mode):
                return entry_of(parent.name, facts, None)
            if not follow:
                return entry_of(parent.name, facts, target_of(parent.name, parent.fd))
        with self._descriptor(path, os.O_PATH) as fd:
            return entry_of(path.name, os.fstat(fd), None)

    def scan(self, path: VirtualPath) -> Generator[Entry, None, None]:
        """Return the entries of a directory, lazily."""
        refuse_hidden(path)
        return scan(self._jail.open(path, _SCAN))

    def listing(self, path: VirtualPath, form: Form | None) -> Generator[bytes, None, None]:
        """Return the lines of a directory, lazily."""
        refuse_hidden(path)
        return listing(self._jail.open(path, _SCAN), form)

    def free_bytes(self) -> int:
        """Return how many bytes the file system has left for us."""
        facts = os.fstatvfs(self._jail.root)
        return facts.f_bavail * facts.f_frsize

    def stands_at(self, path: str) -> bool:
        """Tell whether the directory that was opened has this path, and not another one or none."""
        try:
            facts = os.stat(path)
        except OSError:
            return False
        return facts.st_ino == self._identity.inode and facts.st_dev == self._identity.device

    def count(self) -> Generator[tuple[int, int], None, None]:
        """Walk the whole home and yield (bytes, entries) increments."""
        return count(self._jail.root)

    # Contents

    def open_source(self, path: VirtualPath, offset: int = 0) -> LocalSource:
        """Open a regular file for reading."""
        refuse_hidden(path)
        if not 0 <= offset <= _MAX_OFFSET:
            raise fault(errno.EINVAL, path.text)
        fd = self._open_file(path, _READ)
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                refuse_special(facts, path.text)
            return LocalSource(fd, offset, facts.st_size, facts.st_mtime, facts.st_dev)
        except BaseException:
            os.close(fd)
            raise

    def create(self, path: VirtualPath) -> Sink:
        """Begin a file that takes the name at `publish`."""
        return self._create(path, 0)

    def _create(self, path: VirtualPath, offset: int) -> NewFile:
        refuse_hidden(path, errno.EPERM)
        if path.text == "/":
            raise fault(errno.EISDIR, path.text)
        parent, facts = self._jail.place(path)
        held = -1
        try:
            if is_hidden(parent.name):
                raise fault(errno.EPERM, path.text)
            existing = None
            if facts is not None:
                held, existing = _hold_replaceable(parent, facts, path)
            sink = self._begin(parent, existing, offset)
            sink.hold(held)
            return sink
        except BaseException:
            if held >= 0:
                os.close(held)
            parent.close()
            raise

    def _begin(self, parent: Parent, existing: Existing | None, offset: int) -> NewFile:
        mode = 0o666 & ~self.umask if existing is None else existing.mode
        if self._nameless:
            try:
                return NewFile.nameless(parent, mode, self._staging, offset, existing)
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                    raise
            self._nameless = False
        return NewFile.hidden(parent, mode, self._staging, offset, existing)

    def change(self, path: VirtualPath, offset: int | None) -> Sink:
        """Begin to write in place, or a nameless file when there is none."""
        refuse_hidden(path, errno.EPERM)
        if offset is not None and not 0 <= offset <= _MAX_OFFSET:
            raise fault(errno.EINVAL, path.text)
        for _ in range(_TRIES):
            try:
                with self._descriptor(
                    path, os.O_PATH
                ) as look:  # what is no file is not opened for writing at all
                    refuse_special(os.fstat(look), path.text)
                fd = self._open_file(path, _WRITE)
            except FileNotFoundError:
                return self._create(path, offset or 0)
            try:
                sink = self._in_place(fd, path, offset)
            except BaseException:
                os.close(fd)
                raise
            if sink is not None:
                return sink
            os.close(fd)
        raise StorageBusy(errno.EBUSY, "the name is being changed by others")

    def _in_place(self, fd: int, path: VirtualPath, offset: int | None) -> InPlace | None:
        """Lock a file and make it a sink; None when it has lost its name before it was locked."""
        refuse_special(os.fstat(fd), path.text)
        lock(fd)
        facts = os.fstat(fd)
        existing = Existing(identity_of(facts), facts.st_size, stat.S_IMODE(facts.st_mode))
        try:
            with self._descriptor(path, os.O_PATH) as named:
                if identity_of(os.fstat(named)) != existing.identity:
                    return None
        except FileNotFoundError:
            return None
        start = facts.st_size if offset is None else offset
        if start:
            os.lseek(fd, start, os.SEEK_SET)
        return InPlace(fd, start, existing)

    # Names

    def make_directory(self, path: VirtualPath) -> None:
        """Make one directory, with the bits that we need whatever the umask says."""
        refuse_hidden(path, errno.EPERM)
        if path.text == "/":
            raise fault(errno.EEXIST, path.text)
        with self._jail.parent(path) as parent:
            os.mkdir(parent.name, 0o777 & ~self.umask | _OWN_BITS, dir_fd=parent.fd)

    def make_link(self, target: VirtualPath, path: VirtualPath) -> None:
        """Make a symbolic link whose text never climbs, so that it leads out of no jail wherever it is moved."""
        refuse_hidden(path, errno.EPERM)
        refuse_hidden(target)
        if not target.is_below(path.parent):
            raise LinkLeadsAway(errno.EINVAL, os.strerror(errno.EINVAL), target.text)
        below = target.text.removeprefix(path.parent.text).removeprefix("/")
        with self._jail.parent(path) as parent:
            os.symlink(below, parent.name, dir_fd=parent.fd)

    def remove_file(self, path: VirtualPath, only: Version | None = None) -> Removed:
        """Remove a name that is no directory, with `only` from this state of a file alone."""
        refuse_hidden(path)
        if path.text == "/":
            raise fault(errno.EISDIR, path.text)
        with self._jail.parent(path) as parent, Victim.take(parent.name, parent.fd) as victim:
            if stat.S_ISDIR(victim.facts.st_mode):
                raise fault(errno.EISDIR, path.text)
            if only is not None and Version.of(victim.facts) != only:
                raise fault(errno.ENOENT, path.text)
            os.unlink(parent.name, dir_fd=parent.fd)
            return victim.removed()

    def remove_directory(self, path: VirtualPath) -> Removed:
        """Remove an empty directory; one that only holds what dead uploads left is empty."""
        refuse_hidden(path)
        with self._jail.parent(path) as parent:
            try:
                os.rmdir(parent.name, dir_fd=parent.fd)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not _clear(parent):
                    raise
                os.rmdir(parent.name, dir_fd=parent.fd)
        return Removed(0, 1, True)

    def rename(self, old: VirtualPath, new: VirtualPath, replace: bool) -> Removed | None:
        """Give `old` the name `new` and return what that replaced."""
        refuse_hidden(old)
        refuse_hidden(new, errno.EPERM)
        with self._jail.parent(old) as source, self._jail.parent(new) as target:
            return rename(source, target, replace)

    # Attributes

    def set_modified(self, path: VirtualPath, seconds: float) -> None:
        """Set the modification time; that of the last reading stays."""
        with self._attributes(path) as (handle, facts):
            _set_modified(handle, facts, seconds)

    def set_mode(self, path: VirtualPath, mode: int, modified: float | None = None) -> None:
        """Set the permission bits, and with `modified` that time, or nothing.

        A directory keeps its setgid and sticky bits, and those that we need.
        """
        with self._attributes(path) as (handle, facts):
            bits = mode & 0o777
            if stat.S_ISDIR(facts.st_mode):
                bits |= _OWN_BITS | facts.st_mode & 0o7000
            os.chmod(handle, bits)
            if modified is None:
                return
            try:
                _set_modified(handle, facts, modified)
            except OSError:
                os.chmod(handle, stat.S_IMODE(facts.st_mode))
                raise

    @contextmanager
    def _attributes(self, path: VirtualPath) -> Iterator[tuple[int | str, os.stat_result]]:
        """Give what os.chmod and os.utime take for the file itself, also when we may not read it."""
        refuse_hidden(path)
        with self._descriptor(path, os.O_PATH) as fd:
            facts = os.fstat(fd)
            if not stat.S_ISDIR(facts.st_mode):
                refuse_special(facts, path.text)
            name = f"/proc/self/fd/{fd}"
            if os.path.exists(name):
                yield name, facts
                return
        with self._descriptor(path, _READ) as fd:
            yield fd, os.fstat(fd)

    @contextmanager
    def _descriptor(self, path: VirtualPath, flags: int) -> Iterator[int]:
        fd = self._jail.open(path, flags)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open_file(self, path: VirtualPath, flags: int) -> int:
        try:
            return self._jail.open(path, flags)
        except OSError as error:
            if error.errno in (
                errno.ENXIO,
                errno.ENODEV,
            ):  # a socket, a FIFO nobody reads, a device without driver
                raise PermissionError(errno.EPERM, "not a regular file", path.text) from None
            raise


@cache
def _has_proc() -> bool:
    return os.path.exists("/proc/self/fd")


def _hold_replaceable(
    parent: Parent, facts: os.stat_result, path: VirtualPath
) -> tuple[int, Existing | None]:
    """Return a descriptor of the file an upload is to replace and its facts; -1 when it has gone meanwhile."""
    refuse_special(facts, path.text)
    if (
        not facts.st_mode & _WRITE_BITS
    ):  # a rename would not ask, and who takes these bits away wants it asked
        raise fault(errno.EACCES, path.text)
    try:
        fd = hold(parent.name, parent.fd, facts)
    except FileNotFoundError:
        return -1, None
    try:
        if lock(fd, fcntl.LOCK_SH):  # only to see that nobody writes it in place
            fcntl.flock(fd, fcntl.LOCK_UN)
        facts = os.fstat(fd)
        refuse_special(facts, path.text)
    except BaseException:
        os.close(fd)
        raise
    return fd, Existing(identity_of(facts), facts.st_size, facts.st_mode & 0o777)


def _set_modified(handle: int | str, facts: os.stat_result, seconds: float) -> None:
    try:
        modified = int(seconds // 1) * 10**9 + round(seconds % 1 * 10**6) * 10**3
        os.utime(handle, ns=(facts.st_atime_ns, modified))
    except OverflowError:
        raise fault(errno.EINVAL) from None


def _clear(parent: Parent) -> bool:
    fd = os.open(parent.name, _SCAN | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent.fd)
    try:
        return remove_dead_only(fd)
    finally:
        os.close(fd)

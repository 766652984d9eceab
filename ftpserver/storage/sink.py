"""Files that are open for sending and for receiving, as the mover of bytes gets them.

A `NewFile` has no name while it is filled (O_TMPFILE). A new name gets it by linkat(2) straight. A name that
exists gets it by rename(2) from the staging directory, so the home shows the old file or the new one, never
both, never neither. Where the file system has no nameless files it has a hidden name from the start.

An `InPlace` file is locked for as long as it is written.
"""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

from ftpserver.storage import memory
from ftpserver.storage.base import Existing, Identity, Removed, StorageBusy
from ftpserver.storage.hidden import make_hidden, new_name
from ftpserver.storage.jail import Owned, Parent, fault
from ftpserver.storage.naming import rename_new
from ftpserver.storage.victim import Victim, identity_of, lock

_TRIES = 8
_STAGING = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class LocalSource:
    """A regular file open for reading."""

    __slots__ = ("_device", "fd", "modified", "offset", "size")

    def __init__(self, fd: int, offset: int, size: int, modified: float, device: int = -1) -> None:
        self._device = device
        self.fd = fd
        self.offset = offset
        self.size = size
        self.modified = modified

    def at_hand(self, offset: int, count: int) -> bool:
        """Whether these bytes can be read at once, as far as is known."""
        return memory.at_hand(self.fd, self._device, offset, count)

    def fetch(self, offset: int, count: int) -> None:
        """See to it that they can."""
        memory.fetch(self.fd, offset, count)

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


class Staging:
    """The directory beside the homes; opened, and made if missing, by the first upload that needs it."""

    __slots__ = ("_owner", "_path")

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._owner: Owned | None = None

    def directory(self) -> int:
        """Return its descriptor, or -1 where there is none to be had."""
        if self._owner is not None:
            return self._owner.fd
        path, self._path = self._path, None
        if path is None:
            return -1
        try:
            if not os.path.lexists(path):
                path.mkdir(mode=0o700, exist_ok=True)
            self._owner = Owned(os.open(path, _STAGING))
        except OSError:
            return -1
        return self._owner.fd


_NO_STAGING = Staging(None)


class NewFile:
    """A file that gets its name at `publish`. It owns its descriptor and its parent."""

    __slots__ = (
        "_held",
        "_parent",
        "_published",
        "_removed",
        "_staging",
        "_temporary",
        "existing",
        "fd",
        "in_place",
        "offset",
    )

    def __init__(
        self,
        fd: int,
        parent: Parent,
        staging: Staging,
        offset: int,
        existing: Existing | None,
        temporary: tuple[int, str] | None,
    ) -> None:
        self.fd = fd
        self.offset = offset
        self.in_place = False
        self.existing = existing
        self._parent = parent
        self._staging = staging
        self._temporary = temporary
        self._published = False
        self._removed: Removed | None = None
        self._held = -1

    @classmethod
    def nameless(
        cls, parent: Parent, mode: int, staging: Staging, offset: int, existing: Existing | None
    ) -> "NewFile":
        """Begin a file without a name. Raises OSError EOPNOTSUPP, EISDIR or EINVAL where there are none."""
        fd = os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode, dir_fd=parent.fd)
        return cls._prepared(cls(fd, parent, staging, offset, existing, None), mode)

    @classmethod
    def hidden(
        cls, parent: Parent, mode: int, staging: Staging, offset: int, existing: Existing | None
    ) -> "NewFile":
        """Begin a file with a hidden name, in staging if a rename leads from there to the target."""
        fd, name = make_hidden(parent.fd, mode)
        sink = cls(fd, parent, staging, offset, existing, (parent.fd, name))
        directory = staging.directory()
        if directory >= 0:
            with suppress(OSError):  # EXDEV: then it stays where it is
                os.rename(name, name, src_dir_fd=parent.fd, dst_dir_fd=directory)
                sink._temporary = (directory, name)
        return cls._prepared(sink, mode)

    @staticmethod
    def _prepared(sink: "NewFile", mode: int) -> "NewFile":
        try:
            if sink.existing is not None:
                os.fchmod(sink.fd, mode)  # the process's umask does not count for a file that was there
            if sink.offset:
                os.lseek(sink.fd, sink.offset, os.SEEK_SET)
        except BaseException:
            sink._drop()
            raise
        return sink

    def hold(self, fd: int) -> None:
        """Take over a descriptor of the existing file: while it is open, no other file gets its identity."""
        self._held = fd

    def size(self) -> int:
        """Return the logical size in bytes."""
        return os.fstat(self.fd).st_size

    def current(self) -> Identity | None:
        """Return which regular file has the name now."""
        try:
            facts = os.stat(self._parent.name, dir_fd=self._parent.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return identity_of(facts) if stat.S_ISREG(facts.st_mode) else None

    def publish(self, replace: bool, durable: bool = False) -> Removed | None:
        """Put the file under its name; see `Sink.publish`."""
        if not self._published:
            if self.fd < 0:
                raise fault(errno.EBADF)
            if durable:
                self._publish_synced(replace)
            else:
                self._removed = self._take_name(replace)
                self._published = True
        if self.fd >= 0:
            self._close()
        return self._removed

    def _publish_synced(self, replace: bool) -> None:
        # The directory is opened first: once the name is taken, only the disk itself can still fail.
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self._parent.fd)
        try:
            os.fsync(self.fd)
            self._removed = self._take_name(replace)
            self._published = True
            os.fsync(directory)
        finally:
            os.close(directory)

    def _take_name(self, replace: bool) -> Removed | None:
        new = self.existing is None or not replace
        for _ in range(_TRIES):
            if new:
                try:
                    self._take_new_name()
                    return None
                except FileExistsError:
                    if not replace:
                        raise
            try:
                return self._replace()
            except FileNotFoundError:  # it has just gone; if its directory has, linking says so
                new = True
        raise StorageBusy(errno.EBUSY, "the name is being changed by others")

    def _take_new_name(self) -> None:
        parent = self._parent
        if self._temporary is None:
            os.link(f"/proc/self/fd/{self.fd}", parent.name, dst_dir_fd=parent.fd)
        else:
            directory, name = self._temporary
            rename_new(name, directory, parent.name, parent.fd)
            self._temporary = None

    def _replace(self) -> Removed:
        parent = self._parent
        with self._victim() as victim:
            refuse_special(victim.facts)
            directory, name = self._stage()
            os.rename(name, parent.name, src_dir_fd=directory, dst_dir_fd=parent.fd)
            self._temporary = None
            return victim.removed()

    def _victim(self) -> Victim:
        held, self._held = self._held, -1
        victim = Victim.held(held, self._parent.name, self._parent.fd) if held >= 0 else None
        return victim if victim is not None else Victim.take(self._parent.name, self._parent.fd)

    def _stage(self) -> tuple[int, str]:
        if self._temporary is None:
            lock(self.fd)  # before it has a name, so that no sweeper takes it for dead
            name = new_name()
            directory = self._staging.directory()
            try:
                os.link(f"/proc/self/fd/{self.fd}", name, dst_dir_fd=directory)
            except OSError:  # EXDEV: another file system; EBADF: there is none; ENOENT: it was removed
                directory = self._parent.fd
                os.link(f"/proc/self/fd/{self.fd}", name, dst_dir_fd=directory)
            self._temporary = (directory, name)
        return self._temporary

    def discard(self) -> None:
        """Let the file vanish; nothing after `publish`."""
        if self.fd >= 0:
            self._drop()
            self._parent.close()

    def _drop(self) -> None:
        if self._temporary is not None:
            directory, name = self._temporary
            self._temporary = None
            with suppress(OSError):  # what stays is locked no longer, so the next sweep takes it
                os.unlink(name, dir_fd=directory)
        self._let_go()

    def _close(self) -> None:
        self._parent.close()
        self._let_go()

    def _let_go(self) -> None:
        self._staging = _NO_STAGING  # not later: a traceback may keep this object alive for long
        fd, self.fd = self.fd, -1
        os.close(fd)
        held, self._held = self._held, -1
        if held >= 0:
            os.close(held)


class InPlace:
    """An existing file that is written where it stands, locked. It owns its descriptor."""

    __slots__ = ("existing", "fd", "in_place", "offset")

    def __init__(self, fd: int, offset: int, existing: Existing) -> None:
        self.fd = fd
        self.offset = offset
        self.in_place = True
        self.existing: Existing | None = existing

    def size(self) -> int:
        """Return the logical size in bytes."""
        return os.fstat(self.fd).st_size

    def current(self) -> Identity | None:
        """Return which file this is."""
        return identity_of(os.fstat(self.fd))

    def publish(self, replace: bool, durable: bool = False) -> Removed | None:
        """Close the file: it has its name; `replace` means nothing here."""
        if durable and self.fd >= 0:
            os.fsync(self.fd)
        self.discard()
        return None

    def discard(self) -> None:
        """Close the file as it is; a second call does nothing."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def refuse_special(facts: os.stat_result, path: str | None = None) -> None:
    """Raise IsADirectoryError, or PermissionError for a FIFO, device or socket."""
    if stat.S_ISDIR(facts.st_mode):
        raise fault(errno.EISDIR, path)
    if not stat.S_ISREG(facts.st_mode) and not stat.S_ISLNK(facts.st_mode):
        raise PermissionError(errno.EPERM, "not a regular file", path)

"""What the service asks of a store of files: the interface and the values that cross it.

Rules, whoever implements it:

- A path is a `VirtualPath`, absolute below the home. It is resolved anew by every call; nothing about it is
  remembered.
- A symbolic link is followed inside the home, as under chroot. A call that changes a name (remove, rename,
  make) acts on the name itself and never follows its last component.
- Sizes are logical bytes, times are seconds UTC, modes are permission bits.
- Whatever makes a name vanish says how many bytes and entries went with it, for the quota ledger.
- Every failure is an OSError whose errno tells the cause (EBUSY: `StorageBusy`). A file name of a client
  never stands in its text, only in its `filename`.
"""

import os
from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

from ftpwire.entry import Entry
from ftpwire.pathname import VirtualPath


class StorageBusy(OSError):
    """Another upload is writing this file in place (errno EBUSY)."""


class LinkLeadsAway(OSError):
    """A link was to lead to what is not below the directory that it is in (errno EINVAL)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which file it is, whatever its name."""

    device: int
    inode: int


@dataclass(frozen=True, slots=True)
class Version:
    """One state of one regular file: which it is, how long, and when it was modified (nanoseconds)."""

    identity: Identity
    size: int
    modified: int

    @classmethod
    def of(cls, facts: os.stat_result) -> "Version":
        """The state that a descriptor of the file told."""
        return cls(Identity(facts.st_dev, facts.st_ino), facts.st_size, facts.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Removed:
    """What vanished: `size` bytes of a regular file (else 0) and `entries` names.

    `exact` is False when the name changed under us between look and act, or when we could not keep others
    away: then the books of the home must be recounted.
    """

    size: int
    entries: int
    exact: bool
    identity: Identity | None = None
    """Which regular file lost the name."""


@dataclass(slots=True)
class Existing:
    """The regular file an upload would replace or changes in place, as it was when the upload began."""

    identity: Identity
    size: int
    mode: int


class Source(Protocol):
    """An open file to send. `size` is that of the whole file, fixed at open; `modified` is in seconds UTC."""

    fd: int
    offset: int
    size: int
    modified: float

    def at_hand(self, offset: int, count: int) -> bool:
        """Whether these bytes can be read at once, as far as is known."""
        ...

    def fetch(self, offset: int, count: int) -> None:
        """See to it that they can; on a thread. Raises OSError."""
        ...

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        ...


class Sink(Protocol):
    """An open file to fill from `offset` on; nameless until `publish`, unless it is written in place."""

    fd: int
    offset: int
    in_place: bool
    existing: Existing | None

    def size(self) -> int:
        """Return the logical size of the file in bytes, now."""
        ...

    def current(self) -> Identity | None:
        """Return which regular file has the name now, or None."""
        ...

    def publish(self, replace: bool, durable: bool = False) -> Removed | None:
        """Put the file under its name, close it, and return what that replaced.

        That is None for a new name or in place. With `durable` the file and its name are on the disk before
        this returns. A second call returns the same.

        Raises FileExistsError when the name exists and `replace` is False, StorageBusy when the file to
        replace is being written in place, OSError otherwise. After a failure the sink is still open.
        """
        ...

    def discard(self) -> None:
        """Close the file; a nameless one vanishes, one in place stays as it is. Safe after `publish`."""
        ...


class Form(Protocol):
    """How a listing says an entry."""

    def encode(self, entry: Entry) -> str:
        """Return the line without its end."""
        ...


class Storage(Protocol):
    """The files of one home. No call waits for anything but the disk."""

    umask: int
    """Permission bits that new files and directories do not get, but for those that we need of a directory."""

    def stat(self, path: VirtualPath, follow: bool = True) -> Entry:
        """Return the facts of one name; `follow` False describes a link itself."""
        ...

    def scan(self, path: VirtualPath) -> Generator[Entry, None, None]:
        """Return the entries of a directory, lazily and in no order, links not followed.

        Raises at the call when it is not a directory. The descriptor is closed at exhaustion or `close()`.
        """
        ...

    def listing(self, path: VirtualPath, form: Form | None) -> Generator[bytes, None, None]:
        """Return what `scan` finds as lines in this form, or the names alone, in chunks as listing.py makes them.

        Raises at the call when it is not a directory. The descriptor is closed at exhaustion or `close()`.
        """
        ...

    def open_source(self, path: VirtualPath, offset: int = 0) -> Source:
        """Open a regular file for reading.

        Raises IsADirectoryError, or PermissionError for what is neither file nor directory.
        """
        ...

    def create(self, path: VirtualPath) -> Sink:
        """Begin a file that takes the name at `publish`; `existing` is the regular file that has it now.

        Raises IsADirectoryError, PermissionError (a FIFO, device or socket), StorageBusy.
        """
        ...

    def change(self, path: VirtualPath, offset: int | None) -> Sink:
        """Begin to write in place at `offset` bytes (None: at the end) of an existing file.

        Nothing is truncated and an offset beyond the end makes a hole. A missing file gives a nameless sink
        that starts at `offset`. Raises IsADirectoryError, PermissionError, StorageBusy.
        """
        ...

    def make_directory(self, path: VirtualPath) -> None:
        """Make one directory. Raises FileExistsError."""
        ...

    def make_link(self, target: VirtualPath, path: VirtualPath) -> None:
        """Make a symbolic link to `target`, which is below the directory of the link.

        Only such a link leads nowhere else when it, or a directory above it, gets another place: it is read also by
        programs that know no jail. Raises LinkLeadsAway, FileExistsError.
        """
        ...

    def remove_file(self, path: VirtualPath, only: Version | None = None) -> Removed:
        """Remove a name that is no directory. Raises IsADirectoryError, StorageBusy.

        With `only` it is removed from this file, and this state of it, alone: FileNotFoundError for any other.
        """
        ...

    def remove_directory(self, path: VirtualPath) -> Removed:
        """Remove an empty directory. Raises NotADirectoryError, OSError ENOTEMPTY."""
        ...

    def rename(self, old: VirtualPath, new: VirtualPath, replace: bool) -> Removed | None:
        """Give `old` the name `new` and return what that replaced, or None.

        Two names of one file: nothing happens. Raises FileExistsError when `new` exists and `replace` is
        False, StorageBusy when the file to replace is being written in place.
        """
        ...

    def set_modified(self, path: VirtualPath, seconds: float) -> None:
        """Set the modification time, in seconds UTC."""
        ...

    def set_mode(self, path: VirtualPath, mode: int, modified: float | None = None) -> None:
        """Set the permission bits, and with `modified` that time (seconds UTC), or nothing; only 0o777 count."""
        ...

    def free_bytes(self) -> int:
        """Return how many bytes the file system has left for us."""
        ...

    def stands_at(self, path: str) -> bool:
        """Tell whether this is (still) the home that has this absolute path; nothing is raised."""
        ...

    def count(self) -> Generator[tuple[int, int], None, None]:
        """Walk the whole home and yield (bytes, entries) increments; their sums are what the quota counts."""
        ...

    def close(self) -> None:
        """Release the home. Open sources and sinks stay usable to their end; calls made later fail."""
        ...

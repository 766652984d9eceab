"""A user's home: the jailed files, the books of their size and what the account may do, as one thing.

Theory. Handlers never touch storage or ledger by themselves: every change of the visible tree goes through here, so
none can forget the permission that depends on what is there (create or overwrite), the reservation before the act, or
the settling after it. Order of every change, under the home's act lock:

    reserve (the ledger refuses) -> act (the kernel refuses) -> settle with what the act says really vanished or came

When the act says that the world moved under us (`Removed.exact` is False), the home is counted before its next change.
When another directory has the home's path, the books are of that one: a session of the old one changes nothing more.

A session may end while a thread works long for it. Nobody hears what comes of that, so such work asks between its steps
whether the session is still there (`go_on`); the home stays open until the thread is done with it (`kept_open`).
"""

import errno
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from ftpserver.accounts.account import Permission
from ftpserver.quota.base import Grant, HomeBusy, Loan, QuotaExceeded, Tally, Usage
from ftpserver.quota.refusals import RefusalMemory
from ftpserver.storage.base import Form, Removed, Source, Storage, Version
from ftpserver.upload import Upload, UploadPolicy, settle_removed
from ftpwire.entry import Entry
from ftpwire.pathname import VirtualPath


@dataclass(frozen=True, slots=True)
class Fullness:
    """How much of a quota is used; the fuller is the greater."""

    used: int
    limit: int
    unit: str

    @property
    def percent(self) -> int:
        """Of the limit, in whole percent."""
        return 100 if not self.limit else self.used * 100 // self.limit

    def __lt__(self, other: "Fullness") -> bool:
        return self.percent < other.percent


class PermissionDenied(Exception):
    """The account lacks a permission."""

    def __init__(self, permission: Permission) -> None:
        super().__init__(permission)
        self.permission = permission


class SessionEnded(Exception):
    """The session of this home has ended, so its work ends too; nobody is there to be told."""


@dataclass(slots=True)
class Home:
    """What a session may see and change."""

    storage: Storage
    tally: Tally
    permissions: frozenset[Permission]
    policy: UploadPolicy
    name: str = ""
    """Its path, by which the ledger and the memory of refusals know it."""
    refusals: RefusalMemory | None = None
    count_pool: Callable[[str], None] = lambda pool: None
    """Make all homes of a pool known and counted."""
    moved: bool = False
    """Another directory was seen to have its path."""
    ended: bool = False
    """Its session has."""
    busy: bool = False
    """A thread works long with it."""

    # Looking ----------------------------------------------------------------------------------------------------

    def stat(self, path: VirtualPath, follow: bool = True) -> Entry:
        """The facts of one name. Raises OSError."""
        return self.storage.stat(path, follow)

    def scan(self, path: VirtualPath) -> Generator[Entry, None, None]:
        """The entries of a directory, lazily. Raises OSError."""
        return self.storage.scan(path)

    def listing(self, path: VirtualPath, form: Form | None) -> Generator[bytes, None, None]:
        """The lines of a directory in this form, or its names alone, in chunks, lazily. Raises OSError."""
        return self.storage.listing(path, form)

    def open_source(self, path: VirtualPath, offset: int = 0) -> Source:
        """Open a file to send it. Raises OSError."""
        return self.storage.open_source(path, offset)

    def usage(self) -> Usage:
        """What the books say. Raises Uncounted, LedgerFault."""
        return self.tally.usage()

    def free_bytes(self) -> int:
        """How many more bytes fit: by the quota, the pool and the disk. Raises Uncounted, LedgerFault, OSError."""
        limits, free = self.tally.limits, self.storage.free_bytes()
        if limits.bytes is not None:
            free = min(free, _room(limits.bytes, self.tally.usage()))
        pool = self.tally.pool_usage() if limits.pool_bytes is not None else None
        if limits.pool_bytes is not None and pool is not None:
            free = min(free, _room(limits.pool_bytes, pool))
        return max(0, free)

    def fullness(self) -> Fullness | None:
        """How full the fullest of the quotas is; None without one. Raises Uncounted, LedgerFault."""
        limits = self.tally.limits
        if limits.bytes is None and limits.files is None and limits.pool is None:
            return None
        own, pool = self.tally.usage_lately(), self.tally.pool_usage()
        parts = [(own.bytes, limits.bytes, "bytes"), (own.files, limits.files, "entries")]
        if pool is not None:
            parts += [(pool.bytes, limits.pool_bytes, "bytes"), (pool.files, limits.pool_files, "entries")]
        fullest = None
        for used, limit, unit in parts:
            if limit is not None:
                fullness = Fullness(used, limit, unit)
                if fullest is None or fullest < fullness:
                    fullest = fullness
        return fullest

    # Changing ---------------------------------------------------------------------------------------------------

    def upload(
        self, path: VirtualPath, expected: int = 0, only_new: bool = False, wait: bool = False
    ) -> Upload:
        """Begin to store a file from its first byte; `expected` bytes (ALLO) are reserved at once.

        Raises OSError, PermissionDenied, QuotaExceeded, Uncounted, HomeBusy, LedgerFault. With `wait`, here and
        below, it waits for others and is never HomeBusy: for threads.
        """
        self.check_place()
        sink = self.storage.create(path)
        try:
            existing = sink.existing
            if existing is not None and only_new:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            self.need(Permission.CREATE if existing is None else Permission.OVERWRITE)
            self._refuse_again(path, 0 if existing is None else existing.size, expected)
            if existing is None:
                grant = self._patiently(wait, partial(self.tally.reserve, bytes=expected, files=1))
            else:
                extra = max(0, expected - existing.size)
                loan = Loan(existing.identity, existing.size)
                firm = bool(expected)
                grant = self._patiently(wait, partial(self.tally.reserve, bytes=extra, loan=loan, firm=firm))
        except BaseException:
            sink.discard()
            raise
        replace = Permission.OVERWRITE in self.permissions and not only_new
        return Upload(sink, grant, self.tally, self.policy, replace, expected, self.recount, self.check_place)

    def _refuse_again(self, path: VirtualPath, lent: int, expected: int) -> None:
        """Refuse at once what was refused again and again, and would be once more, before its data is sent."""
        need = self.refusals.need(self.name, path.text) if self.refusals is not None else 0
        limit = self.tally.limits.bytes
        if not need or limit is None or self.refusals is None:
            return
        free = _room(limit, self.tally.usage()) + lent
        if free < need and not expected:
            raise QuotaExceeded("bytes", need, max(0, free), limit)
        self.refusals.forget(self.name, path.text)

    def stored(self, path: VirtualPath) -> None:
        """An upload to this path has succeeded."""
        if self.refusals is not None:
            self.refusals.forget(self.name, path.text)

    def refused(self, path: VirtualPath, error: QuotaExceeded) -> None:
        """An upload to this path was refused for want of room."""
        if self.refusals is not None and error.unit == "bytes" and error.pool is None:
            self.refusals.remember(self.name, path.text, error.need)

    def upload_in_place(
        self, path: VirtualPath, offset: int | None, expected: int = 0, wait: bool = False
    ) -> Upload:
        """Begin to write into a file at `offset` (None: at its end), or to make it when it is not there.

        `expected` is the size of the whole file or of what will come (see `Upload.keeps_promise`): where it can be
        both, only as much is reserved at once as both need. Raises as `upload` does.
        """
        self.check_place()
        sink = self.storage.change(path, offset)
        try:
            existing = sink.existing
            self.need(Permission.CREATE if existing is None else Permission.OVERWRITE)
            end = expected if expected > sink.offset or not expected else sink.offset + expected
            growth = end if existing is None else max(0, end - existing.size)
            files = 1 if existing is None else 0
            grant = self._patiently(
                wait, partial(self.tally.reserve, bytes=growth, files=files, in_place=sink.in_place)
            )
        except BaseException:
            sink.discard()
            raise
        return Upload(sink, grant, self.tally, self.policy, False, expected, self.recount, self.check_place)

    def remove_file(self, path: VirtualPath, wait: bool = False, only: Version | None = None) -> None:
        """Remove a name that is no directory. Raises OSError, Uncounted, HomeBusy, LedgerFault.

        With `only`: FileNotFoundError when the name is not that of this file in this state.
        """
        with self.tally.act(wait):
            self.check_place()
            grant = self.tally.reserve()
            self._settle_removal(grant, lambda: self.storage.remove_file(path, only))

    def remove_directory(self, path: VirtualPath, wait: bool = False) -> None:
        """Remove an empty directory. Raises as `remove_file`."""
        with self.tally.act(wait):
            self.check_place()
            grant = self.tally.reserve()
            self._settle_removal(grant, lambda: self.storage.remove_directory(path))

    def make_directory(self, path: VirtualPath, wait: bool = False) -> None:
        """Make one directory. Raises as `remove_file`, and QuotaExceeded."""
        self._make_entry(lambda: self.storage.make_directory(path), wait)

    def make_link(self, target: VirtualPath, path: VirtualPath) -> None:
        """Make a symbolic link that leads to `target`, below its own directory. Raises as `make_directory`."""
        self._make_entry(lambda: self.storage.make_link(target, path), False)

    def _make_entry(self, make: Callable[[], None], wait: bool) -> None:
        with self.tally.act(wait):
            self.check_place()
            grant = self._patiently(wait, partial(self.tally.reserve, files=1, firm=True))
            try:
                make()
            except BaseException:
                grant.release()
                raise
            grant.settle(0, 1)

    def rename(self, old: VirtualPath, new: VirtualPath) -> None:
        """Give a name to something that has another; replaces only with the overwrite permission.

        Raises as `remove_file`, FileExistsError among them.
        """
        with self.tally.act():
            self.check_place()
            grant = self.tally.reserve()
            replace = Permission.OVERWRITE in self.permissions
            self._settle_removal(grant, lambda: self.storage.rename(old, new, replace))

    def _patiently(self, wait: bool, reserve: Callable[[], Grant]) -> Grant:
        try:
            return reserve()
        except HomeBusy:
            if not wait:
                raise
        self.tally.outwait_others()
        return reserve()

    def _settle_removal(self, grant: Grant, act: Callable[[], Removed | None]) -> None:
        try:
            removed = act()
        except BaseException:
            grant.release()
            raise
        settle_removed(grant, removed, bytes=0, files=0)

    def set_modified(self, path: VirtualPath, seconds: float) -> None:
        """Set a modification time. Raises OSError."""
        self.storage.set_modified(path, seconds)

    def set_mode(self, path: VirtualPath, mode: int, modified: float | None = None) -> None:
        """Set permission bits, and with `modified` that time too, or nothing. Raises OSError."""
        self.storage.set_mode(path, mode, modified)

    # ------------------------------------------------------------------------------------------------------------

    def need(self, permission: Permission) -> None:
        """Raises PermissionDenied without this permission."""
        if permission not in self.permissions:
            raise PermissionDenied(permission)

    def check_place(self) -> None:
        """Raises OSError ESTALE when the home has been moved away or replaced; LedgerFault."""
        if not self.name or self.storage.stands_at(self.name):
            return
        if not self.moved:
            self.moved = True
            self.tally.distrust()
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), self.name)

    def recount(self) -> None:
        """Count the home and those of its pool, unless they are; on a thread. Raises OSError, LedgerFault."""
        self.check_place()
        self.tally.recount(self.storage.count)
        if self.tally.limits.pool is not None:
            self.count_pool(self.tally.limits.pool)

    def wait_until_quiet(self) -> None:
        """Wait while somebody changes or counts the home, or has room that is wanted; call it on a thread.

        Raises LedgerFault.
        """
        with self.tally.act(wait=True):
            pass
        self.tally.outwait_others()

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """While a thread works with it; on the loop. Raises SessionEnded when it is too late for that."""
        self.go_on()
        self.busy = True
        try:
            yield
        finally:
            self.busy = False
            if self.ended:
                self.close()

    def go_on(self) -> None:
        """Work that is long asks this between its steps. Raises SessionEnded."""
        if self.ended:
            raise SessionEnded

    def close(self) -> None:
        """The session has ended: let go of everything, or when the thread that works with it has ended."""
        self.ended = True
        if self.busy:
            return
        self.tally.close()
        self.storage.close()


def _room(limit: int, usage: Usage) -> int:
    """What a limit leaves; below zero when it was made lower than what is there."""
    return limit - usage.bytes - usage.reserved_bytes

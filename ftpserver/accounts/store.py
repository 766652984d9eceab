"""Reads account files, one user at a time, as late as possible.

A login costs one lstat when the file is as it was, so that a service with 100,000 users starts at once and a
changed file counts at the next login. A bad file shuts out its own user and nobody else. A file is opened
with O_NOFOLLOW and must be a regular file: one swapped for a link is refused.
"""

import errno
import os
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from ftpserver.accounts.account import Account, valid_name
from ftpserver.accounts.group import group_file, read_group
from ftpserver.config.document import parse_document, read_regular
from ftpserver.config.fault import Fault, Faulty
from ftpserver.config.validation import validate

SUFFIX = ".yaml"

# Two writes within one tick of the file system's clock leave the same times. A version younger than this when
# it was read is not trusted the next time.
RACY_NANOSECONDS = 100_000_000

Version = tuple[int, int, int, int, int]
"""Which writing of a file this is."""


@dataclass(frozen=True, slots=True)
class _Cached:
    version: Version
    group: Version | None
    account: Account


class AccountStore:
    """The accounts of one directory. Safe to use from several threads."""

    def __init__(self, directory: Path, capacity: int = 4096) -> None:
        self.directory = directory
        self._prefix = f"{directory}/"
        self._capacity = capacity
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._lock = Lock()

    def file(self, name: str) -> Path:
        """Return where the account of this (valid) name is or would be."""
        return self.directory / f"{name}{SUFFIX}"

    def exists(self, name: str) -> bool:
        """Tell whether there is something under the name of this account's file, usable or not."""
        return valid_name(name) and os.path.lexists(self.file(name))

    def get(self, name: str) -> Account | None:
        """Return the account as its file says now; None when there is none or the name cannot be one.

        Raises Faulty when the file is there and cannot be used.
        """
        with self._lock:
            cached = self._cache.get(name)
            if cached is not None:
                self._cache.move_to_end(name)
        if cached is None and not valid_name(name):
            return None
        try:
            version = version_of(os.lstat(f"{self._prefix}{name}{SUFFIX}"))
        except FileNotFoundError:
            self._forget(name)
            return None
        except OSError as error:
            raise Faulty([Fault(self.file(name), None, f"cannot be read: {error.strerror}")]) from error
        if (
            cached is not None
            and cached.version == version
            and cached.group == self._group_version(cached.account)
        ):
            return cached.account
        return self._read(name, self.file(name))

    def _group_version(self, account: Account) -> Version | None:
        if account.group is None:
            return None
        try:
            return version_of(os.lstat(group_file(self.directory, account.group)))
        except OSError:
            return None

    def names(self) -> Iterator[str]:
        """Yield the login names that have a file, in no order. Raises OSError."""
        for entry in self._entries():
            name = entry.removesuffix(SUFFIX)
            if name != entry and valid_name(name):
                yield name

    def load_all(self) -> tuple[list[Account], list[Fault]]:
        """Return every account, by name, and every fault of every file. Raises OSError as `names` does."""
        accounts: list[Account] = []
        faults: list[Fault] = []
        for entry in sorted(self._entries()):
            name = entry.removesuffix(SUFFIX)
            if name == entry:
                if entry.endswith(".yml"):
                    faults.append(
                        Fault(self.directory / entry, None, f"must be called {entry[:-4]}{SUFFIX} to count")
                    )
                continue
            if not valid_name(name):
                faults.append(Fault(self.directory / entry, None, "its name cannot be a login name"))
                continue
            try:
                account = self.get(name)
            except Faulty as error:
                faults.extend(error.faults)
            else:
                if account is not None:
                    accounts.append(account)
        return accounts, faults

    def _entries(self) -> Iterator[str]:
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield entry.name

    def _read(self, name: str, file: Path) -> Account | None:
        read_at = time.time_ns()
        try:
            data, status = read_account(file)
        except FileNotFoundError:
            self._forget(name)
            return None
        account = parse_account(name, file, data)
        group = self._group_version(account)
        changed = max(status.st_ctime_ns, group[1] if group is not None else 0)
        with self._lock:
            self._cache.pop(name, None)
            if read_at - changed > RACY_NANOSECONDS:
                self._cache[name] = _Cached(version_of(status), group, account)
                while len(self._cache) > self._capacity:
                    self._cache.popitem(last=False)
        return account

    def _forget(self, name: str) -> None:
        with self._lock:
            self._cache.pop(name, None)


def parse_account(name: str, file: Path, data: bytes) -> Account:
    """Return the account that the bytes of its file describe. Raises Faulty with every fault."""
    document = parse_document(file, data)
    # Without a home of its own an account's home is called as the account is.
    document.value.setdefault("home", name)
    given: dict[str, object] = {"name": name, "pool": None}
    group = document.value.get("group")
    if isinstance(group, str):
        found = read_group(file.parent, group)
        found.complete(document.value)
        given["pool"] = found.pool
    return validate(Account, document, given)


def read_account(file: Path) -> tuple[bytes, os.stat_result]:
    """Return the bytes and status of an account file, which must be a regular file and no link.

    Raises FileNotFoundError, and Faulty for everything else that keeps it from being read.
    """
    try:
        return read_regular(file, os.O_NOFOLLOW)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        if error.errno == errno.ELOOP:
            reason = "is a link; an account must be a regular file"
        raise Faulty([Fault(file, None, reason)]) from error


def version_of(status: os.stat_result) -> Version:
    """Return what differs when a file was written anew."""
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev

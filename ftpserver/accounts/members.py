"""Who shares which pool: the homes of all accounts, by the group whose pool they draw on.

An account file names its group, a group names nobody, so the only way to a group's members leads through all account
files. They are read once and looked at afterwards: a file is read again when its version (store.py) is another one.

Rules:

* Nothing is read while no group owns a pool, and a file in which no group is named is not parsed.
* Work comes in small steps with a pause after each: 100,000 files must not be felt by anybody.
* Disabled and expired accounts are members: their files are there.
* A file that cannot be used may be a member's. Then what was known of it holds, and the result is not `complete`:
  homes that nobody claims may belong to it and must stay in their pools.
* A file that was written a moment ago may change again unseen; then the result is not `settled`: look again soon.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ftpserver.accounts.account import parse_home, valid_name
from ftpserver.accounts.group import FOLDER, read_group
from ftpserver.accounts.group import SUFFIX as GROUP_SUFFIX
from ftpserver.accounts.store import RACY_NANOSECONDS, SUFFIX, Version, read_account, version_of
from ftpserver.config.document import parse_document
from ftpserver.config.fault import Fault, Faulty

_LOOKS_A_STEP = 256
_READS_A_STEP = 64
_VANISHED: Version = (0, 0, 0, 0, 0)
_UNKNOWN: Version = (-1, 0, 0, 0, 0)  # of no file: read it again the next time

_Membership = tuple[str, str] | None
"""Group and home of an account; None without a group."""


@dataclass(slots=True)
class Roster:
    """The homes (paths) of each group that owns a pool, as the files say."""

    pools: dict[str, set[str]] = field(default_factory=dict)
    complete: bool = True
    settled: bool = True


class Members:
    """The accounts of one directory, by group. For one thread at a time."""

    def __init__(self, accounts: Path, homes: Path, pause: Callable[[], None] = lambda: None) -> None:
        """`pause` is called after each step; what it raises ends the work."""
        self._accounts = accounts
        self._homes = homes
        self._pause = pause
        self._groups: dict[str, tuple[Version, bool]] = {}
        self._members: dict[str, tuple[Version, _Membership]] = {}

    def signature(self) -> tuple[object, bool]:
        """A value that is another one when an account came, went or was replaced, or a group changed at all.

        The second is False when it may stay the same over a change, as one was made just now. It costs little. An
        account file that is written in place shows in `look` only.
        """
        now, versions = time.time_ns(), []
        for folder in (self._accounts, self._accounts / FOLDER):
            try:
                versions.append(version_of(os.stat(folder)))
            except OSError:
                versions.append(_VANISHED)
        groups = [(entry.name, _version(entry)) for entry in self._group_files()]
        newest = max((version[1] for version in versions), default=0)
        return (versions, sorted(groups)), now - newest > RACY_NANOSECONDS

    def look(self, also: Collection[str] = ()) -> Roster:
        """Look at every file. The groups `also` are taken for owners of a pool. Raises OSError."""
        roster = Roster()
        owners = self._owners(roster) | set(also)
        if not owners:
            self._members.clear()
            return roster
        roster.pools = {name: set() for name in owners}
        seen: dict[str, tuple[Version, _Membership]] = {}
        reads = 0
        for number, entry in enumerate(_files(self._accounts, SUFFIX), 1):
            known, version = self._members.get(entry.name), _version(entry)
            if known is None or known[0] != version:
                known = self._read(entry.path, version, known, roster)
                reads += 1
            seen[entry.name] = known
            if known[1] is not None and known[1][0] in owners:
                roster.pools[known[1][0]].add(str(self._homes / known[1][1]))
            if number % _LOOKS_A_STEP == 0 or reads == _READS_A_STEP:
                reads = 0
                self._pause()
        self._members = seen
        return roster

    def _owners(self, roster: Roster) -> set[str]:
        """The groups with a pool; one whose file cannot be used may have one."""
        groups: dict[str, tuple[Version, bool]] = {}
        owners = set()
        for entry in self._group_files():
            name, version = entry.name.removesuffix(GROUP_SUFFIX), _version(entry)
            known, read_at = self._groups.get(name), time.time_ns()
            if known is None or known[0] != version:
                try:
                    known = version, read_group(self._accounts, name).pool is not None
                except Faulty:
                    known = version, True
                    roster.complete = False
            if _racy(version, read_at):
                roster.settled = False
            else:
                groups[name] = known
            if known[1]:
                owners.add(name)
        self._groups = groups
        return owners

    def _group_files(self) -> "Iterator[os.DirEntry[str]]":
        with suppress(FileNotFoundError):  # no group was ever made
            yield from _files(self._accounts / FOLDER, GROUP_SUFFIX)

    def _read(
        self, path: str, version: Version, known: tuple[Version, _Membership] | None, roster: Roster
    ) -> tuple[Version, _Membership]:
        read_at = time.time_ns()
        try:
            membership = _membership(Path(path))
        except FileNotFoundError:
            return _UNKNOWN, None
        except Faulty:
            roster.complete = False
            return _UNKNOWN, known[1] if known is not None else None
        if _racy(version, read_at):
            roster.settled = False
            version = _UNKNOWN
        return version, membership


def _membership(file: Path) -> _Membership:
    """Group and home of the account of this file. Raises FileNotFoundError, Faulty."""
    data, _ = read_account(file)
    if b"group" not in data and b"\\" not in data:  # the word can stand there in no other way
        return None
    document = parse_document(file, data)
    group = document.value.get("group")
    if not isinstance(group, str):
        return None
    try:
        return group, parse_home(document.value.get("home", file.name.removesuffix(SUFFIX)))
    except ValueError as error:
        raise Faulty([Fault(file, None, str(error))]) from error


def _files(folder: Path, suffix: str) -> "Iterator[os.DirEntry[str]]":
    """The files of valid names. Raises OSError."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(suffix) and valid_name(entry.name.removesuffix(suffix)):
                yield entry


def _version(entry: "os.DirEntry[str]") -> Version:
    try:
        return version_of(entry.stat(follow_symlinks=False))
    except OSError:  # it has vanished: what is read of it will say so
        return _VANISHED


def _racy(version: Version, read_at: int) -> bool:
    return read_at - version[1] <= RACY_NANOSECONDS

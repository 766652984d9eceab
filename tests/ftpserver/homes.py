"""Real homes for tests: a jail in a directory, a ledger beside it, and a look at the disk that trusts neither."""

import os
from pathlib import Path

from ftpserver.accounts.account import PRESETS, Permission
from ftpserver.home import Home
from ftpserver.quota.base import Limits, Uncounted, Usage
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.storage.local import LocalStorage
from ftpserver.upload import Ending, Fate, Upload, UploadPolicy
from ftpwire.pathname import ROOT, VirtualPath


def path(text: str) -> VirtualPath:
    return VirtualPath.resolve(ROOT, text)


def disk(root: Path) -> tuple[int, int]:
    """What a walk finds: bytes of regular files and entries."""
    size = entries = 0
    for where, folders, files in os.walk(root):
        entries += len(folders) + len(files)
        size += sum(os.lstat(os.path.join(where, name)).st_size for name in files)
    return size, entries


class Place:
    """A home directory and a ledger; `session` opens a Home as a login does."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.root = base / "home"
        self.root.mkdir(parents=True)
        self.ledger = SqliteLedger(base / "state")
        self._homes: list[Home] = []

    def session(
        self,
        bytes: int | None = None,
        files: int | None = None,
        permissions: frozenset[Permission] = PRESETS["full"],
        policy: UploadPolicy | None = None,
        ledger: SqliteLedger | None = None,
    ) -> Home:
        storage = LocalStorage.open(self.root, staging=self.base / "staging")
        tally = (ledger or self.ledger).open(str(self.root), Limits(bytes, files))
        home = Home(storage, tally, permissions, policy or UploadPolicy())
        home.recount()
        self._homes.append(home)
        return home

    def close(self) -> None:
        for home in self._homes:
            home.close()
        self.ledger.close()


def write(upload: Upload, data: bytes, at: int | None = None) -> int:
    """Cover and write as the mover does; returns the end."""
    position = upload.offset if at is None else at
    upload.cover(position + len(data))
    os.pwrite(upload.fd, data, position)
    return position + len(data)


def store(home: Home, name: str, data: bytes, ending: Ending = Ending.COMPLETE) -> Fate:
    """A whole upload."""
    upload = home.upload(path(name))
    try:
        write(upload, data)
    except BaseException:
        upload.finish(Ending.REFUSED)
        raise
    return upload.finish(ending)


def settled(home: Home) -> Usage:
    """What the books say, counted before if need be."""
    try:
        return home.usage()
    except Uncounted:
        home.recount()
        return home.usage()

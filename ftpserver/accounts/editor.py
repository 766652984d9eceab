"""Changes account files the way a careful person would: comments, order and quoting stay.

Every change holds an exclusive lock on `.lock` in the accounts directory, so two administrators cannot undo
each other's work. The new text is checked before it replaces the old one, which happens by rename after a
sync: a reader sees the old file or the new one, never half of one. Mode, owner and group of a replaced file
are kept; a new file has mode 0600 and, when root makes it, the directory's owner, so that the service can
read it.
"""

import contextlib
import fcntl
import io
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from ftpserver.accounts.account import LOCKED, Account, valid_name
from ftpserver.accounts.store import AccountStore, parse_account, read_account
from ftpserver.config.document import parse_document
from ftpserver.config.fault import about

LOCK_FILE = ".lock"

Value = str | int | bool | None | list[str]
Changes = Mapping[tuple[str, ...], Value]
"""New values by their place: {("quota", "bytes"): "1GiB", ("enabled",): False}."""

# What stands in the file wins over the account's group, so that everything the group may give is a comment. The word
# "group" must not stand here: members.py parses no file without it.
TEMPLATE = """\
# A change counts within a second or two. 'ftpserver user' changes this file and keeps your comments.
# Groups give the values that are left out here; without one they are:
#   enabled: true
#   expires: null                 # 2026-12-31 (from that day on), 2026-12-31T18:00Z, or null
#   permissions: full             # or read-only, drop-box, a list:
#                                 # list read create overwrite delete rename mkdir rmdir attributes
#   quota: {bytes: null, files: null}                           # null = unlimited; sizes as 10MiB, 1GB
#   limits: {sessions: 0, upload_rate: 0, download_rate: 0}     # 0 = no limit; rates in bytes a second, 10MiB
password: "*"                     # bcrypt hash; "*" = nobody can log in
home: ""                          # below homes, or absolute; created at first login
"""


# A key with nothing behind it, blank and comment lines, then an indented line that is no list item.
_NESTED = re.compile(
    r"^[^\s#][^\n]*:[ ]*(?:#[^\n]*)?\r?\n(?:[ ]*(?:#[^\n]*)?\r?\n)*([ ]+)(?![ -])", re.MULTILINE
)
_ITEM = re.compile(r"^([ ]*)-[ ]", re.MULTILINE)


class AccountExists(Exception):
    """There is already an account of this name."""


class NoSuchAccount(Exception):
    """There is no account of this name."""


class AccountEditor:
    """Adds, changes and removes the account files of one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._store = AccountStore(directory, capacity=0)

    def add(self, name: str, password: str, changes: Changes) -> Account:
        """Make an account; `password` is its bcrypt hash (or "*").

        Raises ValueError for a name that cannot be one, AccountExists, Faulty when a value is refused,
        OSError.
        """
        if not valid_name(name):
            raise ValueError(f"{name!r} cannot be a login name")
        account, data = self._new(name, password, changes)
        with self._locked():
            self._write(self._store.file(name), data, None)
        return account

    def preview(self, name: str, changes: Changes) -> Account:
        """Return the account that `add` would make, without a password; makes nothing. Raises Faulty."""
        return self._new(name, LOCKED, changes)[0]

    def change(self, name: str, changes: Changes) -> Account:
        """Change values of an account and return it as it is now; other values may be repaired by this too.

        Raises NoSuchAccount, Faulty when the file cannot be read or the result is refused, OSError.
        """
        with self._locked():
            file, data, status = self._read(name)
            data = _changed(file, data, changes)
            account = parse_account(name, file, data)
            self._write(file, data, status)
        return account

    def set_password(self, name: str, password: str) -> Account:
        """Give an account a new bcrypt hash, or "*" to lock it. Raises as `change` does."""
        return self.change(name, {("password",): password or LOCKED})

    def remove(self, name: str) -> None:
        """Remove the account file; the home is not touched. Raises NoSuchAccount, OSError."""
        with self._locked():
            if not valid_name(name):
                raise NoSuchAccount(name)
            try:
                self._store.file(name).unlink()
            except FileNotFoundError:
                raise NoSuchAccount(name) from None
            self._sync_directory()

    def _new(self, name: str, password: str, changes: Changes) -> tuple[Account, bytes]:
        first: dict[tuple[str, ...], Value] = {("home",): name, ("password",): password}
        file = self._store.file(name)
        data = _changed(file, TEMPLATE.encode(), {**first, **changes})
        return parse_account(name, file, data), data

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.directory / LOCK_FILE, flags, 0o600)
        try:
            # The lock file may have been made by root first; its owner must not lock the service's user out.
            self._give_to_owner(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self, name: str) -> tuple[Path, bytes, os.stat_result]:
        if not valid_name(name):
            raise NoSuchAccount(name)
        file = self._store.file(name)
        try:
            data, status = read_account(file)
        except FileNotFoundError:
            raise NoSuchAccount(name) from None
        return file, data, status

    def _write(self, file: Path, data: bytes, replaced: os.stat_result | None) -> None:
        temporary = self.directory / f".{secrets.token_hex(8)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(temporary, flags, 0o600)
        try:
            with about(file), os.fdopen(descriptor, "wb") as stream:
                stream.write(data)
                stream.flush()
                if replaced is None:
                    self._give_to_owner(descriptor)
                else:
                    _keep_owner(descriptor, replaced)
                os.fsync(descriptor)
            if replaced is None:
                # A link, not a rename: it fails when somebody made the file by hand since we looked.
                try:
                    os.link(temporary, file)
                except FileExistsError:
                    raise AccountExists(file.stem) from None
            else:
                temporary.rename(file)
        finally:
            temporary.unlink(missing_ok=True)
        self._sync_directory()

    def _give_to_owner(self, descriptor: int) -> None:
        if os.geteuid() == 0:
            owner = self.directory.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)

    def _sync_directory(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _keep_owner(descriptor: int, replaced: os.stat_result) -> None:
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (replaced.st_uid, replaced.st_gid):
        os.fchown(descriptor, replaced.st_uid, replaced.st_gid)
    # After the owner: a change of owner may clear bits of the mode.
    os.fchmod(descriptor, replaced.st_mode & 0o777)


def _changed(file: Path, data: bytes, changes: Changes) -> bytes:
    """Return the text with new values in it and everything else as it was.

    Raises Faulty when it is not plain YAML.
    """
    parse_document(file, data)  # refuses what the round trip would accept: tags, anchors, keys given twice
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(**_indentation(data.decode("utf-8-sig")))
    yaml.representer.add_representer(type(None), _represent_null)
    tree = yaml.load(data)
    if tree is None:
        tree = CommentedMap()
    for place, value in changes.items():
        _put(tree, place, value)
    text = io.BytesIO()
    yaml.dump(tree, text)
    return text.getvalue()


def _indentation(text: str) -> dict[str, int]:
    """Return how the file is indented now; the round trip would use one width for all files."""
    mapping = _NESTED.search(text)
    item = _ITEM.search(text)
    offset = len(item[1]) if item else 0
    return {"mapping": len(mapping[1]) if mapping else 2, "sequence": offset + 2, "offset": offset}


def _put(tree: Any, place: tuple[str, ...], value: Value) -> None:
    *sections, key = place
    for section in sections:
        if not isinstance(tree.get(section), CommentedMap):
            tree[section] = CommentedMap()
            tree[section].fa.set_flow_style()
        tree = tree[section]
    if isinstance(value, list):
        tree[key] = CommentedSeq(value)
        tree[key].fa.set_flow_style()
    else:
        tree[key] = value


def _represent_null(representer: Any, value: None) -> Any:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")

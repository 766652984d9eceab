"""One logged-in session with a server, as typed Python.

    with Client.connect("ftp.example.org") as client:
        client.login("ada", password)
        for entry in client.list("/reports"):
            print(entry.name, entry.size)

Rules
- Paths are server paths: absolute, or relative to the working directory. They travel as UTF-8; bytes that are
  not UTF-8 survive a round trip (surrogateescape).
- Every refusal is an exception of `ftpclient.errors`. A transfer that returns was confirmed by the server
  (226).
- Transfers are binary. MLSD and MLST are used where the server has them, LIST, SIZE and MDTM where not. LIST
  is given no path, since servers read options and patterns into one: we go there and come back.
- What the server turned out not to know is asked once.
- One session serves one thread.
"""

import os
import posixpath
import re
import stat
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from ftpclient.control import Control
from ftpclient.data import BUFFER, DataConnection
from ftpclient.errors import NotFound, ProtocolFault, Refused, Unsupported, refusal
from ftpclient.listing import LineSplitter, fact_entries, list_entries
from ftpclient.session import Session, Settings, working_directory
from ftpwire.command import Command
from ftpwire.entry import Entry, Kind
from ftpwire.errors import RemoteError
from ftpwire.facts import FactLine
from ftpwire.reply import Reply
from ftpwire.timeval import decode_timeval, encode_timeval

Lines = list[str]
Entries = list[Entry]

Progress = Callable[[int], None]
"""Told the number of bytes just moved."""

_SIZE = re.compile(r"[0-9]{1,19}")


class Writer(Protocol):
    """Where downloaded bytes go: any binary file, or an object of one method."""

    def write(self, data: memoryview, /) -> int | None:
        """Take bytes; return how many, or None for all."""


class Client(Session):
    """A session with one server that knows files and directories; use it as a context manager."""

    def __init__(self, control: Control, settings: Settings | None = None) -> None:
        super().__init__(control, settings)
        self._hidden = True

    # Directories

    def pwd(self) -> str:
        """The working directory, as last told by the server."""
        return self._cwd

    def cwd(self, path: str) -> str:
        """Change the working directory and return it."""
        changed, where = self.batch([Command("CWD", path), Command("PWD", "")])
        if not changed.completion:
            raise refusal(changed, path)
        self._cwd = working_directory(where)
        return self._cwd

    def absolute(self, path: str) -> str:
        """Make a path independent of the working directory (`..` is left to the server)."""
        return posixpath.join(self._cwd, path)

    def list(self, path: str = "", exact: bool = False) -> Entries:
        """List a directory; with `exact`, times that LIST tells only roughly are asked for (MDTM)."""
        entries = [*self.scan(path)]
        if exact and "MLST" not in self.features and "MDTM" in self.features:
            files = [entry for entry in entries if entry.kind is Kind.FILE]
            names = [posixpath.join(path, entry.name) for entry in files]
            for entry, reply in zip(
                files, self.batch([Command("MDTM", name) for name in names]), strict=True
            ):
                entry.modified = _time(reply)
        return entries

    def scan(self, path: str = "") -> Iterator[Entry]:
        """List a directory as it arrives; the session is busy until the iterator is exhausted or closed."""
        if "MLST" in self.features or "MLSD" in self.features:
            for lines in self._lines(Command("MLSD", path), path):
                yield from fact_entries(lines)
        else:
            yield from self._scan_there(path)

    def _scan_there(self, path: str) -> Iterator[Entry]:
        home = self._cwd
        if path:
            self._control.need("CWD", path, path)
        try:
            now = time.time()
            for lines in self._list_lines(path):
                yield from list_entries(lines, now)
        finally:
            if path and not self.closed:
                self._control.need("CWD", home, home)

    def _list_lines(self, path: str) -> Iterator[Lines]:
        if self._hidden:
            try:
                yield from self._lines(Command("LIST", "-a"), path)
                return
            except Refused:
                self._hidden = False  # not a Unix server: it took "-a" for a name
        yield from self._lines(Command("LIST", ""), path)

    def _lines(self, command: Command, path: str) -> Iterator[Lines]:
        splitter = LineSplitter()
        with self.transfer(command, 0, path) as data:
            for part in self.received(data):
                yield splitter.feed(bytes(part))
        yield splitter.end()

    def make_directory(self, path: str, parents: bool = False) -> None:
        """Make a directory; with `parents` also those above it, and one that exists already is fine."""
        if not parents:
            self._control.need("MKD", path, path)
            return
        steps = _steps(path)
        replies = self.batch([Command("MKD", step) for step in steps])
        if replies and not replies[-1].completion and not self.is_directory(path):
            raise refusal(replies[-1], path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        self._control.need("RMD", path, path)

    # Files

    def stat(self, path: str) -> Entry:
        """Tell what a name stands for; raise NotFound."""
        if "MLST" in self.features:
            reply = self._control.need("MLST", path, path)
            try:
                entry = FactLine.decode(reply.lines[1])
            except (IndexError, RemoteError) as fault:
                raise ProtocolFault("the reply to MLST cannot be read", path=path) from fault
        else:
            entry = self._stat_by_hand(path)
        entry.name = posixpath.basename(path.rstrip("/")) or "/"
        return entry

    def _stat_by_hand(self, path: str) -> Entry:
        size, modified = self.batch([Command("SIZE", path), Command("MDTM", path)])
        if size.code == 213:
            return Entry(path, Kind.FILE, _number(size), _time(modified))
        if self._is_entered(path):
            return Entry(path, Kind.DIRECTORY)
        # A file that SIZE refuses, or nothing at all: the listing of its directory knows.
        parent, name = posixpath.split(path)
        for entry in self.list(parent):
            if entry.name == name:
                return entry
        raise NotFound("no such file or directory", path=path)

    def is_directory(self, path: str) -> bool:
        """Whether the name stands for a directory, or for a link to one."""
        return self._is_entered(path)

    def _is_entered(self, path: str) -> bool:
        entered, _ = self.batch([Command("CWD", path), Command("CWD", self._cwd)])
        return entered.completion

    def size(self, path: str) -> int | None:
        """The size of a file in bytes, or None if the server tells no sizes; raise NotFound and the like."""
        reply = self._control.ask("SIZE", path)
        if reply.code == 213:
            return _number(reply)
        fault = refusal(reply, path)
        if isinstance(fault, Unsupported):
            return None
        raise fault

    def set_modified(self, path: str, seconds: float) -> bool:
        """Set a file's time (seconds, UTC); return whether the server has and allowed it (MFMT)."""
        if "MFMT" not in self.features:
            return False
        return self._control.ask("MFMT", f"{encode_timeval(seconds)} {path}").completion

    def remove(self, path: str) -> None:
        """Remove a file."""
        self._control.need("DELE", path, path)

    def rename(self, old: str, new: str) -> None:
        """Rename or move a file or directory."""
        source, target = self.batch([Command("RNFR", old), Command("RNTO", new)])
        if not source.intermediate:
            raise refusal(source, old)
        if not target.completion:
            raise refusal(target, new)

    def quota(self) -> tuple[str, ...]:
        """The server's own words about the account's quota (SITE QUOTA)."""
        return self._control.need("SITE", "QUOTA").lines

    def available(self, path: str = "") -> int | None:
        """Bytes that may still be stored (AVBL), or None if the server does not tell."""
        reply = self._control.ask("AVBL", path)
        return _number(reply) if reply.code == 213 else None

    # Transfers

    def retrieve(self, path: str, into: Writer, offset: int = 0, progress: Progress | None = None) -> int:
        """Download from byte `offset` into a binary file; return the bytes received."""
        total = 0
        with self.transfer(Command("RETR", path), offset, path) as data:
            for part in self.received(data):
                _write(into, part)
                total += len(part)
                if progress:
                    progress(len(part))
        return total

    def store(self, path: str, source: BinaryIO, offset: int = 0, progress: Progress | None = None) -> int:
        """Upload a binary file, from byte `offset` on both sides, to its end; return the bytes sent."""
        total = 0
        with self.transfer(Command("STOR", path), offset, path) as data:
            if data is None:
                raise ProtocolFault("the server did not wait for the file", path=path)
            for sent in self._sent(data, source, offset):
                total += sent
                if progress:
                    progress(sent)
            data.end()
        return total

    def _sent(self, data: DataConnection, source: BinaryIO, offset: int) -> Iterator[int]:
        if _is_regular(source) and not data.tls:
            while sent := data.send_file(source, offset):
                offset += sent
                yield sent
            return
        if offset or _is_regular(source):  # wherever it was left
            source.seek(offset)
        while block := source.read(BUFFER):
            data.send(memoryview(block))
            yield len(block)


def _number(reply: Reply) -> int | None:
    text = reply.text.strip()
    return int(text) if _SIZE.fullmatch(text) else None


def _time(reply: Reply) -> float | None:
    try:
        return decode_timeval(reply.text.strip()) if reply.code == 213 else None
    except RemoteError:
        return None


def _steps(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part]
    root = "/" if path.startswith("/") else ""
    return [root + "/".join(parts[: count + 1]) for count in range(len(parts))]


def _is_regular(source: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(source.fileno()).st_mode)
    except (OSError, AttributeError):
        return False


def _write(into: Writer, part: memoryview) -> None:
    while part:
        taken = into.write(part)
        if taken is None:
            return
        part = part[taken:]

"""The lines of a directory listing as they come over the data connection, made into entries.

Rules
- Lines end at LF; one CR before it is dropped. No Telnet here: a 0xFF byte in a name is a byte of the name.
- `type=cdir` and `type=pdir` (the directory itself and its parent, RFC 3659 §7.5.1) are left out, and so are
  "." and "..".
- Other names are passed on as they came, also hostile ones: what may become a local name is `safe_name`'s
  question.
- A line without end, or one that nobody can read, is a `ProtocolFault`, not a guess.
"""

import os
from collections.abc import Iterator

from ftpclient.errors import ProtocolFault
from ftpwire.entry import Entry
from ftpwire.errors import RemoteError
from ftpwire.facts import FactLine
from ftpwire.listing import decode_line

MAX_LINE = 64 * 1024


class LineSplitter:
    """Cuts a byte stream into lines of at most MAX_LINE bytes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Take bytes and return the lines they complete, decoded; raise ProtocolFault on an endless one."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise ProtocolFault("a line of the listing does not end")
        return [_text(line) for line in lines]

    def end(self) -> list[str]:
        """Return the last line, if it came without its end."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "surrogateescape")


def fact_entries(lines: list[str]) -> Iterator[Entry]:
    """Read lines of MLSD."""
    for line in lines:
        facts, found, _ = line.lower().partition("; ")
        if not line or (found and {"type=cdir", "type=pdir"} & set(facts.split(";"))):
            continue
        try:
            entry = FactLine.decode(line)
        except RemoteError as fault:
            raise ProtocolFault(f"the listing cannot be read: {fault}") from fault
        if entry.name not in (".", ".."):
            yield entry


def list_entries(lines: list[str], now: float) -> Iterator[Entry]:
    """Read lines of LIST in any known format; `now` (seconds, UTC) completes dates without a year."""
    for line in lines:
        try:
            entry = decode_line(line, now)
        except RemoteError as fault:
            raise ProtocolFault(f"the listing cannot be read: {fault}") from fault
        if entry is not None:
            yield entry


def safe_name(name: str) -> bool:
    """Whether a name from a server stays inside the local directory it is joined to."""
    separators = {os.sep, os.altsep or os.sep, "\0"}
    return name not in ("", os.curdir, os.pardir) and not any(mark in name for mark in separators)

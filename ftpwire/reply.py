"""A reply of the control connection, said and heard (RFC 959 section 4.2).

Said: one line is "code text"; several are "code-first", " middle" with one leading space each (so that no
middle line can look like the end) and "code last". Control characters become "?"; a character the encoding
lacks does too: a reply must go out.

Heard: leniently. Lines may end in a bare LF; a middle line may stand alone, behind one space or behind a
repeated "code-"; the end is "code" alone or "code " and text. Anything else between replies is garbage.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from ftpwire.errors import LocalError, RemoteError
from ftpwire.line import LineReader
from ftpwire.printable import printable

MAX_REPLY = 1 << 20
"""Bytes in one reply, all its lines together: STAT of a directory of some ten thousand files."""

_FIRST = re.compile(rb"([1-6][0-9][0-9])([ -]|\Z)")


@dataclass(frozen=True, slots=True)
class Reply:
    """A code of three digits and the lines of its text."""

    code: int
    lines: tuple[str, ...]

    @classmethod
    def of(cls, code: int, *lines: str) -> "Reply":
        """Return a reply of these lines."""
        return cls(code, lines)

    @property
    def text(self) -> str:
        """The lines joined by LF."""
        return "\n".join(self.lines)

    @property
    def preliminary(self) -> bool:
        """1yz: begun, another reply follows."""
        return self.code // 100 == 1

    @property
    def completion(self) -> bool:
        """2yz: done."""
        return self.code // 100 == 2

    @property
    def intermediate(self) -> bool:
        """3yz: so far good, more is needed."""
        return self.code // 100 == 3

    @property
    def transient(self) -> bool:
        """4yz: refused now, may be tried again."""
        return self.code // 100 == 4

    @property
    def permanent(self) -> bool:
        """5yz: refused."""
        return self.code // 100 == 5

    def encode(self, encoding: str = "utf-8") -> bytes:
        """Return the lines with their ends. Raises LocalError when the code is not 100 to 699."""
        return _encode(self.code, self.lines, encoding)


@lru_cache(maxsize=256)  # most replies are said again and again
def _encode(number: int, lines: tuple[str, ...], encoding: str) -> bytes:
    if not 100 <= number <= 699:
        raise LocalError("a reply code is 100 to 699")
    code = b"%d" % number
    if not lines:
        return code + b" \r\n"
    *others, last = (_encode_text(text, encoding) for text in lines)
    end = code + b" " + last + b"\r\n"
    if not others:
        return end
    first, *middle = others
    return b"".join((code, b"-", first, b"\r\n", *(b" " + line + b"\r\n" for line in middle), end))


def _encode_text(text: str, encoding: str) -> bytes:
    text = printable(text)
    try:
        encoded = text.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        encoded = b"".join(_encode_character(character, encoding) for character in text)
    return encoded.replace(b"\xff", b"\xff\xff")  # 0xFF is Telnet's IAC


def _encode_character(character: str, encoding: str) -> bytes:
    try:
        return character.encode(encoding, "surrogateescape")
    except UnicodeEncodeError:
        return b"?"


class ReplyReader:
    """Cuts a stream of bytes into replies."""

    __slots__ = ("_code", "_encoding", "_fault", "_limit", "_lines", "_reader", "_size")

    def __init__(self, limit: int = MAX_REPLY, encoding: str = "utf-8") -> None:
        """Accept replies of up to `limit` bytes, each end of a line counted as one."""
        self._limit = limit
        self._encoding = encoding
        self._reader = LineReader(limit)
        self._code = b""  # of the reply whose last line has not come
        self._lines: list[bytes] = []
        self._size = 0
        self._fault = ""

    @property
    def pending(self) -> int:
        """Bytes held that are not yet part of a reply given out."""
        return self._size + self._reader.pending

    def clear(self) -> None:
        """Forget everything held, a fault too."""
        self._reader.clear()
        self._begin()
        self._fault = ""

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes and return the replies they complete.

        Raises RemoteError on garbage and on a reply beyond the limit, and then on every call until `clear()`.
        Replies that were complete before the fault are returned first; the next call raises.
        """
        if self._fault:
            raise RemoteError(self._fault)
        replies: list[Reply] = []
        try:
            for line in self._reader.feed(data):
                if self._take(line):
                    replies.append(self._finish())
        except RemoteError as fault:
            self.clear()
            self._fault = str(fault)
            if not replies:
                raise
        return replies

    def _take(self, line: bytes | None) -> bool:
        """Hold a line and tell whether it ends a reply."""
        if line is None or self._size + len(line) >= self._limit:
            raise RemoteError("the reply is too long")
        if not self._code:
            return self._start(line)
        ended = line == self._code or line.startswith(self._code + b" ")
        if ended or line.startswith(self._code + b"-"):
            self._hold(line, 4)
        else:
            self._hold(line, 1 if line.startswith(b" ") else 0)
        return ended

    def _start(self, line: bytes) -> bool:
        if not line:
            return False  # a stray empty line between replies
        match = _FIRST.match(line)
        if match is None:
            raise RemoteError("the peer does not speak FTP: a reply starts with a code")
        self._code = match[1]
        self._hold(line, 4)
        return match[2] != b"-"

    def _hold(self, line: bytes, start: int) -> None:
        self._lines.append(line[start:])
        self._size += len(line) + 1

    def _finish(self) -> Reply:
        lines = tuple(line.decode(self._encoding, "surrogateescape") for line in self._lines)
        reply = Reply(int(self._code), lines)
        self._begin()
        return reply

    def _begin(self) -> None:
        self._code = b""
        self._lines = []
        self._size = 0

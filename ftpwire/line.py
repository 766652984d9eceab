"""Lines of the control connection: bytes in, whole lines out (RFC 959 section 5.3, RFC 854).

Rules:
- A line ends at LF and nowhere else. Exactly one CR before it belongs to the end; any other CR belongs to
  the line.
- Telnet commands are removed before lines are found. After IAC (0xFF) only 0xF0..0xFE is a command; WILL,
  WONT, DO and DONT take one more byte; IAC IAC is one byte 0xFF. After any other byte both stay: clients
  that know no Telnet send names in Latin-1 with a lone 0xFF.
- A line longer than the limit is reported once, as None, the moment it is too long, and discarded up to its
  LF. Its tail is never a line: otherwise a long command could smuggle another one.
- What comes out does not depend on how the bytes were cut into chunks, and the time is linear in their
  number.
"""

import re

MAX_LINE = 8192
"""Bytes in one line without its end: two paths of PATH_MAX, and far above what any client sends."""

_CR = 0x0D
_IAC = b"\xff"
_ESCAPE = re.compile(
    rb"\xff(?:"
    rb"\xff"  # a doubled 0xFF is data
    rb"|[\xf0-\xfa]"  # SE NOP DM BRK IP AO AYT EC EL GA SB
    rb"|[\xfb-\xfe]."  # WILL WONT DO DONT and the option
    rb"|[\xfb-\xfe]?\Z"  # cut by the end of the chunk
    rb")",
    re.DOTALL,
)


class LineReader:
    """Cuts a stream of bytes into lines."""

    __slots__ = ("_escape", "_held", "_limit", "_overlong")

    def __init__(self, limit: int = MAX_LINE) -> None:
        """Accept lines of up to `limit` bytes, their end not counted."""
        self._limit = limit
        self._held = bytearray()  # the start of a line whose LF has not come
        self._escape = b""  # the start of a Telnet command cut by the end of a chunk
        self._overlong = False  # inside a line that was reported as None

    @property
    def pending(self) -> int:
        """Bytes held that are not yet part of a line given out."""
        return len(self._held) + len(self._escape)

    def clear(self) -> None:
        """Forget everything held, as before a TLS handshake."""
        self._held.clear()
        self._escape = b""
        self._overlong = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """Take bytes and return the lines they complete, without their ends; None is an over-long line."""
        if (  # the usual case: one whole line, nothing held, no Telnet (0xFF is not ASCII)
            data.isascii()
            and 0 <= data.find(b"\n") == len(data) - 1 <= self._limit
            and not (self._held or self._escape or self._overlong)
        ):
            return [data[:-2] if data.endswith(b"\r\n") else data[:-1]]
        if self._escape or _IAC in data:
            data = self._without_telnet(data)
        return self._split(data)

    def _without_telnet(self, data: bytes) -> bytes:
        data = self._escape + data
        self._escape = b""
        return _ESCAPE.sub(self._resolve, data)

    def _resolve(self, match: re.Match[bytes]) -> bytes:
        escape = match[0]
        if escape == b"\xff\xff":
            return _IAC
        if len(escape) == 1 or (len(escape) == 2 and escape[1] >= 0xFB):
            self._escape = escape
        return b""

    def _split(self, data: bytes) -> list[bytes | None]:
        lines: list[bytes | None] = []
        *ended, rest = data.split(b"\n")
        for piece in ended:
            if self._overlong:
                self._overlong = False
                continue
            if self._held:
                self._held += piece
                piece = bytes(self._held)
                self._held.clear()
            line = piece.removesuffix(b"\r")
            lines.append(line if len(line) <= self._limit else None)
        if rest and not self._overlong:
            self._held += rest
            excess = len(self._held) - self._limit
            # One byte above the limit may still turn out to be the CR of the line's end.
            if excess > 1 or (excess == 1 and self._held[-1] != _CR):
                self._overlong = True
                self._held.clear()
                lines.append(None)
        return lines

"""A raw control connection, so that a test of the server reads like a dialogue.

    wire = Wire(service.addresses[0])
    wire.hear() >> 220
    wire.say("USER alice") >> 331

Nothing here knows how the server works, and nothing is lenient: a reply ends in CR LF, its last line has the code of
its first and no middle line looks like the last. What is sent is what the test says, byte for byte. Waiting is for
bytes or the end of the stream, never for time; the socket's time-out only turns "never" into a failure.
"""

import re
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from tests.service import PASSWORD, PATIENCE, Service

_HEAD = re.compile(rb"([1-6][0-9][0-9])([ -])(.*)", re.DOTALL)
_EXTENDED = re.compile(r"\(\|\|\|([0-9]+)\|\)")
_SIX = re.compile(r"\(([0-9]+(?:,[0-9]+){5})\)")
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds: close() sends a reset


class Heard:
    """One reply; `>> code` is the assertion."""

    def __init__(self, code: int, lines: list[bytes], after: str) -> None:
        self.code = code
        self.lines = [line.decode("utf-8", "surrogateescape") for line in lines]
        self._after = after

    @property
    def text(self) -> str:
        """Its lines without codes, joined by LF."""
        return "\n".join(self.lines)

    def __rshift__(self, code: int) -> Self:
        assert self.code == code, f"{self._after!r}: {self.code} {self.text!r}, not {code}"
        return self

    def __repr__(self) -> str:
        return f"{self.code} {self.text!r}"


class Wire:
    """A client's end of a control connection."""

    def __init__(
        self, address: tuple[str, int], *, source: str | None = None, receive_buffer: int | None = None
    ) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self._held = bytearray()
        self._said = "the connection"

    @classmethod
    def greeted(cls, service: Service, **options: str | int | None) -> "Wire":
        """A connection to the first listener that has heard the greeting."""
        wire = cls(service.addresses[0], **options)  # type: ignore[arg-type]
        wire.hear() >> 220
        return wire

    @classmethod
    def member(cls, service: Service, name: str, password: str = PASSWORD) -> "Wire":
        """A connection that is logged in, in TYPE I."""
        wire = cls.greeted(service)
        wire.login(name, password)
        wire.say("TYPE I") >> 200
        return wire

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # -- saying --------------------------------------------------------------------------------------------

    def say(self, line: str | bytes) -> Heard:
        """Send a line and hear its reply."""
        self.tell(line)
        return self.hear()

    def tell(self, *lines: str | bytes) -> None:
        """Send lines in one piece and wait for nothing."""
        self._said = str(lines[-1])[:80]
        data = [line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line for line in lines]
        self.send(b"".join(line + b"\r\n" for line in data))

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self.socket.sendall(data)

    def send_urgent(self, data: bytes) -> None:
        """Send these bytes, the last of them urgent (out of band)."""
        self.socket.send(data, socket.MSG_OOB)

    def login(self, name: str, password: str = PASSWORD) -> None:
        """USER and PASS."""
        self.say(f"USER {name}") >> 331
        self.say(f"PASS {password}") >> 230

    # -- hearing -------------------------------------------------------------------------------------------

    def line(self) -> bytes:
        """The next line without its CR LF; the end of the stream fails the test."""
        while (end := self._held.find(b"\n")) < 0:
            data = self.socket.recv(65536)
            assert data, f"the server closed the connection after {self._said!r}, {bytes(self._held)!r}"
            self._held += data
        line = bytes(self._held[: end + 1])
        del self._held[: end + 1]
        assert line.endswith(b"\r\n"), line
        return line[:-2]

    def hear(self) -> Heard:
        """The next reply, whole."""
        first = self.line()
        match = _HEAD.fullmatch(first)
        assert match is not None, f"no reply: {first!r} after {self._said!r}"
        code, more, text = match.groups()
        lines = [text]
        while more == b"-":
            line = self.line()
            if line.startswith(code + b" "):
                lines.append(line[4:])
                break
            lines.append(line)
        return Heard(int(code), lines, self._said)

    def come(self) -> bytes:
        """What has come and was not heard yet; waits for nothing and takes nothing."""
        # A socket with a time-out is waited for whatever the flags say.
        more = select.select([self.socket], [], [], 0)[0]
        return bytes(self._held) + (self.socket.recv(65536, socket.MSG_PEEK) if more else b"")

    def hear_end(self) -> bytes:
        """Everything up to the end of the stream, which must come; a reset fails the test."""
        while data := self.socket.recv(65536):
            self._held += data
        rest = bytes(self._held)
        self._held.clear()
        return rest

    def lost(self) -> None:
        """Wait for the end of the connection, in whatever way it comes."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass

    # -- data connections ----------------------------------------------------------------------------------

    def extended(self) -> socket.socket:
        """EPSV, and the connection to its port."""
        match = _EXTENDED.search(self.say("EPSV").text)
        assert match is not None
        return self.join(int(match[1]))

    def join(self, port: int, source: str | None = None) -> socket.socket:
        """A connection to a data port of the server, from where this one comes or from `source`."""
        here = self.socket.getsockname()[0] if source is None else source
        return socket.create_connection((self.socket.getpeername()[0], port), PATIENCE, (here, 0))

    def passive(self) -> tuple[str, int]:
        """PASV, and the address it tells."""
        heard = self.say("PASV") >> 227
        match = _SIX.search(heard.text)
        assert match is not None, heard
        *host, high, low = match[1].split(",")
        return ".".join(host), int(high) * 256 + int(low)

    @contextmanager
    def active(self, verb: str = "EPRT") -> Iterator[socket.socket]:
        """EPRT or PORT to a listening socket of ours."""
        family, host = self.socket.family, self.socket.getsockname()[0]
        with socket.socket(family, socket.SOCK_STREAM) as listening:
            listening.settimeout(PATIENCE)
            listening.bind((host, 0))
            listening.listen(1)
            port = listening.getsockname()[1]
            if verb == "PORT":
                self.say(f"PORT {host.replace('.', ',')},{port >> 8},{port & 255}") >> 200
            else:
                self.say(f"EPRT |{2 if ':' in host else 1}|{host}|{port}|") >> 200
            yield listening

    def fetch(self, line: str) -> bytes:
        """What a command (RETR, LIST) sends over a data connection; it must end with 226."""
        with self.extended() as data:
            self.say(line) >> 150
            content = everything(data)
        self.hear() >> 226
        return content

    def store(self, line: str, content: bytes) -> Heard:
        """Give `content` to a command (STOR, APPE) and hear how it ended."""
        with self.extended() as data:
            self.say(line) >> 150
            data.sendall(content)
        return self.hear()

    # -- the end -------------------------------------------------------------------------------------------

    def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection by a reset."""
        reset(self.socket)

    def close(self) -> None:
        """End the connection."""
        self.socket.close()


def reset(connection: socket.socket) -> None:
    """Close a connection so that the other end gets a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.close()


def everything(connection: socket.socket) -> bytes:
    """What comes until the other end closes; a reset raises."""
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)

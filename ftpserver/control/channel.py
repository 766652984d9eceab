"""The bytes of a control connection: lines in, replies out, TLS begun and ended on the way.

The connection is a raw non-blocking socket watched by the loop, which tells again what was not taken (data/watch.py):
a reset that comes together with a line is found by the next reading. Replies are collected by `write` and go out
in one piece with `flush`, so that a run of pipelined commands costs one system call; what the socket does not
take waits, and whoever produces replies looks at `unsent` before it produces more.

When TLS begins, everything that came before the handshake is dropped and nothing is read until it is over: what was
said in clear is never carried out as if it had been said in private (the STARTTLS injection of CVE-2011-1575's kind).
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from ftpserver.data.mover import WOULD_BLOCK
from ftpserver.data.secure import Farewell, Handshake
from ftpwire.line import LineReader

_READ = 8 * 1024
_LAST_READS = 16
_ESTABLISHED = 1  # TCP_INFO's first byte while neither side has ended
_COLLECTED = 8 * 1024  # bytes of replies

Lines = list[bytes | None]


def _nobody(*told: object) -> None:
    """Whom a channel tells that is closed."""


class ControlChannel:
    """Reads lines and writes replies.

    `on_lines` gets complete lines, `on_end` is told once that the client has ended its side ("" as reason) or why the
    connection is lost, `on_sent` that the client has taken what it had let wait.
    """

    __slots__ = (
        "_changing",
        "_fd",
        "_loop",
        "_on_end",
        "_on_lines",
        "_on_sent",
        "_out",
        "_reader",
        "_reading",
        "_secure",
        "_socket",
        "_unsent",
        "_writing",
        "closed",
        "ended",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        on_lines: Callable[[Lines], None],
        on_end: Callable[[str], None],
        on_sent: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._socket = connection
        self._secure: ssl.SSLSocket | None = None
        self._fd = connection.fileno()
        self._on_lines = on_lines
        self._on_end = on_end
        self._on_sent = on_sent
        self._reader = LineReader()
        self._out = b""
        self._unsent = b""
        self._changing: Handshake | Farewell | None = None  # TLS begins or ends: nothing is read
        self._reading = False
        self._writing = False
        self.ended = False
        """The client has ended its side."""
        self.closed = False

    @property
    def unsent(self) -> int:
        """How many bytes the client has not taken."""
        return len(self._unsent)

    @property
    def tls_context(self) -> ssl.SSLContext | None:
        """The context of the TLS on the connection, if there is any."""
        return self._secure.context if self._secure is not None else None

    # Reading ----------------------------------------------------------------------------------------------------

    def resume(self) -> None:
        """Read, if it does not yet."""
        if not self._reading and not self.ended and not self.closed and self._changing is None:
            self._reading = True
            self._loop.add_reader(self._fd, self._readable)
            self._read_buffered()

    def pause(self) -> None:
        """Read nothing for now."""
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_READ)
        except WOULD_BLOCK:
            return
        except OSError:
            self._lose()
            return
        if not data:
            self.pause()
            self.ended = True
            self._on_end("")
            return
        self._on_lines(self._reader.feed(data))
        if self._secure is not None:
            self._read_buffered()

    def _read_buffered(self) -> None:
        """TLS may hold decrypted bytes, of which the loop knows nothing."""
        if self._reading and self._secure is not None and self._secure.pending():
            self._loop.call_soon(self._read_if_reading)

    def _read_if_reading(self) -> None:
        if self._reading:
            self._readable()

    def alive(self) -> bool:
        """Whether the client has not ended the connection, as far as the kernel knows by now."""
        if self.closed or self.ended:
            return False
        if self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED:
            return True
        if self._secure is not None:  # what can be read may be a farewell
            return False
        try:  # it has ended its side, but may have said something before
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def end(self) -> None:
        """Read nothing any more, as if the client had ended its side."""
        self.pause()
        self.ended = True

    # Writing ----------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Have this sent with the next `flush`, or now when it has become much."""
        self._out += data
        if len(self._out) >= _COLLECTED:
            self.flush()

    def flush(self, last: bool = False) -> None:
        """Send what was written, as far as the client takes it; the rest follows by itself.

        After the `last` one the channel is closed at once: the end goes in the packet of the reply.
        """
        data = self._out
        if not data or self.closed:
            return
        self._out = b""
        if self._writing:
            self._unsent += data
            return
        self._unsent = self._send(data, socket.MSG_MORE if last and self._secure is None else 0)
        if self._unsent and not self.closed:
            self._writing = True
            self._loop.add_writer(self._fd, self._writable)

    def _send(self, data: bytes, flags: int = 0) -> bytes:
        """Send what the socket takes; returns the rest."""
        try:
            sent = self._socket.send(data, flags)
        except WOULD_BLOCK:
            return data
        except OSError:
            self._lose()
            return b""
        return data[sent:]

    def _writable(self) -> None:
        self._unsent = self._send(self._unsent)
        if self._unsent or self.closed:
            return
        self._stop_writing()
        self._on_sent()

    def _stop_writing(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)

    # TLS --------------------------------------------------------------------------------------------------------

    def begin_tls(self, wrap: Callable[[socket.socket], ssl.SSLSocket], on_done: Callable[[], None]) -> None:
        """Drop what was said in clear and shake hands; then `on_done`. A failure is the end of the connection."""
        self.pause()
        self._reader.clear()
        if self._unsent:
            self._lose()
            return

        def shaken(error: Exception | None) -> None:
            self._changing = None
            if error is not None:
                self._lose("the TLS handshake failed")
                return
            on_done()
            self.resume()

        try:
            self._secure = wrap(self._socket)
        except OSError:
            self._lose("the client was gone before the TLS handshake")
            return
        self._socket = self._secure
        self._changing = Handshake(self._loop, self._secure, shaken)
        self._changing.start()

    def end_tls(self) -> None:
        """Say close_notify and go on in clear."""
        if self._secure is None:
            return
        self.pause()
        self._reader.clear()

        def parted(error: Exception | None) -> None:
            self._changing = None
            if error is not None:
                self._lose("the client did not end TLS as it had asked")
                return
            self._secure = None
            self.resume()

        self._changing = Farewell(self._loop, self._secure, parted)
        self._changing.start()

    # The end ----------------------------------------------------------------------------------------------------

    def _lose(self, reason: str = "the connection was lost") -> None:
        if not self.closed:
            self.pause()
            self.ended = True
            self._on_end(reason)

    def close(self) -> None:
        """Close so that the last reply arrives: with unread bytes in its buffer the kernel would reset instead."""
        if self.closed:
            return
        self.flush()
        self.closed = True
        self.pause()
        self._stop_writing()
        if self._changing is not None:
            self._changing.stop()
        with contextlib.suppress(OSError, ValueError):
            if self._secure is not None and self._changing is None:
                with contextlib.suppress(ssl.SSLWantReadError):
                    self._secure.unwrap()
            self._socket.shutdown(socket.SHUT_WR)
            for _ in range(_LAST_READS):
                if not self._socket.recv(_READ):
                    break
        self._socket.close()
        # They are methods of whom this channel belongs to: that and this would wait for a search for cycles.
        self._on_lines = self._on_end = self._on_sent = _nobody

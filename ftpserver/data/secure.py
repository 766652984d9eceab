"""TLS on a raw non-blocking socket: the handshake and the farewell as movers, and a polite end.

The same two serve control and data connections. `finish` says close_notify, so that the client can tell the end of
the data from a cut (RFC 4217 section 12.4), and lets the client say its own before the socket closes: closing at
once could reset the connection under data that the client has not read yet.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable

from ftpserver.data.mover import Mover, OnEnd, acknowledge
from ftpserver.data.receive import Drain

_LINGER = 5.0  # seconds
_NO_ROOM = 60.0


class Handshake(Mover):
    """Shakes hands; `on_end` gets None or why it failed. Whoever starts it bounds its time."""

    __slots__ = ("_secure",)

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: ssl.SSLSocket, on_end: OnEnd) -> None:
        super().__init__(loop, connection, None, on_end)
        self._secure = connection

    def _step(self) -> None:
        try:
            self._secure.do_handshake()
        finally:
            acknowledge(self._secure)
        self._end(None)

    def _await_writable_or_readable(self) -> None:
        self._await_writable()


class Farewell(Mover):
    """Exchanges close_notify, after which the socket is in clear; `on_end` gets None or why that failed."""

    __slots__ = ("_secure",)

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: ssl.SSLSocket, on_end: OnEnd) -> None:
        super().__init__(loop, connection, None, on_end)
        self._secure = connection

    def _step(self) -> None:
        self._secure.unwrap()
        self._end(None)

    def _await_writable_or_readable(self) -> None:
        self._await_writable()


def finish(loop: asyncio.AbstractEventLoop, connection: ssl.SSLSocket) -> None:
    """End a connection that was sent on: close_notify, then wait a little for the peer's."""
    try:
        connection.unwrap()
    except ssl.SSLWantReadError:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
            drain(loop, connection, _LINGER)
            return
    except ssl.SSLWantWriteError:
        _finish_later(loop, connection)
        return
    except (OSError, ValueError):
        pass
    connection.close()


def _finish_later(loop: asyncio.AbstractEventLoop, connection: ssl.SSLSocket) -> None:
    """The peer has so much to read that there is no room for close_notify, without which it would take it for cut."""
    fd = connection.fileno()

    def try_again() -> None:
        loop.remove_writer(fd)
        timer.cancel()
        finish(loop, connection)

    def give_up() -> None:
        loop.remove_writer(fd)
        connection.close()

    timer = loop.call_later(_NO_ROOM, give_up)
    loop.add_writer(fd, try_again)


class Drainage:
    """Where the refused uploads of one client go: only the last is read from, or he could have many open at once."""

    __slots__ = ("_give_up",)

    def __init__(self) -> None:
        self._give_up: Callable[[], None] = lambda: None

    def drain(self, loop: asyncio.AbstractEventLoop, connection: socket.socket, seconds: float) -> None:
        """See `drain`; the one before is closed."""
        self._give_up()
        self._give_up = drain(loop, connection, seconds)


def drain(loop: asyncio.AbstractEventLoop, connection: socket.socket, seconds: float) -> Callable[[], None]:
    """Read what a client still sends into nowhere, for a while; then close. Returns what closes it at once."""

    def close(error: Exception | None) -> None:
        timer.cancel()
        if isinstance(connection, ssl.SSLSocket):  # who has said his farewell waits for ours
            with contextlib.suppress(OSError, ValueError):
                connection.unwrap()
        connection.close()

    def give_up() -> None:
        timer.cancel()
        drained.stop()
        connection.close()

    drained = Drain(loop, connection, close)
    timer = loop.call_later(seconds, give_up)
    drained.start()
    return give_up

"""Listening sockets and accepting on them, as the control and the passive ports do.

When the process runs out of descriptors, accepting fails while the connection stays in the queue, and the loop would
spin on it. So whoever accepts rests for a moment then.

`socket.accept` asks the new socket's family and kind of the old one, twice through an enumeration, and makes it block;
all of that is known here. It is a few microseconds in every transfer and every login.
"""

import asyncio
import errno
import logging
import select
import socket
from collections.abc import Callable

logger = logging.getLogger(__name__)

_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

RawAddress = tuple[str, int, *tuple[int, ...]]


class ListeningSocket(socket.socket):
    """A TCP socket that never blocks, nor do those that it accepts."""

    def __init__(self, family: socket.AddressFamily, fileno: int | None = None) -> None:
        """A new one, or the one that is open as `fileno`, which it owns from now on."""
        super().__init__(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno)
        self._addresses = family
        self.setblocking(False)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def take(self) -> tuple[socket.socket, RawAddress]:
        """Accept one connection; returns it and where it comes from. Raises BlockingIOError, OSError."""
        fd, peer = self._accept()  # type: ignore[attr-defined]  # what socket.accept is made of
        connection = socket.socket(self._addresses, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=fd)
        connection.setblocking(False)
        return connection, peer


class Acceptor:
    """Watches one listening socket, which it owns, and calls back when there is somebody to `take`."""

    __slots__ = ("_listening", "_loop", "_on_readable", "_rest_seconds", "_what")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listening: ListeningSocket,
        on_readable: Callable[[], None],
        what: str,
        rest_seconds: float,
    ) -> None:
        """`what` the log calls a connection that could not be accepted; `rest_seconds` is the rest after that."""
        self._loop = loop
        self._listening = listening
        self._on_readable = on_readable
        self._what = what
        self._rest_seconds = rest_seconds
        loop.add_reader(listening.fileno(), on_readable)

    def take(self) -> tuple[socket.socket, RawAddress] | None:
        """The next connection and where it comes from; None when there is none to be had."""
        try:
            return self._listening.take()
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno in _EXHAUSTED:
                logger.error("%s was not accepted: %s", self._what, error.strerror)
                self.pause()
                self._loop.call_later(self._rest_seconds, self.resume)
            return None

    def awaited(self) -> bool:
        """Whether a connection waits to be taken."""
        if self._listening.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(self._listening.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def pause(self) -> None:
        """Watch nothing for now."""
        self._loop.remove_reader(self._listening.fileno())

    def resume(self) -> bool:
        """Watch again; False when it was closed meanwhile."""
        if self._listening.fileno() < 0:
            return False
        self._loop.add_reader(self._listening.fileno(), self._on_readable)
        return True

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._listening.fileno())
        self._listening.close()

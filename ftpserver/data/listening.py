"""Listening sockets, as the control and the passive ports have them.

`socket.accept` asks the new socket's family and kind of the old one, twice through an enumeration, and makes it block;
all of that is known here. It is a few microseconds in every transfer and every login.
"""

import errno
import socket

EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Why accepting fails while the connection stays in the queue: who tried has to rest, or the loop spins."""

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

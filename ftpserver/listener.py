"""A listening socket for control connections, and what becomes of accepted ones.

When the process runs out of descriptors, accepting fails while the connection stays in the queue, and the loop would
spin on it. So the listener rests for a moment then (threats.md, "EMFILE on accept").
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from ftpserver.session import Address

logger = logging.getLogger(__name__)

_BACKLOG = 1024
_ACCEPTS_AT_ONCE = 64
_REST = 0.2
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

OnConnection = Callable[[socket.socket, Address, Address], None]
"""Gets the non-blocking socket, the peer's address and our own."""


def bind(host: str, port: int) -> list[socket.socket]:
    """Listening sockets for every address that `host` means. Raises OSError."""
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listening = socket.socket(family, kind, protocol)
            sockets.append(listening)
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                # "::" takes IPv4 clients too, as mapped addresses, which `plain` makes plain again.
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
    except OSError:
        for listening in sockets:
            listening.close()
        raise
    return sockets


def plain(address: tuple[str, int, *tuple[int, ...]]) -> Address:
    """Host and port, an IPv4 address mapped into IPv6 as what it is."""
    host = address[0]
    if host.startswith("::ffff:"):
        mapped = IPv6Address(host).ipv4_mapped
        if mapped is not None:
            host = str(mapped)
    return host, address[1]


def shown(address: Address) -> str:
    """HOST:PORT, with brackets around an IPv6 host."""
    host, port = address
    return f"[{host}]:{port}" if ip_address(host.partition("%")[0]).version == 6 else f"{host}:{port}"


class ControlListener:
    """Accepts on one listening socket."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listening: socket.socket, on_connection: OnConnection
    ) -> None:
        self._loop = loop
        self._socket = listening
        self._on_connection = on_connection
        self.address = plain(listening.getsockname())
        loop.add_reader(listening.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                connection, peer = self._socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    logger.error("a connection was not accepted: %s", error.strerror)
                    self._loop.remove_reader(self._socket.fileno())
                    self._loop.call_later(_REST, self._resume)
                return
            try:
                connection.setblocking(False)
                self._on_connection(connection, plain(peer), plain(connection.getsockname()))
            except OSError:  # it was reset before we looked at it
                connection.close()

    def _resume(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Accept no more."""
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()

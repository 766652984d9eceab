"""A listening socket for control connections, and what becomes of accepted ones.

Several worker processes accept on one socket, and the kernel wakes them all. So that the work is spread, each takes one
connection an event, and one that has more sessions than another leaves it to the others first: it does its other work
and looks at each turn of the loop whether somebody has taken the connection; if nobody does in half a millisecond, it
does. That is ten times as long as an idle worker needs to wake up. Not longer: where many come and go, now this and now
that worker has one session more, and with a rest of two milliseconds a third as many logged in (8 at once, 2 workers).
"""

import asyncio
import errno
import logging
import socket
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from ftpserver.data.listening import Acceptor, ListeningSocket
from ftpserver.session import Address

logger = logging.getLogger(__name__)

_BACKLOG = 1024
_FIRST_FREE_PORT = 1024
_REST = 0.2
_COURTESY = 0.0005
# Accepted sockets have the options of the one that listens (Linux). A control connection is silent while data flows or
# a hash is computed: probes keep it alive in a NAT's table. Urgent data is read in its place (RFC 959 section 4.1.3).
_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_OOBINLINE, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)

OnConnection = Callable[[socket.socket, Address, Address], None]
"""Gets the non-blocking socket, the peer's address and our own."""


def bind(host: str, port: int) -> list[ListeningSocket]:
    """Listening sockets for every address that `host` means. Raises OSError, which says what cannot be had and why."""
    sockets: list[ListeningSocket] = []
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            listening = ListeningSocket(family)
            sockets.append(listening)
            if family == socket.AF_INET6:
                # "::" takes IPv4 clients too, as mapped addresses, which `plain` makes plain again.
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if host == "::" else 1)
            listening.bind(address)
            listening.listen(_BACKLOG)
    except OSError as error:
        for listening in sockets:
            listening.close()
        raise OSError(
            error.errno, f"listen {host} port {port}: {error.strerror}{_advice(error, port)}"
        ) from error
    return sockets


def _advice(error: OSError, port: int) -> str:
    """What an administrator can do about it."""
    if isinstance(error, socket.gaierror):
        return "; write an address of this machine, or a name that it can look up"
    if error.errno == errno.EADDRINUSE:
        return "; another program listens there"
    if error.errno == errno.EADDRNOTAVAIL:
        return "; this machine does not have that address"
    if error.errno == errno.EACCES and port < _FIRST_FREE_PORT:
        return f"; ports below {_FIRST_FREE_PORT} need CAP_NET_BIND_SERVICE, see docs/deployment.md"
    return ""


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
        self,
        loop: asyncio.AbstractEventLoop,
        listening: ListeningSocket,
        on_connection: OnConnection,
        busier: Callable[[], bool] | None = None,
    ) -> None:
        """`busier` tells whether another process that accepts here has less to do; None: there is no other."""
        self._loop = loop
        self._on_connection = on_connection
        self._busier = busier
        for option in _OPTIONS:
            listening.setsockopt(*option)
        self.address = plain(listening.getsockname())
        # Who listens on one address need not ask each connection which it came to.
        self._local = None if ip_address(self.address[0].partition("%")[0]).is_unspecified else self.address
        self._acceptor = Acceptor(loop, listening, self._readable, "a connection", _REST)

    def _readable(self) -> None:
        if self._busier is not None and self._busier():
            self._acceptor.pause()
            self._leave_to_others(time.monotonic() + _COURTESY)
        else:
            self._accept()

    def _leave_to_others(self, until: float) -> None:
        """Until then look whether somebody else takes what waits, a turn of the loop after the other."""
        if not self._acceptor.awaited():
            self._acceptor.resume()
        elif time.monotonic() < until:
            self._loop.call_soon(self._leave_to_others, until)
        elif self._acceptor.resume():
            self._accept()

    def _accept(self) -> None:
        """Accept one; the loop tells of the next, after the others have had their turn."""
        taken = self._acceptor.take()
        if taken is None:
            return
        connection, peer = taken
        try:
            local = self._local or plain(connection.getsockname())
            self._on_connection(connection, plain(peer), local)
        except OSError:  # it was reset before we looked at it
            connection.close()

    def close(self) -> None:
        """Accept no more."""
        self._acceptor.close()

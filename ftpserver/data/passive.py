"""Passive ports: listening sockets that many sessions share, each connection matched to whoever awaits it.

Theory. A PASV does not need a port of its own, only a (port, peer address) pair of its own. So the service keeps a
pool of listening sockets; a session that says PASV gets one of them on which nobody with the same peer address waits,
and the connection is given to it by the address it comes from. Consequences:

* The range is never left, and it is full only when one address alone awaits as many connections as it has ports.
* A connection from an address nobody awaits is closed at once, and so is a second one: nothing stale waits in
  a backlog.
* An idle session costs no descriptor, and PASV costs no system call once the port is open.

Ports are chosen at random, as a guess at the next one is how a data connection is stolen (RFC 2577 section 3). With
several worker processes each has its own slice of the range.
"""

import asyncio
import contextlib
import errno
import logging
import random
import socket
from collections.abc import Callable, Sequence

from ftpserver.data.listening import Acceptor, ListeningSocket
from ftpserver.data.proxy import Header, HeaderReader, Trusted

logger = logging.getLogger(__name__)

_BACKLOG = 128
_OPEN_AT_LEAST = 64  # so many ports are opened before an open one is used again
_ACCEPTS_AT_ONCE = 16
_REST = 0.1  # seconds
_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})


class NoPort(Exception):
    """Every port of the range is taken, by others or by connections that this peer has not made yet."""


class Expectation:
    """One awaited connection: `on_arrival` gets its socket, non-blocking, once."""

    __slots__ = ("_listener", "_peer", "address", "on_arrival")

    def __init__(self, listener: "_Listener", peer: str, on_arrival: Callable[[socket.socket], None]) -> None:
        self._listener = listener
        self._peer = peer
        self.address = listener.address
        """Where the client must connect to."""
        self.on_arrival = on_arrival

    def look(self) -> None:
        """See whether it has come: most clients connect before they say the command."""
        self._listener.accept()

    def cancel(self) -> None:
        """Await it no longer. Does nothing after the arrival."""
        if self._listener.awaited.get(self._peer) is self:
            del self._listener.awaited[self._peer]


class _Listener:
    """One listening socket and who awaits what on it, by peer address."""

    __slots__ = ("_acceptor", "_loop", "_trusted", "address", "awaited")

    def __init__(self, loop: asyncio.AbstractEventLoop, bound: ListeningSocket, trusted: Trusted) -> None:
        self._loop = loop
        self._trusted = trusted
        self.address: tuple[str, int] = bound.getsockname()[:2]
        self.awaited: dict[str, Expectation] = {}
        self._acceptor = Acceptor(loop, bound, self.accept, "a data connection", _REST)

    def accept(self) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            taken = self._acceptor.take()
            if taken is None:
                return
            connection, peer = taken
            if peer[0] in self._trusted:
                HeaderReader(self._loop, connection, self._match_forwarded)
            else:
                self._match(connection, peer[0])
            if not self.awaited:
                return

    def _match(self, connection: socket.socket, peer: str) -> None:
        expectation = self.awaited.pop(peer, None)
        if expectation is None:
            connection.close()
        else:
            expectation.on_arrival(connection)

    def _match_forwarded(self, connection: socket.socket, header: Header) -> None:
        """A balancer's connection counts as that of the client it tells of."""
        self._match(connection, header.source[0] if header.source is not None else "")

    def close(self) -> None:
        self._acceptor.close()


def _bind(local: str, port: int) -> ListeningSocket:
    bound = ListeningSocket(socket.AF_INET6 if ":" in local else socket.AF_INET)
    try:
        bound.bind((local, port))
        bound.listen(_BACKLOG)
    except BaseException:
        bound.close()
        raise
    return bound


class PassivePorts:
    """The pool of one process."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ports: Sequence[int] | None, trusted: Trusted | None = None
    ) -> None:
        """`ports` is this process's part of the range; None lets the system choose.

        Connections from `trusted` balancers say with a PROXY header whose they are.
        """
        self._loop = loop
        self._trusted = trusted if trusted is not None else Trusted(())
        self._ports = ports
        self._unopened: dict[str, list[int]] = {}
        self._open: dict[str, list[_Listener]] = {}

    def expect(self, local: str, peer: str, on_arrival: Callable[[socket.socket], None]) -> Expectation:
        """Await one connection from `peer` to the address `local`. Raises NoPort."""
        listener = self._choose(local, peer)
        expectation = Expectation(listener, peer, on_arrival)
        listener.awaited[peer] = expectation
        return expectation

    def _choose(self, local: str, peer: str) -> _Listener:
        opened = self._open.setdefault(local, [])
        if len(opened) < _OPEN_AT_LEAST:
            listener = self._open_another(local)
            if listener is not None:
                return listener
        if opened:
            start = int(random.random() * len(opened))
            for i in range(start - len(opened), start):
                if peer not in opened[i].awaited:
                    return opened[i]
        listener = self._open_another(local)
        if listener is None:
            raise NoPort
        return listener

    def _open_another(self, local: str) -> _Listener | None:
        """Open one more port of the range, skipping those that other programs have; None when there is none."""
        if self._ports is None:
            unopened = [0]
        else:
            if local not in self._unopened:
                self._unopened[local] = random.sample(self._ports, len(self._ports))
            unopened = self._unopened[local]
        while unopened:
            try:
                bound = _bind(local, unopened[-1])
            except OSError as error:
                if error.errno in _TAKEN:
                    unopened.pop()
                    continue
                # Not the port's fault (no descriptors, no such address): it may be had later.
                logger.error("no passive port on %s: %s", local, error.strerror)
                return None
            unopened.pop()
            listener = _Listener(self._loop, bound, self._trusted)
            self._open[local].append(listener)
            return listener
        return None

    def close(self) -> None:
        """Close every port."""
        for opened in self._open.values():
            for listener in opened:
                with contextlib.suppress(OSError):
                    listener.close()
        self._open.clear()

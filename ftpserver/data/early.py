"""TLS that a client begins on its data connection before it has sent the command.

Theory. A client may connect before the command, and RFC 4217 does not say when the handshake begins. There are three
kinds. Most read the 150 first. Some send their ClientHello when they have connected and the command right after it:
their ClientHello waits in the socket until the command is known. Some wait for the whole handshake before they send
the command: aioftp for ever, curl 7.88 for a fifth of a second. Who waited for their command would wait for them.

Only the third kind is met before its command, as the command tells whether the handshake should bring a ticket (see
tls.py). So when the first bytes of a private connection have come, the command has `_GRACE` to follow. If it does not,
the client waits for us, and its next handshakes begin at once. It gets no ticket, as for an upload: Go's TLS does not
read what comes after its handshake, sends a file and closes with the ticket unread, and its kernel resets what was
still on the way. But where every data connection must resume, a client that uses a ticket once needs the next one.
"""

import asyncio
import socket
import ssl
from typing import Protocol

from ftpserver.data.mover import Mover
from ftpserver.data.secure import Handshake

_GRACE = 0.02  # seconds; the command of a client that does not wait comes with its ClientHello


class Guard(Protocol):
    """What protects the data connections of a session."""

    @property
    def private(self) -> bool:
        """Whether they are protected now."""

    @property
    def reuse_required(self) -> bool:
        """Whether they must resume a TLS session."""

    def of_data(self, connection: socket.socket, upload: bool) -> ssl.SSLSocket:
        """The TLS side of one; the handshake is still to be made. Raises OSError."""


class EarlyHandshake:
    """Watches one connection that came before its command; `connection` is its TLS side once it has one."""

    __slots__ = ("_at_once", "_guard", "_loop", "_mover", "_timer", "_watching", "broken", "connection")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: socket.socket, guard: Guard, at_once: bool
    ) -> None:
        """`at_once`: the client is known to wait for its handshake."""
        self._loop = loop
        self._guard = guard
        self._at_once = at_once
        self._timer: asyncio.TimerHandle | None = None
        self._mover: Mover | None = None
        self._watching = True
        self.connection = connection
        self.broken = False
        """The handshake has failed; the connection is closed."""
        loop.add_reader(connection.fileno(), self._readable)

    @property
    def begun(self) -> bool:
        """Whether there is a handshake, under way or made."""
        return isinstance(self.connection, ssl.SSLSocket)

    @property
    def made(self) -> bool:
        """Whether it was made to its end."""
        return isinstance(self.connection, ssl.SSLSocket) and self.connection.version() is not None

    def take(self) -> socket.socket:
        """The command has come: the connection, as far as the bytes that have arrived bring it."""
        if self._mover is not None and not self.broken and not self.made:
            self._mover.nudge()  # its last bytes and the command may have come in one turn of the loop
        self.stop()
        return self.connection

    def stop(self) -> None:
        """Leave the connection as it is to whoever goes on with it."""
        if self._watching:
            self._watching = False
            self._loop.remove_reader(self.connection.fileno())
        if self._timer is not None:
            self._timer.cancel()
        if self._mover is not None:
            self._mover.stop()

    def _readable(self) -> None:
        self._watching = False
        self._loop.remove_reader(self.connection.fileno())
        if self._at_once:
            self._begin()
        else:
            self._timer = self._loop.call_later(_GRACE, self._begin)

    def _begin(self) -> None:
        if not self._guard.private:  # PROT C was said meanwhile
            return
        try:
            secure = self._guard.of_data(self.connection, upload=not self._guard.reuse_required)
        except OSError:  # the client has gone already, which the command will see
            return
        self.connection = secure
        self._mover = Handshake(self._loop, secure, self._ended)
        self._mover.start()

    def _ended(self, error: Exception | None) -> None:
        if error is not None:
            self.broken = True
            self.connection.close()

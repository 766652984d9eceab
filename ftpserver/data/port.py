"""One session's data port: what PASV, EPSV, PORT and EPRT set up, and `open` turns into a connected socket.

A passive connection may arrive before the transfer command or after it. Either way it was asked for once and is used
once: the next PASV or PORT drops it. One that arrives early and is to be private may have begun its handshake
(early.py) when the command comes; `open` then gives its TLS side.
"""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable

from ftpserver.data.early import EarlyHandshake, Guard
from ftpserver.data.passive import Expectation, PassivePorts

Opened = Callable[[socket.socket | None, str], None]
"""Gets the connected, non-blocking socket, or None and why there is none."""


class SessionPort:
    """What one session has set up for its next transfer."""

    __slots__ = (
        "_aimed_at",
        "_announce",
        "_arrived",
        "_early",
        "_expectation",
        "_known_as",
        "_local",
        "_loop",
        "_opened",
        "_opening",
        "_passive",
        "_peer",
        "_waits",
        "guard",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        passive: PassivePorts,
        local: str,
        peer: str,
        announce: Callable[[str, str], str],
        known_as: str | None = None,
    ) -> None:
        """`announce` gives the address to tell the client, from its own and the one it knows us by.

        That is the local one, or what a balancer has told (`known_as`).
        """
        self._loop = loop
        self._passive = passive
        self._local = local
        self._peer = peer
        self._announce = announce
        self._known_as = known_as or local
        self._expectation: Expectation | None = None
        self._arrived: socket.socket | None = None
        self._early: EarlyHandshake | None = None  # of what has arrived
        self._waits = False  # the client waits for its handshake before it sends a command
        self.guard: Guard | None = None
        """What protects data connections; None: nothing ever does."""
        self._aimed_at: tuple[str, int] | None = None
        self._opening: socket.socket | None = None  # an active connection under way
        self._opened: Opened | None = None

    @property
    def ready(self) -> bool:
        """Whether PASV, EPSV, PORT or EPRT was said for the next transfer."""
        return self._expectation is not None or self._aimed_at is not None

    def listen(self) -> tuple[str, int]:
        """PASV and EPSV: the address and port that the client must connect to. Raises NoPort."""
        self.drop()
        self._expectation = self._passive.expect(self._local, self._peer, self._arrive)
        return self._announce(self._peer, self._known_as), self._expectation.address[1]

    def aim(self, address: tuple[str, int]) -> None:
        """PORT and EPRT: where to connect to."""
        self.drop()
        self._aimed_at = address

    def open(self, opened: Opened) -> None:
        """Call `opened` with the connection: at once when it has arrived, else when it does."""
        if self._arrived is not None:
            opened(*self._take())
        elif self._expectation is not None:
            self._opened = opened
            self._expectation.look()
        elif self._aimed_at is not None:
            self._opened = opened
            self._connect(self._aimed_at)
        else:
            opened(None, "Send PASV, EPSV, PORT or EPRT first.")

    def drop(self) -> None:
        """Forget what was set up; an `open` that waits is not called any more."""
        if self._expectation is not None:
            self._expectation.cancel()
            self._expectation = None
        if self._early is not None:
            self._early.stop()
            self._arrived, self._early = self._early.connection, None
        if self._arrived is not None:
            self._arrived.close()
            self._arrived = None
        if self._opening is not None:
            self._loop.remove_writer(self._opening.fileno())
            self._opening.close()
            self._opening = None
        self._aimed_at = None
        self._opened = None

    def _arrive(self, connection: socket.socket) -> None:
        if self._opened is None:
            self._arrived = connection
            if self.guard is not None and self.guard.private:
                self._early = EarlyHandshake(self._loop, connection, self.guard, self._waits)
            return
        opened, self._opened = self._opened, None
        self._expectation = None
        opened(connection, "")

    def _take(self) -> tuple[socket.socket | None, str]:
        """What has arrived before the command, and why it cannot be used."""
        connection, self._arrived = self._arrived, None
        early, self._early = self._early, None
        self._expectation = None
        if early is None:
            return connection, ""
        connection = early.take()
        self._waits = early.made
        if early.broken:
            return None, "The TLS handshake on the data connection failed."
        if early.begun and not (self.guard and self.guard.private):
            connection.close()
            return None, "The data connection began TLS, and is to be clear now."
        return connection, ""

    def _connect(self, address: tuple[str, int]) -> None:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        try:
            connection = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            self._finish_active(error.errno or errno.EIO)
            return
        self._opening = connection
        try:
            connection.setblocking(False)
            with contextlib.suppress(
                OSError
            ):  # not fatal: another local address may reach the client as well
                connection.bind((self._local, 0))
            connection.connect(address)
        except BlockingIOError:
            self._loop.add_writer(connection.fileno(), self._connected)
            return
        except OSError as error:
            self._finish_active(error.errno or errno.EIO)
            return
        self._finish_active(0)

    def _connected(self) -> None:
        assert self._opening is not None
        self._loop.remove_writer(self._opening.fileno())
        self._finish_active(self._opening.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _finish_active(self, code: int) -> None:
        connection, self._opening = self._opening, None
        opened, self._opened = self._opened, None
        self._aimed_at = None
        assert opened is not None
        if code or connection is None:
            if connection is not None:
                connection.close()
            opened(None, f"Cannot connect to your data port: {os.strerror(code)}.")
        else:
            opened(connection, "")

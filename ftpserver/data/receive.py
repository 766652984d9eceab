"""Movers that receive: into a file, or to nowhere.

`FileReceiver` reads into one buffer that all transfers of the loop share (it is empty again when a step returns) what
has come, asks for room before it writes (`cover`), and writes it in one piece. A clean end of the peer's stream is
the end of the file; anything else is an error, which the owner answers.

`Drain` reads what a refused client still sends, within bounds, so that the client comes to its end and reads our
reply instead of a reset (threats.md: "a reset instead of a reply").
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

from ftpserver.data.convert import Converter
from ftpserver.data.mover import STEP, WOULD_BLOCK, Mover, OnEnd, acknowledge
from ftpserver.data.pace import Governor

_BUFFER = memoryview(bytearray(STEP))
_DRAINS_AT_ONCE = 4
DRAIN_BYTES = 256 * 1024 * 1024


class Target(Protocol):
    """What a receiver fills; ftpserver.upload.Upload is one."""

    fd: int
    offset: int

    def cover(self, end: int) -> None:
        """Make sure that the file may reach to byte `end`, or raise what refuses it."""


Outwait = Callable[[Callable[[], None]], "asyncio.Future[None]"]
"""Has an obstacle removed on a thread."""


class Obstacle(Exception):
    """The target cannot take bytes this moment, but may after `remove` was called on a thread."""

    def __init__(self, remove: Callable[[], None]) -> None:
        super().__init__("an obstacle")
        self.remove = remove


class FileReceiver(Mover):
    """Fills `target` from its offset on, until the peer ends its stream.

    Where the target meets an Obstacle the receiver holds what it has read, has the obstacle removed (by `outwait`),
    and goes on.
    """

    __slots__ = ("_convert", "_held", "_most", "_outcome", "_outwait", "_position", "_secure", "_target")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        target: Target,
        convert: Converter | None,
        pace: Governor | None,
        on_end: OnEnd,
        outwait: Outwait | None = None,
    ) -> None:
        super().__init__(loop, connection, pace, on_end)
        self._outwait = outwait
        self._held = b""
        self._outcome: Exception | None = None
        self._target = target
        self._position = target.offset
        self._convert = convert
        self._secure = isinstance(connection, ssl.SSLSocket)
        self._most = STEP if convert is None else min(STEP, convert.step)

    def _step(self) -> None:
        try:
            self._receive()
        except Obstacle as obstacle:
            self._rest()
            if self._outwait is not None:
                future = self._outwait(obstacle.remove)
            else:
                future = self._loop.run_in_executor(None, obstacle.remove)
            future.add_done_callback(self._removed)

    def _removed(self, future: "asyncio.Future[None]") -> None:
        if self._may_go_on(future):
            self._run()

    def _receive(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._write(held)
        if self._outcome is None:
            allowed = self._allowance(min(self._most, self.share()))
            if not allowed:
                return
            count = self._fill(allowed)
            if count:
                self._count(count)
                if self._secure:
                    acknowledge(self.connection)
                if self._convert is None:
                    self._write(_BUFFER[:count])
                else:
                    self._write(self._convert.convert(_BUFFER[:count].tobytes()))
        outcome, self._outcome = self._outcome, None
        if outcome is None and self._secure:
            self._again()  # TLS may hold bytes of which the kernel knows nothing
        elif outcome is None:
            self._await_readable()  # what is there is told again, after the others had their turn
        elif isinstance(outcome, WOULD_BLOCK):
            raise outcome
        else:
            self._conclude(outcome)

    def _fill(self, wanted: int) -> int:
        """Read what has come, `wanted` bytes at most; why there is no more at the moment stands in `_outcome`."""
        filled = 0
        try:
            while filled < wanted:
                count = self.connection.recv_into(_BUFFER[filled:wanted])
                if not count:
                    self._outcome = EOFError()
                    break
                filled += count
        except OSError as error:
            self._outcome = error
        return filled

    def _conclude(self, outcome: Exception) -> None:
        """The stream has ended, in order or not."""
        if isinstance(outcome, EOFError):
            self._finish_conversion()
            self._end(None)
            return
        if isinstance(
            outcome, ssl.SSLEOFError
        ):  # without close_notify: whether it counts is the owner's affair
            self._refuse_reset(outcome)
            self._finish_conversion()
        raise outcome

    def _refuse_reset(self, end: ssl.SSLEOFError) -> None:
        """Raise what it was: before 3.12.3 Python's ssl tells a reset as an end.

        OpenSSL 3 names an end as its reason (and then sends an alert, which may be answered by a reset); OpenSSL 1.1
        names none, but after an end there still is a peer.
        """
        if end.reason:
            return
        try:
            self.connection.getpeername()
        except OSError:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from None

    def _finish_conversion(self) -> None:
        if self._convert is not None:
            self._write(self._convert.finish())

    def _write(self, data: "bytes | memoryview") -> None:
        if not data:
            return
        try:
            self._target.cover(self._position + len(data))
        except Obstacle:
            self._held = bytes(data)
            raise
        while data:
            written = os.pwrite(self._target.fd, data, self._position)
            self._position += written
            if written == len(data):
                return
            data = data[written:]

    def _await_writable_or_readable(self) -> None:
        self._await_readable()


class Drain(Mover):
    """Reads and drops at most `DRAIN_BYTES`, then ends."""

    __slots__ = ()

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        on_end: Callable[[Exception | None], None],
    ) -> None:
        super().__init__(loop, connection, None, on_end)

    def _step(self) -> None:
        for _ in range(_DRAINS_AT_ONCE):
            count = self.connection.recv_into(_BUFFER)
            self._count(count)
            if not count or self.moved >= DRAIN_BYTES:
                self._end(None)
                return
        self._again()  # until the socket has no more: see Mover

    def _await_writable_or_readable(self) -> None:
        self._await_readable()

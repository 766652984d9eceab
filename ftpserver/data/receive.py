"""Movers that receive: into a file, or to nowhere.

`FileReceiver` reads what has come into a buffer that it shares with others (buffers.py), asks for room before it
writes (`cover`), and writes it in one piece or has a thread do that (writing.py), if not all of it (heavy.py). A clean
end of the peer's stream is the end of the file; anything else is an error, which the owner answers.

`Drain` reads what a refused client still sends, within bounds, so that the client comes to its end and reads our
reply instead of a reset.
"""

import asyncio
import errno
import os
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol

from ftpserver.data.convert import Converter
from ftpserver.data.mover import STEP, WOULD_BLOCK, Mover, OnEnd, acknowledge
from ftpserver.data.pace import Governor
from ftpserver.data.writing import BUFFERS, WritingMover

_DRAINS_AT_ONCE = 4
DRAIN_BYTES = 256 * 1024 * 1024
# How a reading ended, as values: an exception that is kept keeps the frames of all who called.
_LULL = BlockingIOError()
_END = EOFError()


class _ThreadBuffers(threading.local):
    """A buffer for each thread of the crew: what waits for a thread needs none."""

    def __init__(self) -> None:
        self.own = memoryview(bytearray(STEP))


_CREW_BUFFERS = _ThreadBuffers()


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


class FileReceiver(WritingMover):
    """Fills `target` from its offset on, until the peer ends its stream.

    Where the target meets an Obstacle the receiver holds what it has read, has the obstacle removed (by `outwait`),
    and goes on.
    """

    __slots__ = ("_convert", "_held", "_most", "_outcome", "_outwait", "_secure", "_target")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        target: Target,
        convert: Converter | None,
        pool: Executor,
        pace: Governor | None,
        on_end: OnEnd,
        outwait: Outwait | None = None,
    ) -> None:
        super().__init__(loop, connection, (target.fd, target.offset), pool, pace, on_end)
        self._outwait = outwait
        self._held = b""
        self._outcome: Exception | None = None
        self._target = target
        self._convert = convert
        self._secure = isinstance(connection, ssl.SSLSocket)
        self._most = STEP if convert is None else min(STEP, convert.step)

    def _may_labour(self) -> bool:
        """See HeavyMover; what Python converts is no work for several threads."""
        return self._convert is None and not self._held and self._outcome is None and self._disk_is_quick()

    def _step_with(self, buffer: memoryview) -> None:
        if self._receive(buffer):
            self._go_on()

    def _meet(self, error: Exception) -> None:
        """See Mover; an obstacle is removed."""
        if not isinstance(error, Obstacle):
            super()._meet(error)
            return
        self._rest()
        if self._outwait is not None:
            future = self._outwait(error.remove)
        else:
            future = self._loop.run_in_executor(None, error.remove)
        future.add_done_callback(self._removed)

    def _removed(self, future: "asyncio.Future[None]") -> None:
        if self._may_go_on(future):
            self._run()

    def _receive(self, buffer: memoryview) -> bool:
        """Read and write; False when it rests now, for its pace or for a thread that works for it."""
        if self._held:
            held, self._held = self._held, b""
            if not self._store(held):
                return False
        if self._outcome is not None:
            return True
        allowed = self._allowance(min(self._most, self.share()))
        if not allowed:
            return False
        count = self._fill(buffer, allowed)
        if not count:
            return True
        self._count(count)
        data = buffer[:count]
        if self._store(data if self._convert is None else self._convert.convert(data.tobytes())):
            return True
        self._forget_lull()
        return False

    def _labour(self, allowed: int) -> None:
        """See HeavyMover: read and write until there is no more, or the disk is found to be slow."""
        buffer = _CREW_BUFFERS.own
        while self._moved_away < allowed and self._outcome is None and not self._known_as_slow():
            count = self._fill(buffer, min(self._most, allowed - self._moved_away))
            if count:
                self._moved_away += count
                data = buffer[:count]
                self._cover(data)
                self._write_now(data)

    def _labour_ended(self) -> None:
        """See HeavyMover."""
        self._go_on()

    def _forget_lull(self) -> None:
        """A thread writes now: more may have come when it is done."""
        if self._outcome is _LULL:
            self._outcome = None

    def _fill(self, buffer: memoryview, wanted: int) -> int:
        """Read what has come, `wanted` bytes at most; why there is no more at the moment stands in `_outcome`."""
        filled = 0
        try:
            while filled < wanted:
                count = self.connection.recv_into(buffer[filled:wanted])
                if not count:
                    self._outcome = _END
                    break
                filled += count
        except WOULD_BLOCK:
            self._outcome = _LULL
        except OSError as error:
            self._outcome = error
        if filled and self._secure:
            acknowledge(self.connection)
        return filled

    def _go_on(self) -> None:
        """What was read is written: read on when there is more, or end."""
        outcome, self._outcome = self._outcome, None
        if outcome is None and self._secure:
            self._again()  # TLS may hold bytes of which the kernel knows nothing
        elif outcome is None or outcome is _LULL:
            self._await_readable()  # what is there is told again, after the others had their turn
        else:
            self._conclude(outcome)

    def _conclude(self, outcome: Exception) -> None:
        """The stream has ended, in order or not."""
        if isinstance(outcome, ssl.SSLEOFError):
            self._refuse_reset(outcome)
        elif outcome is not _END:
            raise outcome
        if self._convert is not None:
            convert, self._convert = self._convert, None
            self._outcome = outcome  # an obstacle or a thread leads here again
            if not self._store(convert.finish()):
                return
            self._outcome = None
        # Without close_notify: whether that counts is the owner's affair.
        self._end(outcome if isinstance(outcome, ssl.SSLEOFError) else None)

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

    def _store(self, data: "bytes | memoryview") -> bool:
        """Ask for the room and write; whether it is written, see `_write`."""
        if not data:
            return True
        self._cover(data)
        return self._write(data)

    def _cover(self, data: "bytes | memoryview") -> None:
        try:
            self._target.cover(self._position + len(data))
        except Obstacle:
            self._held = bytes(data)
            raise

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
            count = self._drop()
            self._count(count)
            if not count or self.moved >= DRAIN_BYTES:
                self._end(None)
                return
        self._again()  # until the socket has no more: see Mover

    def _drop(self) -> int:
        buffer = BUFFERS.take()
        try:
            return self.connection.recv_into(buffer)
        finally:
            BUFFERS.give_back(buffer)

    def _await_writable_or_readable(self) -> None:
        self._await_readable()

"""What all movers of bytes share: a raw non-blocking socket, callbacks of the loop, and one call of `on_end`.

Rules: a mover never waits. It moves what it can within a bounded step (`share`: many transfers share a turn of the
loop, and who only says NOOP waits for no more than that turn), asks the loop to call it again, and in the end calls
`on_end` exactly once, with None or the exception that ended it. Readiness is a level (watch.py): what a step leaves,
data or a reset, is told again. `stop` ends it without that call; what a thread does for it then may still be under way,
so who closes its descriptors says `stop_and_then`. `moved` counts bytes of the network side; whoever
wants to know about a stall looks whether it grew. The descriptors belong to the caller, who closes them.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, cast

from ftpserver.data.pace import Governor

STEP = 1024 * 1024  # bytes that are copied or enciphered at a time
STEPS_A_TURN = 8  # that the loop of data connections lets happen before commands have their turn
_TURN = 4 * 1024 * 1024  # bytes moved in a turn of the loop, a few milliseconds
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
T = TypeVar("T")
OnEnd = Callable[[Exception | None], None]


def acknowledge(connection: socket.socket) -> None:
    """Acknowledge what has arrived at once.

    A TLS client writes small records; where its Nagle waits for our delayed acknowledgement, each costs 40 ms.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class _Movers:
    """The movers of this process.

    Their number is no attribute of `Mover`: a class that changes makes Python look up its methods anew.
    """

    __slots__ = ("running",)

    def __init__(self) -> None:
        self.running = 0


MOVERS = _Movers()
"""How many movers have begun and not ended."""


class Mover:
    """The base of the movers; a subclass implements `_step`."""

    __slots__ = ("_fd", "_loop", "_on_end", "_pace", "_reading", "_timer", "_writing", "connection", "moved")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: socket.socket, pace: Governor | None, on_end: OnEnd
    ) -> None:
        self._loop = loop
        self.connection = connection
        self._fd = connection.fileno()
        self._pace = pace  # also one without a limit: it may get one while we run
        self._on_end: OnEnd | None = on_end
        self._reading = False
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self.moved = 0

    def start(self) -> None:
        """Begin; small work may be done, and `on_end` called, before this returns."""
        MOVERS.running += 1
        self._run()

    def nudge(self) -> None:
        """Try now what it waits for."""
        if self._on_end is not None:
            self._run()

    def stop(self) -> None:
        """Touch nothing any more and do not call `on_end`."""
        if self._on_end is not None:
            MOVERS.running -= 1
        self._on_end = None
        self._rest()

    def stop_and_then(self, then: Callable[[], None]) -> None:
        """Stop, and call `then` when nothing of it is under way any more: at once, unless a thread writes."""
        self.stop()
        then()

    @property
    def waits_for_disk(self) -> bool:
        """Whether it is a disk that it waits for, and not the peer."""
        return False

    @staticmethod
    def share() -> int:
        """How many bytes to move in one step, where the kernel does the work; else `STEP` at most."""
        return _TURN // max(1, min(STEPS_A_TURN, MOVERS.running))

    def _run(self) -> None:
        try:
            self._step()
        except Exception as error:
            self._meet(error)

    def _meet(self, error: Exception) -> None:
        """A step has met with this: wait for what it says, or end."""
        if isinstance(error, ssl.SSLWantReadError):
            self._await_readable()
        elif isinstance(error, BlockingIOError | ssl.SSLWantWriteError):
            self._await_writable_or_readable()
        else:  # whatever it is, it ends this transfer and is told to its owner
            self._end(error)

    def _step(self) -> None:
        """Move about `share` bytes at most; raise one of WOULD_BLOCK when the socket has had enough."""
        raise NotImplementedError

    def _await_writable_or_readable(self) -> None:
        """What a plain socket's EAGAIN means depends on the direction of the mover."""
        raise NotImplementedError

    def _await_readable(self) -> None:
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)
        if not self._reading:
            self._reading = True
            self._loop.add_reader(self._fd, self._run)

    def _await_writable(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)
        if not self._writing:
            self._writing = True
            self._loop.add_writer(self._fd, self._run)

    def _again(self) -> None:
        """The step is used up and there may be more to do at once: let the others have their turn first."""
        self._loop.call_soon(self._continue)

    def _continue(self) -> None:
        if self._on_end is not None:
            self._run()

    def _may_go_on(self, done: "asyncio.Future[T]") -> bool:
        """Whether what a thread has done lets this go on; when it failed, that is the end."""
        if done.cancelled():
            return False
        error = done.exception()
        if self._on_end is None:
            return False
        if error is not None:
            self._end(error if isinstance(error, Exception) else RuntimeError(str(error)))
            return False
        return True

    def _rest(self) -> None:
        if self._reading:
            self._reading = False
            self._loop.remove_reader(self._fd)
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._fd)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _allowance(self, wanted: int) -> int:
        """How many bytes the pace allows now; when 0, the mover rests until it may go on."""
        if self._pace is None:
            return wanted
        allowed = self._pace.allowance(wanted)
        if not allowed:
            self._rest()
            self._timer = self._loop.call_later(self._pace.wait(), self._continue)
        return allowed

    def _count(self, count: int) -> None:
        self.moved += count
        if self._pace is not None:
            self._pace.moved(count)

    def _end(self, error: Exception | None) -> None:
        self._rest()
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            MOVERS.running -= 1
            on_end(error)


class LendingMover(Mover):
    """A mover whose descriptors are lent to threads now and then; whoever closes them waits for what these do."""

    __slots__ = ("_away", "_then")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: socket.socket, pace: Governor | None, on_end: OnEnd
    ) -> None:
        super().__init__(loop, connection, pace, on_end)
        self._away = False  # a thread uses its descriptors
        self._then: Callable[[], None] | None = None

    @property
    def waits_for_disk(self) -> bool:
        """See Mover; a step that waits for its turn at the threads is no fault of the peer either."""
        return self._away

    def stop_and_then(self, then: Callable[[], None]) -> None:
        """See Mover."""
        self.stop()
        if self._away:
            self._then = then
        else:
            then()

    def _come_back(self) -> bool:
        """The thread is done with it: let the end come that waits for that; whether the mover goes on."""
        self._away = False
        if self._then is not None:
            then, self._then = self._then, None
            then()
        return self._on_end is not None

    def _lend(self, pool: Executor, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Rest, and have a thread do this with its descriptors; `done` is told of the result unless it was stopped.

        What fails ends the mover.
        """

        def told(future: "asyncio.Future[T | None]") -> None:
            if not future.cancelled():
                future.exception()  # asyncio complains of one that nobody looks at, as where an end waits for this
            if self._come_back() and self._may_go_on(future):
                done(cast(T, future.result()))

        self._rest()
        self._away = True
        self._loop.run_in_executor(pool, self._unless_stopped, work).add_done_callback(told)

    def _unless_stopped(self, work: Callable[[], T]) -> T | None:
        """On a thread: it may have been stopped while it waited for its turn."""
        return work() if self._on_end is not None else None

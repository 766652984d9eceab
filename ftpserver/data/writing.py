"""What a mover does that writes to a disk: it has buffers, threads and ends of its own.

A write is mostly a copy in memory, and is done at once: having a thread do it alone costs a third more of processor
time, and no upload was faster for it (the crew of heavy.py reads as well, and writes only where it does not wait). On a
disk that is not known to be quick (disk.py) it may take long, and everybody would wait: there a thread writes. A few
bytes are no reason to look what is known of their disk, as long as none is known as slow.

A thread's write is under way until it has come to its end, whatever happens to the transfer meanwhile: bytes that land
after the settling are in no book. So `stop_and_then` waits for it. Meanwhile nothing is read, and whoever looks for a
client that stands still (deadlines.py) sees by `waits_for_disk` that it is not the client.
"""

import asyncio
import socket
from concurrent.futures import Executor

from ftpserver.data.buffers import Buffers
from ftpserver.data.disk import device_of, is_quick, note, some_are_slow, write
from ftpserver.data.heavy import HeavyMover
from ftpserver.data.mover import STEP, OnEnd
from ftpserver.data.pace import Governor

SMALL = 64 * 1024
"""Bytes; fewer are written at once."""
BUFFERS = Buffers(6, STEP)
"""Fewer than the service has threads: the writes to a disk that stands still leave some to other work."""


class WritingMover(HeavyMover):
    """A mover that fills a file; a subclass implements `_step_with`."""

    __slots__ = ("_buffer", "_device", "_file", "_pool", "_position", "_slow", "_waits")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        file: tuple[int, int],
        pool: Executor,
        pace: Governor | None,
        on_end: OnEnd,
    ) -> None:
        """`file` is a descriptor and where the first byte goes."""
        super().__init__(loop, connection, pace, on_end)
        self._file, self._position = file
        self._pool = pool
        self._device = -1  # not asked yet
        self._slow = False  # a write of this one took long
        self._buffer: memoryview | None = None
        self._waits = False  # for a buffer

    @property
    def waits_for_disk(self) -> bool:
        """See Mover."""
        return self._away or self._waits

    def stop(self) -> None:
        """See Mover; a write that is under way goes on."""
        super().stop()
        if self._waits:
            self._waits = False
            BUFFERS.forget(self)
        self._let_go()

    def take_buffer(self, buffer: memoryview) -> None:
        """See Taker."""
        self._waits = False
        self._buffer = buffer
        self._again()

    def _step_with(self, buffer: memoryview) -> None:
        """As `_step`; what is read into the buffer has to be given to `_write` before this returns."""
        raise NotImplementedError

    def _step(self) -> None:
        if self._away or self._waits:  # this call was due already when that began
            return
        if self._buffer is None and self._labours():
            return
        buffer = self._buffer or self._take()
        if buffer is None:
            return
        self._buffer = buffer
        try:
            self._step_with(buffer)
        finally:
            if self._buffer is not None:
                self._let_go()

    def _take(self) -> memoryview | None:
        """A buffer for a step; None where the step would keep everybody waiting, and a turn has to come first."""
        buffer = BUFFERS.take()
        if BUFFERS.left or not self._known_as_slow():
            return buffer
        BUFFERS.give_back(buffer)
        self._rest()
        self._waits = True
        BUFFERS.wait(self)
        return None

    def _let_go(self) -> None:
        if self._buffer is not None and not self._away:  # away: with it, or with it as the permit
            buffer, self._buffer = self._buffer, None
            BUFFERS.give_back(buffer)

    def _end(self, error: Exception | None) -> None:
        self._let_go()  # first: whoever is told of the end may begin something that takes one
        super()._end(error)

    def _disk(self) -> int:
        if self._device < 0:
            self._device = device_of(self._file)
        return self._device

    def _write(self, data: "bytes | memoryview") -> bool:
        """Write it, or have it written; whether it is. If not, return: there is another step when it is."""
        count = len(data)
        if (count >= SMALL or self._slow or some_are_slow()) and self._may_take_long(count) and BUFFERS.left:
            self._rest()
            writing = self._loop.run_in_executor(self._pool, write, self._file, data, self._position)
            self._away = True
            self._position += count
            writing.add_done_callback(self._written)
            return False
        self._write_now(data)
        return True

    def _write_now(self, data: "bytes | memoryview") -> None:
        long = write(self._file, data, self._position)
        self._position += len(data)
        if long or self._device >= 0:  # else it is no time to ask which disk this is
            self._note(long)

    def _known_as_slow(self) -> bool:
        return self._slow or (some_are_slow() and is_quick(self._disk()) is False)

    def _disk_is_quick(self) -> bool:
        """Whether that is known, without looking."""
        return self._device >= 0 and not self._slow and is_quick(self._device) is True

    def _may_take_long(self, count: int) -> bool:
        quick = is_quick(self._disk())
        return self._slow or (quick is False if count < SMALL else not quick)

    def _note(self, long: bool) -> None:
        self._slow = self._slow or long
        note(self._disk(), long)

    def _written(self, writing: "asyncio.Future[bool]") -> None:
        """A thread has written: go on."""
        if not writing.cancelled():
            writing.exception()  # asyncio complains of one that nobody looks at, as where an end waits for this
        if self._come_back() and self._may_go_on(writing):
            self._note(writing.result())
            self._run()

    def _come_back(self) -> bool:
        """See HeavyMover; the buffer is free again."""
        self._away = False
        self._let_go()
        return super()._come_back()

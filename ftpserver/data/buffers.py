"""The buffers of all receivers of a process: a few, so that many uploads need no more memory than a few.

A receiver takes one for a step. Mostly it gives it back when the step is over; where a thread writes what was
received, it keeps it until that is done. So a buffer is also the permit to have a thread write: however slow a disk
is, its writes hold fewer threads than there are buffers.

Rules. The last buffer is for steps alone: who would write with it on a thread has to wait, or write at once. So nobody
whose disk is quick waits for those whose disk is slow. Who waits gets a buffer put into his hands, in the order of
coming, and not a chance to take one, which somebody else might be quicker to do.
"""

from typing import Protocol


class Taker(Protocol):
    """Who waits for a buffer."""

    def take_buffer(self, buffer: memoryview) -> None:
        """Here it is; called while somebody else gives it back, so do nothing with it now."""


class Buffers:
    """`count` buffers of `size` bytes, each made when it is first needed."""

    __slots__ = ("_count", "_free", "_made", "_size", "_waiting")

    def __init__(self, count: int, size: int) -> None:
        self._count = count
        self._size = size
        self._made = 0
        self._free: list[memoryview] = []
        self._waiting: dict[Taker, None] = {}  # in the order of coming, and easy to leave

    def take(self) -> memoryview:
        """A buffer for a step; it may be kept for longer while `left` says that there is another one."""
        if self._free:
            return self._free.pop()
        assert self._made < self._count, "the last buffer was kept"
        self._made += 1
        return memoryview(bytearray(self._size))

    @property
    def left(self) -> bool:
        """Whether there is one for the next who takes one."""
        return bool(self._free) or self._made < self._count

    def wait(self, taker: Taker) -> None:
        """Give `taker` a buffer when his turn comes; who waits already keeps his place."""
        self._waiting[taker] = None

    def forget(self, taker: Taker) -> None:
        """He waits no longer."""
        self._waiting.pop(taker, None)

    def give_back(self, buffer: memoryview) -> None:
        """It is free again: for whoever has waited longest, if anybody does and it is not the last one."""
        if self._waiting and self.left:
            taker = next(iter(self._waiting))
            del self._waiting[taker]
            taker.take_buffer(buffer)
        else:
            self._free.append(buffer)

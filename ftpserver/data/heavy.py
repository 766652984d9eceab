"""Heavy steps: those of transfers that move much, of which several are under way.

Theory. To encipher, and to copy what an upload brings, is work for a processor, in C, for which Python's lock is let
go. One thread that did every step would use one processor, however many transfers there are. So a crew (crew.py)
carries out the steps of those that have moved much, while others are under way. Who is small stays on the loop, as does
who runs alone: a step that changes threads costs some ten microseconds more.

Rules. The loop decides how much a step may move, and what comes of it; a thread only moves (`_labour`), and touches
nothing but the connection, the file and what is the mover's own. A mover has one step under way at most, and is not
watched meanwhile. A step never waits: its socket does not block, and its disk is known as quick. It lasts until the
socket has no more, or takes no more, or its disk is found to be slow, or for `HEAVY_STEP` bytes. Whoever closes the
descriptors of a mover waits for what a thread does with them (LendingMover): the number of one that is closed is
soon another file's.
"""

import asyncio
import socket
from functools import partial

from ftpserver.data.crew import CREW
from ftpserver.data.mover import MOVERS, LendingMover, OnEnd
from ftpserver.data.pace import Governor

HEAVY_STEP = 4 * 1024 * 1024  # bytes
_MUCH = 128 * 1024
"""Bytes; who has moved so many is likely to move many more."""
_LITTLE = 64 * 1024
"""Bytes; who may move no more than these, for its pace, moves them on the loop."""


class HeavyMover(LendingMover):
    """A mover some of whose steps the crew carries out; a subclass calls `_labours` and implements the next three."""

    __slots__ = ("_moved_away", "_reserved")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, connection: socket.socket, pace: Governor | None, on_end: OnEnd
    ) -> None:
        super().__init__(loop, connection, pace, on_end)
        self._moved_away = 0  # bytes, by the step that is under way
        self._reserved = 0  # bytes, of which its pace was told beforehand

    def _may_labour(self) -> bool:
        """Whether its next step may be carried out by a thread."""
        raise NotImplementedError

    def _labour(self, allowed: int) -> None:
        """On a thread: move so many bytes at most, and count them in `_moved_away`. Raises what ends it."""
        raise NotImplementedError

    def _labour_ended(self) -> None:
        """On the loop: decide how to go on. May raise what ends it."""
        raise NotImplementedError

    def _labours(self) -> bool:
        """Whether its next step is the crew's; then it rests, until that is done or its pace allows more."""
        if self.moved < _MUCH or MOVERS.running < 2 or not CREW.stands_by or not self._may_labour():
            return False
        allowed = self._allowance(HEAVY_STEP)
        if 0 < allowed <= _LITTLE:
            return False
        if allowed:
            self._rest()
            self._away = True
            self._reserve(allowed)
            CREW.carry_out(partial(self._carry_out, allowed), self._labour_told)
        return True

    def _carry_out(self, allowed: int) -> None:
        if self._on_end is not None:  # else it was stopped while it waited for its turn
            self._labour(allowed)

    def _reserve(self, count: int) -> None:
        """Take so much of what the pace allows to all who share it: they ask before it is known what was moved."""
        if self._pace is not None:
            self._pace.moved(count - self._reserved)
        self._reserved = count

    def _count_labour(self) -> None:
        """Count what a step has moved."""
        count, self._moved_away = self._moved_away, 0
        self._count(count)

    def _labour_told(self, error: Exception | None) -> None:
        self._reserve(0)
        self._count_labour()
        if not self._come_back():
            return
        if error is not None:
            self._meet(error)
            return
        try:
            self._labour_ended()
        except Exception as failure:
            self._meet(failure)

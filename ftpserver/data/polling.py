"""Busy polling: looking for the next command for a moment before the process sleeps.

Theory. To wake a process that sleeps takes some ten microseconds, in a virtual machine, whose processor has to be
waked too, more than a command takes to be carried out. A client that waits for each reply pays that with every command
and every small file. The remedy is known from hypervisors (KVM's halt polling) and from the drivers of network
cards: who was not kept waiting for long the last time stays awake for a moment.

Rules. It looks for `SECONDS` at most, and only when the last pause was no longer: a client whose commands take
longer to come, as over most networks, costs nothing, and one that pauses costs one such moment. It does not look while
several clients talk: there is mostly something to do then, and their programs or other workers want the processor. Nor
does it during a long transfer, which would move in smaller pieces for it (a large file took a seventh longer): data
counts only for a moment after a command. The looks are turns of the loop, so whatever else is due has its turn as
always.
"""

import asyncio
import time
from collections.abc import Callable

SECONDS = 100e-6
_APART = 0.002  # seconds after which a client that talks alone is taken for the only one
_SMALL = 0.0005  # seconds in which the data of a small file has come after its command


class BusyPolling:
    """Keeps `loop` turning while it pays. `clock` gives monotonic seconds."""

    __slots__ = ("_clock", "_data_until", "_ended", "_looks", "_loop", "_several_until", "_until")

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = time.monotonic) -> None:
        self._loop = loop
        self._clock = clock
        self._ended = clock()
        self._data_until = 0.0
        self._several_until = 0.0
        self._until = 0.0
        self._looks = False

    def carried_out(self, began: float, told: int, commands: bool) -> None:
        """What came at `began` on `told` descriptors has been carried out; it was `commands`, or data."""
        now = self._clock()
        pause = began - self._ended
        self._ended = now
        if commands:
            self._data_until = now + _SMALL
        if told > 1:
            self._several_until = now + _APART
        elif pause < SECONDS and self._several_until < now < self._data_until:
            self._until = now + SECONDS
            if not self._looks:
                self._looks = True
                self._loop.call_soon(self._look)

    def _look(self) -> None:
        """The loop has just looked; let it do so again, or sleep."""
        if self._clock() < self._until:
            self._loop.call_soon(self._look)
        else:
            self._looks = False

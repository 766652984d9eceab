"""Timers that thousands of idle connections share.

A timer of the loop takes more memory than a deadline. Deadlines that fall due about together share one: a time to come
is rounded up to a power of two of seconds, at most a sixteenth of the wait, so that nothing comes early and nothing
comes late by more than that.
"""

import asyncio
import logging
import math
from typing import Protocol

logger = logging.getLogger(__name__)


class Due(Protocol):
    """Who has a deadline."""

    def fall_due(self) -> None:
        """The time has come."""


class SharedTimers:
    """The timers of one loop."""

    __slots__ = ("_loop", "_waiting", "time")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[float, set[Due]] = {}
        self.time = loop.time
        """The loop's time."""

    def after(self, seconds: float, due: Due) -> float:
        """Have it called after so many seconds; returns what `forget` takes."""
        width = 2.0 ** math.floor(math.log2(seconds / 16))
        now = self._loop.time()
        at = math.ceil((now + seconds) / width) * width
        waiting = self._waiting.get(at)
        if waiting is None:
            waiting = self._waiting[at] = set()
            self._loop.call_later(at - now, self._ring, at)
        waiting.add(due)
        return at

    def forget(self, at: float, due: Due) -> None:
        """Do not call it any more; does nothing when it was called."""
        waiting = self._waiting.get(at)
        if waiting is not None:
            waiting.discard(due)

    def _ring(self, at: float) -> None:
        for due in self._waiting.pop(at):
            try:
                due.fall_due()
            except Exception:  # the others have their deadlines all the same
                logger.exception("a deadline failed")

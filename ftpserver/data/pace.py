"""How fast and how much: what governs a mover.

A rate limit in bytes per second is shared by every transfer that holds it.
A token bucket of one second's worth: a mover asks how much it may move now, moves at most that, and tells
what it moved. A limit may be changed while transfers run.
"""

from collections.abc import Callable
from typing import Protocol

_SHORTEST_WAIT = 0.01
_LARGEST_STEP = 1024 * 1024


class Governor(Protocol):
    """Decides how much a mover may move now."""

    def allowance(self, wanted: int) -> int:
        """How many bytes, at most `wanted`, may be moved now; 0 when the mover must `wait`, or raise what ends it."""

    def moved(self, count: int) -> None:
        """So many bytes were moved."""

    def wait(self) -> float:
        """After how many seconds to ask again."""

    def close(self) -> None:
        """The transfer has ended."""


class Metered:
    """A rate limit and a meter that both have to allow it."""

    def __init__(self, pace: "Pace", meter: "Meter") -> None:
        self._pace = pace
        self._meter = meter

    def allowance(self, wanted: int) -> int:
        """See Governor. Raises what the meter raises."""
        return self._pace.allowance(self._meter.allowance(wanted))

    def moved(self, count: int) -> None:
        """See Governor."""
        self._pace.moved(count)
        self._meter.moved(count)

    def wait(self) -> float:
        """See Governor."""
        return self._pace.wait()

    def close(self) -> None:
        """See Governor."""
        self._meter.close()


class Meter(Protocol):
    """Counts what is moved, and raises when no more may be."""

    def allowance(self, wanted: int) -> int:
        """How many of `wanted` bytes may be moved, at least one."""

    def moved(self, count: int) -> None:
        """So many bytes were moved."""

    def close(self) -> None:
        """No more will be."""


class Pace:
    """`rate` bytes per second, 0 for no limit; `clock` gives monotonic seconds."""

    __slots__ = ("_clock", "_filled", "_tokens", "rate")

    def __init__(self, rate: int, clock: Callable[[], float]) -> None:
        self.rate = rate
        self._clock = clock
        self._tokens = 0.0
        self._filled = clock()

    def allowance(self, wanted: int) -> int:
        """How many bytes, at most `wanted`, may be moved now; 0 when the mover must wait."""
        if not self.rate:
            return wanted
        now = self._clock()
        self._tokens = min(float(self.rate), self._tokens + (now - self._filled) * self.rate)
        self._filled = now
        return min(wanted, int(self._tokens))

    def moved(self, count: int) -> None:
        """So many bytes were moved."""
        if self.rate:  # else it would be a debt, to be paid when there is a limit again
            self._tokens -= count

    def wait(self) -> float:
        """After how many seconds to ask again."""
        step = min(_LARGEST_STEP, max(1, self.rate // 20))
        return max(_SHORTEST_WAIT, (step - self._tokens) / self.rate) if self.rate else 0.0

    def close(self) -> None:
        """See Governor: a transfer leaves nothing behind."""

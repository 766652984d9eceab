"""Uploads that were refused for want of room, remembered for a while.

Some clients try a refused upload again and again and send all of it each time. The second try to the same
name is refused at once, before its data, unless by then there is as much room as the first was known to need.
"""

from collections import OrderedDict
from collections.abc import Callable

SECONDS = 60.0
CAPACITY = 10_000

Key = tuple[str, str]


class RefusalMemory:
    """What uploads needed, by home and path; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._needs: OrderedDict[Key, tuple[int, float]] = OrderedDict()

    def remember(self, home: str, path: str, need: int) -> None:
        """An upload to this path was refused when it needed `need` bytes."""
        self._needs[home, path] = need, self._clock() + SECONDS
        self._needs.move_to_end((home, path))
        if len(self._needs) > CAPACITY:
            self._needs.popitem(last=False)

    def need(self, home: str, path: str) -> int:
        """How many bytes an upload to this path is known to need; 0 when nothing is known."""
        if not self._needs:
            return 0
        need, until = self._needs.get((home, path), (0, 0.0))
        if need and until < self._clock():
            del self._needs[home, path]
            return 0
        return need

    def forget(self, home: str, path: str) -> None:
        """An upload to this path has succeeded."""
        if self._needs:
            self._needs.pop((home, path), None)

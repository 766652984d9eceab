"""Uploads that were refused for want of room, remembered for a while.

Some clients try a refused upload again and again and send all of it each time. What was refused `STRIKES` times in
a row under one name is refused at once the next time, before its data, unless by then there is as much room as it
was known to need. One refusal alone says nothing: the next file of that name may be smaller, and a smaller one is
always allowed. A client that says the size (ALLO) is never judged by what came before.
"""

from collections import OrderedDict
from collections.abc import Callable

SECONDS = 60.0
CAPACITY = 10_000
STRIKES = 2

Key = tuple[str, str]


class RefusalMemory:
    """What uploads needed, by home and path; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._needs: OrderedDict[Key, tuple[int, float, int]] = OrderedDict()

    def remember(self, home: str, path: str, need: int) -> None:
        """An upload to this path was refused when it needed `need` bytes."""
        key, now = (home, path), self._clock()
        _, until, times = self._needs.pop(key, (0, 0.0, 0))
        self._needs[key] = need, now + SECONDS, times + 1 if until >= now else 1
        if len(self._needs) > CAPACITY:
            self._needs.popitem(last=False)

    def need(self, home: str, path: str) -> int:
        """How many bytes an upload to this path is known to need; 0 when nothing is known."""
        if not self._needs:
            return 0
        need, until, times = self._needs.get((home, path), (0, 0.0, 0))
        if need and until < self._clock():
            del self._needs[home, path]
            return 0
        return need if times >= STRIKES else 0

    def forget(self, home: str, path: str) -> None:
        """An upload to this path has succeeded, or is worth another try."""
        if self._needs:
            self._needs.pop((home, path), None)

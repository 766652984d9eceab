"""What one process remembers of failed logins and of who is shut out.

The throttle has the rules; a memory keeps the facts. This one lives and dies with its process and is bounded;
ftpserver/auth/bans.py has the one that all processes share.
"""

from collections import OrderedDict, deque
from typing import Protocol

Key = tuple[str, str | None]
"""Where, and the name that was tried; None is any name ("" is one that a client may say), "" is anywhere."""

_CAPACITY = 50_000


class Memory(Protocol):
    """Failures and bans by key; times are seconds of one clock."""

    def banned_until(self, keys: tuple[Key, ...], now: float) -> float:
        """The end of the longest ban on one of these, 0.0 when there is none."""

    def failed(self, key: Key, now: float, within: float, allowed: int, until: float) -> bool:
        """Count a failure; the last that is allowed within the time is a ban. Returns whether it was."""

    def succeeded(self, key: Key) -> None:
        """Forget the failures, not a ban."""

    def tidy(self, now: float, within: float) -> None:
        """Forget what is over; may be called on a thread."""


class OwnMemory:
    """The memory of one process."""

    def __init__(self) -> None:
        self._attempts: OrderedDict[Key, deque[float]] = OrderedDict()
        self._banned: OrderedDict[Key, float] = OrderedDict()

    def banned_until(self, keys: tuple[Key, ...], now: float) -> float:
        """See Memory."""
        if not self._banned:
            return 0.0
        latest = 0.0
        for key in keys:
            until = self._banned.get(key)
            if until is not None and until <= now:
                del self._banned[key]
            elif until is not None:
                latest = max(latest, until)
        return latest

    def failed(self, key: Key, now: float, within: float, allowed: int, until: float) -> bool:
        """See Memory."""
        times = self._attempts.setdefault(key, deque(maxlen=allowed))
        if times.maxlen != allowed:  # the settings were changed
            times = self._attempts[key] = deque(times, maxlen=allowed)
        self._attempts.move_to_end(key)
        times.append(now)
        banned = len(times) == allowed and now - times[0] <= within
        if banned:
            self._banned[key] = until
            del self._attempts[key]
        for memory in (self._attempts, self._banned):
            if len(memory) > _CAPACITY:
                memory.popitem(last=False)
        return banned

    def succeeded(self, key: Key) -> None:
        """See Memory."""
        self._attempts.pop(key, None)

    def tidy(self, now: float, within: float) -> None:
        """See Memory: what is over goes when it is met, or when there is too much."""

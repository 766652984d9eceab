"""The deadlines of one control connection: for a login, for the next command, for data that stands still.

A busy client costs no clock: what happens only notes the time (`touch`), and a timer (timers.py) looks now and then
which deadline has passed. It comes again when the next could, so a deadline is kept to within the shortest of
them.
"""

from typing import Protocol

from ftpserver.config.settings import Limits
from ftpserver.control.timers import SharedTimers
from ftpserver.control.transfer import Transfer
from ftpserver.session import Peer, Session

_SHORTEST_TICK = 0.05
_LOOKS = 4
"""In the time of `data_seconds`: when data stopped is known to within one of them."""


class Watched(Protocol):
    """The connection whose deadlines these are."""

    peer: Peer
    transfer: Transfer | None

    @property
    def at_work(self) -> bool:
        """Whether a thread works for it: then it is not the client that is slow."""

    def leave(self, text: str) -> None:
        """Close with a 421."""


class Deadlines:
    """Looks after one connection from `start` to `stop`."""

    __slots__ = ("_due_at", "_limits", "_moved", "_timers", "_watched", "touched")

    def __init__(self, timers: SharedTimers, limits: Limits, watched: Watched) -> None:
        self._timers = timers
        self._limits = limits
        self._watched: Watched | None = watched
        self._moved = 0
        self._due_at = 0.0
        self.touched = timers.time()
        """When the client last did something that counts (the loop's time)."""

    def touch(self) -> None:
        """The client has just done something that counts."""
        self.touched = self._timers.time()

    def watch_data(self, now: float) -> None:
        """A transfer begins (`now` is the loop's time): see soon enough when its data stands still."""
        self._moved = 0
        pause = max(self._limits.data_seconds / _LOOKS, _SHORTEST_TICK)
        if self._due_at > now + 2 * pause:
            self._timers.forget(self._due_at, self)
            self._due_at = self._timers.after(pause, self)

    def start(self) -> None:
        """Look which deadline has passed, and again when the next could."""
        if self._watched is None:
            return
        left = self._look(self._watched)
        limits = self._limits
        shortest = min(limits.login_seconds, limits.idle_seconds, limits.data_seconds)
        if left > 0 and self._watched is not None:  # what was demanded may have ended it
            self._due_at = self._timers.after(min(shortest, max(left, _SHORTEST_TICK)), self)

    def fall_due(self) -> None:
        """See timers.Due."""
        self.start()

    def stop(self) -> None:
        """The connection has ended: look no more, and let go of it."""
        self._timers.forget(self._due_at, self)
        self._watched = None

    def _look(self, watched: Watched) -> float:
        """Seconds until the deadline that holds now; past it, what it demands is done. 0 or less: the end."""
        limits = self._limits
        if watched.at_work:
            return limits.idle_seconds
        if watched.transfer is not None:
            return self._look_at_transfer(watched.transfer)
        if isinstance(watched.peer, Session):
            idle = watched.peer.idle_seconds or limits.idle_seconds
            if self._left(limits.data_seconds) < 0:
                watched.peer.drop_promise()
            return self._leave_after(watched, idle, f"No command for {idle:g} seconds, closing.")
        return self._leave_after(
            watched, limits.login_seconds, f"No login within {limits.login_seconds:g} seconds, closing."
        )

    def _left(self, seconds: float) -> float:
        return self.touched + seconds - self._timers.time()

    def _leave_after(self, watched: Watched, seconds: float, text: str) -> float:
        left = self._left(seconds)
        if left <= 0:
            watched.leave(text)
        return left

    def _look_at_transfer(self, transfer: Transfer) -> float:
        # A disk that is slow is no fault of the client; and while a thread writes, an abort could end nothing.
        if transfer.moved != self._moved or transfer.waits_for_disk:
            self.touch()
            self._moved = transfer.moved
        left = self._left(self._limits.data_seconds)
        if left <= 0:
            transfer.abort("Timed out")
            return self._limits.data_seconds / _LOOKS
        return min(left, self._limits.data_seconds / _LOOKS)

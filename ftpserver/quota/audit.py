"""Books against disk: what a home really holds beside what the ledger says of it.

A walk takes time and uploads go on meanwhile. So a walk that no change crossed decides exactly; when changes
keep crossing, the found size is held against what the books allow: at least what is used, at most that and
what is promised to changes under way. Nothing is locked; an audit disturbs nobody. `Finding.repair` makes the
home be counted anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ftpserver.quota.base import Tally, Uncounted, Usage, total

Walk = Callable[[], Iterator[tuple[int, int]]]

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What an audit found; `booked` is None for a home that has not been counted."""

    booked: Usage | None
    bytes: int
    files: int
    crossed: bool
    """Changes crossed every walk, so the numbers are bounds and no exact drift."""

    @property
    def drift(self) -> tuple[int, int]:
        """How many more bytes and entries are on the disk than in the books; (0, 0) when they agree."""
        if self.booked is None:
            return 0, 0
        return (
            self._beyond(self.bytes, self.booked.bytes, self.booked.reserved_bytes),
            self._beyond(self.files, self.booked.files, self.booked.reserved_files),
        )

    @property
    def good(self) -> bool:
        """Whether books and disk agree, or will: an uncounted home is counted before its next change."""
        return self.drift == (0, 0)

    def _beyond(self, found: int, used: int, reserved: int) -> int:
        if not self.crossed and not reserved:
            return found - used
        if used <= found <= used + reserved:
            return 0
        return found - used if found < used else found - used - reserved


def audit(tally: Tally, walk: Walk) -> Finding:
    """Walk a home and compare; call it on a thread. Raises LedgerFault, OSError."""
    crossed = True
    booked: Usage | None = None
    bytes = files = 0
    for _ in range(_TRIES):
        before = tally.changes()
        bytes, files = total(walk())
        try:
            booked = tally.usage()
        except Uncounted:
            return Finding(None, bytes, files, False)
        if tally.changes() == before:
            crossed = False
            break
    return Finding(booked, bytes, files, crossed)

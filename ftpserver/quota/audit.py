"""Books against disk: what a home really holds beside what the ledger says of it.

Theory. The visible tree changes only within acts (quota.base.Tally.act), and each act is booked before it ends. So a
walk with no act between its begin and its end must find exactly what is booked, whatever is promised to uploads under
way: their bytes have no name yet. Whether there was one is told by the number of changes, read within an act of our
own: nobody else is in the middle of one then. A walk that was crossed is made again; after a few the home stands still
for the last one: files that are complete wait for their names that long, as for any count.

The one exception are changes in place (APPE, REST): what they write is on the disk before it is booked. While there
are any, the home may hold up to `reserved_bytes` more than is booked, and drift is what lies outside of that: more by
less than what is promised then goes unseen until they have ended, and of more than that the excess is told. Entries
are always exact. `ftpserver quota repair` makes the home be counted anew.
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
    growing: bool = False
    """Changes in place are under way, so the drift in bytes is a bound."""

    @property
    def drift(self) -> tuple[int, int]:
        """How many more bytes and entries are on the disk than in the books; (0, 0) when they agree."""
        if self.booked is None:
            return 0, 0
        more = self.bytes - self.booked.bytes
        if self.growing and more > 0:
            more = max(0, more - self.booked.reserved_bytes)
        return more, self.files - self.booked.files

    @property
    def good(self) -> bool:
        """Whether books and disk agree, or will: an uncounted home is counted before its next change."""
        return self.drift == (0, 0)


def audit(tally: Tally, walk: Walk, last: Walk | None = None) -> Finding:
    """Walk a home and compare; call it on a thread. Raises LedgerFault, OSError.

    `last` is the walk for which the home stands still, when it is to be another one.
    """
    for _ in range(_TRIES):
        before = tally.changes()
        found = total(walk())
        with tally.act(wait=True):
            if tally.changes() == before:
                return _compare(tally, found)
    with tally.act(wait=True):
        return _compare(tally, total((last or walk)()))


def _compare(tally: Tally, found: tuple[int, int]) -> Finding:
    try:
        return Finding(tally.usage(), *found, tally.growing())
    except Uncounted:
        return Finding(None, *found)

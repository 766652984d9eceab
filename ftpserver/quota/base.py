"""The ledger's interface: reserve, spend, settle.

Theory. A *home* has a visible tree: the bytes and entries a walk of it finds. The ledger knows how
much that is (`Usage.bytes`, `Usage.files`) and how much of the quota is promised to changes that are under way
(`reserved_*`). The rule that every implementation keeps, whatever runs in parallel and in however many processes:

    used + reserved <= limit          whenever a reservation is made, and
    what is on disk <= used + reserved   at every instant.

So a change first *reserves* a `Grant`, then acts on the disk within what the grant covers, then *settles* the
grant with what really changed. A grant that is never settled is released. Bytes are logical sizes of regular
files, each name counts (a hard link counts again); entries are names of any kind below the home.

A file that an upload is about to replace is *lent* to it: its size counts as room for that one upload, because the
new bytes become visible only in the moment in which the old ones vanish. Nobody else gets the same loan.

The methods are synchronous and called on the loop, as the embedded ledger answers in microseconds. What would have to
wait says HomeBusy or Uncounted instead and is asked for again, with `wait`, on a thread: a ledger on another machine
would say so of everything.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from ftpserver.storage.base import Identity


@dataclass(frozen=True, slots=True)
class Limits:
    """What a home may hold: bytes and entries; None is no limit.

    `pool` names what it shares with other homes; the pool's limits hold for all of them together.
    """

    bytes: int | None = None
    files: int | None = None
    pool: str | None = None
    pool_bytes: int | None = None
    pool_files: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a home holds (bytes, entries) and what is promised to changes under way."""

    bytes: int
    files: int
    reserved_bytes: int = 0
    reserved_files: int = 0


class QuotaExceeded(Exception):
    """The reservation does not fit. Numbers are bytes, or entries when `unit` is "files".

    `pool` names the shared quota that refuses, when it is not the home's own.
    """

    def __init__(self, unit: str, need: int, free: int, limit: int, pool: str | None = None) -> None:
        super().__init__(f"need {need} {unit}, {free} free of {limit}")
        self.pool = pool
        self.unit = unit
        self.need = need
        self.free = free
        self.limit = limit


class TrafficExceeded(Exception):
    """A transfer quota is used up: `limit` bytes of `owner` in the day or month `period` (UTC)."""

    def __init__(self, owner: str, period: str, limit: int) -> None:
        super().__init__(f"{owner}: {limit} bytes in {period}")
        self.owner = owner
        self.period = period
        self.limit = limit


class Uncounted(Exception):
    """The home, or another one of its pool, must be counted before it may change; nothing was reserved."""


class HomeBusy(Exception):
    """Another process is changing or counting the home this moment; try again off the loop with `wait`."""


class LedgerFault(Exception):
    """The ledger cannot be read or written: changes are refused (451), reading goes on."""


@dataclass(frozen=True, slots=True)
class Loan:
    """The file an upload will replace: who it is and how many bytes it lends."""

    identity: Identity
    bytes: int


class Grant(Protocol):
    """A reservation for one change. Settle it once; leaving it unsettled releases it."""

    def extend(self, total: int) -> None:
        """Make sure that `total` bytes of growth (not more bytes: the sum so far) are covered.

        Raises QuotaExceeded, HomeBusy or LedgerFault; the grant then still covers what it did before.
        """

    def forfeit_loan(self, files: int = 0) -> None:
        """Give the loan back and cover its bytes by reservation, as the lent file is not the one replaced.

        `files` more entries are covered too: one, when the name has become free and so will be a new one.
        Raises QuotaExceeded when there is no room for that; the change must then not happen.
        """

    def assure(self) -> None:
        """See that the books can be written, before a name appears or is replaced for it. Raises LedgerFault.

        A reservation that was written has shown that; one from a stock (stock.py) has not. From now on the grant takes
        no loan that it does not have: whose name it gets is looked at next, and has to stay true.
        """

    @property
    def covers_all(self) -> bool:
        """Whether it covers every byte and the entry, as if nothing were replaced."""

    @property
    def loan(self) -> Loan | None:
        """The loan this grant was given, if any."""

    def settle(self, bytes: int, files: int, removed: Identity | None = None) -> None:
        """Book what really changed in the visible tree and end the grant.

        `removed` is the regular file whose name vanished with this change, so that a loan on it is kept whole.
        When the books cannot be written (LedgerFault) what was reserved stays so until the home can be counted.
        """

    def settle_unknown(self) -> None:
        """End the grant of a change whose effect is not known: the home is counted before its next change."""

    def release(self) -> None:
        """End the grant: nothing changed. Does nothing when it was settled."""


def total(walk: Iterator[tuple[int, int]]) -> tuple[int, int]:
    """The sums of a walk's increments of bytes and entries."""
    bytes = files = 0
    for more_bytes, more_files in walk:
        bytes += more_bytes
        files += more_files
    return bytes, files


class Tally(Protocol):
    """The books of one home, as one session uses them."""

    limits: Limits

    def usage(self) -> Usage:
        """What the books say now. Raises Uncounted or LedgerFault."""

    def usage_lately(self) -> Usage:
        """What the home held after the last change of this process, which costs nothing to tell.

        Raises Uncounted, LedgerFault.
        """

    def pool_usage(self) -> Usage | None:
        """What the homes of the pool hold together; None without one. Raises Uncounted, LedgerFault."""

    def relimit(self, limits: Limits) -> None:
        """Other limits hold from now on, for changes under way too. Raises LedgerFault."""

    def reserve(
        self,
        bytes: int = 0,
        files: int = 0,
        loan: Loan | None = None,
        in_place: bool = False,
        firm: bool = False,
    ) -> Grant:
        """Promise room for a change. Raises QuotaExceeded, Uncounted, LedgerFault, HomeBusy (`outwait_others`).

        `in_place`: the change is visible while it grows (APPE), not only when it is settled. `firm`: the loan is
        taken now, and not only when room gets scarce.
        """

    def act(self, wait: bool = False) -> AbstractContextManager[None]:
        """Bracket the act on disk and its settling: one act a home at a time, in all processes.

        Raises HomeBusy when it would have to wait and `wait` is False.
        """

    def outwait_others(self) -> None:
        """Wait, on a thread, for room that others may return; does nothing when nobody was refused for it."""

    def recount(self, walk: Callable[[], Iterator[tuple[int, int]]]) -> None:
        """Count the home by `walk` (increments of bytes and entries) unless somebody did; call it on a thread."""

    def changes(self) -> int:
        """How many changes were settled so far; equal numbers before and after a walk mean that none crossed it."""

    def growing(self) -> bool:
        """Whether changes in place are under way: what they write is there before it is booked. Raises LedgerFault."""

    def distrust(self) -> None:
        """Let the home be counted before its next change. Raises LedgerFault."""

    def close(self) -> None:
        """The session has ended."""


class Pools(Protocol):
    """Which homes draw on which pool."""

    def called(self, pool: str) -> bool:
        """Whether all homes of this pool are known. Raises LedgerFault."""

    def names(self) -> set[str]:
        """The pools whose homes are known. Raises LedgerFault."""

    def call(self, rolls: Mapping[str, Collection[str]], complete: bool = True) -> int:
        """These are all pools, and these their homes; returns how many homes came, went or moved. Raises LedgerFault.

        When it is not `complete` no home leaves a pool but for another one.
        """

    def uncounted(self, pool: str | None = None) -> list[str]:
        """The homes of a pool, or of all, that must be counted before it gives room. Raises LedgerFault."""


class Ledger(Protocol):
    """The books of all homes."""

    @property
    def pools(self) -> Pools:
        """The pools that homes draw on together."""

    def open(self, home: str, limits: Limits) -> Tally:
        """The books of `home` (its absolute path), to be closed by the session. Raises LedgerFault."""

    def close(self) -> None:
        """The service ends cleanly."""

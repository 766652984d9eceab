"""Transfer quotas: how many bytes a user, or a group together, may move in a calendar day or month (UTC).

The same rule as for storage: room is taken before it is used, in one transaction for all periods and owners,
so sessions in parallel cannot pass a limit together. A meter takes a few MiB at a time and gives back what it
did not use. Nothing has to be reset: a new day or month is another row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from ftpserver.quota.base import TrafficExceeded
from ftpserver.quota.database import Database

_STEP = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one owner may move one way; None is no limit. `owner` is a key such as "user alice upload"."""

    owner: str
    day: int | None
    month: int | None

    @property
    def limited(self) -> bool:
        """Whether there is anything to keep."""
        return self.day is not None or self.month is not None


class TrafficBooks:
    """What was moved, in the ledger's database."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    def take(self, allowances: Sequence[Allowance], wanted: int) -> tuple[int, list[tuple[str, str]]]:
        """Book up to `wanted` bytes for all owners; returns how many, and the rows they stand in.

        Raises TrafficExceeded when there is nothing left, LedgerFault.
        """
        rows = self._rows(allowances)
        execute = self._database.execute
        with self._database.writing:
            granted = wanted
            for (owner, period), limit in rows:
                found = execute(
                    "SELECT bytes FROM traffic WHERE owner = ? AND period = ?", (owner, period)
                ).fetchone()
                left = limit - (found[0] if found is not None else 0)
                if left <= 0:
                    raise TrafficExceeded(owner, period, limit)
                granted = min(granted, left)
            for (owner, period), _limit in rows:
                self._add(owner, period, granted)
        return granted, [row for row, _limit in rows]

    def give_back(self, rows: Sequence[tuple[str, str]], count: int) -> None:
        """`count` bytes that were booked were not moved. Raises LedgerFault."""
        with self._database.writing:
            for owner, period in rows:
                self._add(owner, period, -count)

    def moved(self, allowance: Allowance) -> tuple[int, int]:
        """Bytes of today and of this month. Raises LedgerFault."""
        today = self._now()
        query = "SELECT period, bytes FROM traffic WHERE owner = ?"
        found = dict(self._database.read(query, (allowance.owner,)))
        return found.get(f"{today:%Y-%m-%d}", 0), found.get(f"{today:%Y-%m}", 0)

    def _rows(self, allowances: Sequence[Allowance]) -> list[tuple[tuple[str, str], int]]:
        today = self._now()
        rows = []
        for allowance in allowances:
            for period, limit in ((f"{today:%Y-%m-%d}", allowance.day), (f"{today:%Y-%m}", allowance.month)):
                if limit is not None:
                    rows.append(((allowance.owner, period), limit))
        return rows

    def _add(self, owner: str, period: str, count: int) -> None:
        self._database.execute(
            "INSERT INTO traffic (owner, period, bytes) VALUES (?, ?, ?)"
            " ON CONFLICT (owner, period) DO UPDATE SET bytes = bytes + excluded.bytes",
            (owner, period, count),
        )


class Traffic(Protocol):
    """What a meter takes its bytes from."""

    def take(self, allowances: Sequence[Allowance], wanted: int) -> tuple[int, list[tuple[str, str]]]:
        """See TrafficBooks."""

    def give_back(self, rows: Sequence[tuple[str, str]], count: int) -> None:
        """See TrafficBooks."""


class Meter:
    """The traffic of one transfer. Ask `allowance` before moving, say `moved` after, `close` at the end."""

    __slots__ = ("_allowances", "_books", "_left", "_rows")

    def __init__(self, books: Traffic, allowances: Sequence[Allowance]) -> None:
        self._books = books
        self._allowances = allowances
        self._left = 0
        self._rows: list[tuple[str, str]] = []

    def allowance(self, wanted: int) -> int:
        """How many of `wanted` bytes may be moved. Raises TrafficExceeded when none, LedgerFault."""
        if self._left <= 0:
            self._left, self._rows = self._books.take(self._allowances, max(wanted, _STEP))
        return min(wanted, self._left)

    def moved(self, count: int) -> None:
        """So many bytes were moved."""
        self._left -= count

    def close(self) -> None:
        """Give back what was not used. Raises LedgerFault."""
        left, self._left = self._left, 0
        if left > 0:
            self._books.give_back(self._rows, left)

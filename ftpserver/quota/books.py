"""One home's books in this process: what all its sessions and grants share.

The statements are here. *Reserve* is one UPDATE with the limits in its WHERE clause, so two changes can never both
take the last room, in whatever processes they run. `lock` is the home's act lock: a thread lock, then an flock that
all processes share. A row in `holding` also says that this process has touched the home, so a process that dies
leaves behind exactly the list of homes to count.
"""

import contextlib
import math
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ftpserver.quota import statements, stock
from ftpserver.quota.actlock import ActLock
from ftpserver.quota.base import HomeBusy, LedgerFault, Limits, Uncounted, Usage
from ftpserver.quota.database import Database
from ftpserver.quota.stock import Stock
from ftpserver.storage.base import Identity

_PLENTY = (stock.MARGIN * stock.BYTES, stock.MARGIN * stock.FILES)
_REFUSAL_HOLDS = 5.0  # seconds in which nobody waits again for what others hold
_RETURNS_WITHIN = 0.1  # seconds by which another process may be late


@dataclass(frozen=True, slots=True)
class Against:
    """What stood in the way of a reservation: the use of the home, and of its pool if it has one."""

    home: Usage
    pool: Usage | None


class Granted(Protocol):
    """A grant, as its books see it."""

    def trim(self) -> int:
        """Within a transaction: give up what is reserved beyond the need; returns how many bytes to give back."""

    def settle_unknown(self) -> None:
        """End the grant, and let the home be counted before its next change."""


class Books:
    """The books of one home."""

    def __init__(
        self, database: Database, process: int, path: str, locks: Path, void_the_dead: Callable[[], int]
    ) -> None:
        self.database = database
        self.process = process
        self.path = path
        self.void_the_dead = void_the_dead
        self.users = 0  # sessions in this process
        self.grants: set[Granted] = set()
        self.stock = Stock()
        self.stocked = False
        """Whether there is a stock, be it empty, that will be returned."""
        self.on_stock: Callable[[], None] | None = None
        """Sees to it that the stock is returned soon; without it none is taken."""
        self.unsettled: list[Granted] = []  # those whose end the ledger did not take
        self.booked: Usage | None = None
        """What the home held after the last change of this process."""
        self._refused_at = -math.inf  # the clock when room was last wanted that others hold
        self.act_lock = ActLock(locks, path)
        self._home: int | None = None  # the row, once this process has touched the home

    @property
    def home(self) -> int:
        """The home's row; the first use marks the home as touched by this process. Raises LedgerFault."""
        if self._home is None:
            self.touch()
            assert self._home is not None
        return self._home

    def touch(self) -> None:
        """Mark the home as touched by this process; a transaction of its own. Raises LedgerFault."""
        if self._home is None:
            self._home = self._touch()

    def _touch(self) -> int:
        execute = self.database.execute
        with self.database.writing:
            execute("INSERT OR IGNORE INTO usage (path) VALUES (?)", (self.path,))
            home: int = execute("SELECT home FROM usage WHERE path = ?", (self.path,)).fetchone()[0]
            execute("INSERT OR IGNORE INTO holding (home, process) VALUES (?, ?)", (home, self.process))
        return home

    def take(self, bytes: int, files: int, limits: Limits) -> bool:
        """Promise room from the stock, which is filled where there is plenty; False: reserve it. Raises LedgerFault."""
        if limits.pool is not None or self.unsettled or self.on_stock is None:
            return False
        if self.database.trouble is not None:  # what comes of a stock is written at its end only: too late
            return False
        with self.database.exclusive:  # a thread that calls surplus back empties it
            if self.stock.take(bytes, files):
                return True
            if bytes > stock.BYTES or files > stock.FILES or not self._fill_stock(limits):
                return False
            self.on_stock()
            return self.stock.take(bytes, files)

    def _fill_stock(self, limits: Limits) -> bool:
        bytes, files = self.stock.room(stock.BYTES, stock.FILES)
        with self.database.exclusive:
            values = self._values(bytes, files, limits, *_PLENTY)
            with self.database.writing:
                if self.database.execute(statements.RESERVE, values).rowcount != 1:
                    return False
                self.database.execute(
                    "INSERT OR IGNORE INTO stock (home, process) VALUES (?, ?)", (self.home, self.process)
                )
            self.stock.put(bytes, files)
            self.stocked = True
        return True

    def reserve(self, bytes: int, files: int, limits: Limits, margin: int = 0, margin_files: int = 0) -> bool:
        """Try to hold more; False when it does not fit or the home is uncounted. Raises LedgerFault.

        `margin` and `margin_files` are how much must stay free beside it.
        """
        if self.unsettled:
            self._settle_the_unsettled()
        values = self._values(bytes, files, limits, margin, margin_files)
        statement = statements.RESERVE if limits.pool is None else statements.RESERVE_IN_POOL
        if not bytes and not files:
            statement = statements.TURN
        with self.database.locked():
            try:
                return self.database.execute(statement, values).rowcount == 1
            except sqlite3.Error as error:
                raise self.database.faulty(error) from error

    def reserve_with_effort(self, bytes: int, files: int, limits: Limits) -> Against | None:
        """Nobody is refused for room that is held by the dead or beyond the need of the living.

        Returns what stood in the way, as it was in the moment of the refusal, or None: it is held. Raises Uncounted,
        LedgerFault, and HomeBusy as long as other processes may return what they hold in stock.
        """
        self.call_back_surplus()
        self.void_the_dead()
        values = self._values(bytes, files, limits)
        statement = statements.RESERVE if limits.pool is None else statements.RESERVE_IN_POOL
        with self.database.writing:
            if limits.pool is not None:
                self.join(limits.pool)
            if self.database.execute(statement, values).rowcount == 1:
                return None
            against = Against(self.totals(), None if limits.pool is None else self._pool_totals(limits.pool))
            if self._others_may_return():
                raise HomeBusy(self.path)
            return against

    def _others_may_return(self) -> bool:
        """Whether to wait for the stocks of other processes: once, and not again for some seconds."""
        since = time.monotonic() - self._refused_at
        if since < stock.SECONDS:
            return True
        if since < _REFUSAL_HOLDS:
            return False
        stocked: int = self.database.execute(
            statements.STOCKED_BY_OTHERS, (self.home, self.process)
        ).fetchone()[0]
        if stocked:
            self._refused_at = time.monotonic()
        return bool(stocked)

    def outwait_stocks(self) -> None:
        """Wait until other processes have returned their stocks, if somebody was refused for want of them."""
        left = self._refused_at + stock.SECONDS - time.monotonic()
        if left > 0:
            time.sleep(left + _RETURNS_WITHIN)

    def _pool_totals(self, pool: str) -> Usage:
        """What the homes of a pool hold together. Raises Uncounted when one is not known or must be counted first."""
        rows = self.database.read(statements.POOL_TOTALS, {"pool": pool})
        if not rows:
            raise Uncounted(self.path)
        return Usage(*rows[0])

    def pool_usage(self, pool: str) -> Usage:
        """What the homes of the pool hold together. Raises Uncounted, LedgerFault."""
        return self._pool_totals(pool)

    def _values(
        self, bytes: int, files: int, limits: Limits, margin: int = 0, margin_files: int = 0
    ) -> dict[str, int | str | None]:
        return {
            "home": self.home,
            "process": self.process,
            "bytes": bytes,
            "files": files,
            "limit_bytes": limits.bytes,
            "limit_files": limits.files,
            "margin": margin,
            "margin_files": margin_files,
            "pool": limits.pool,
            "pool_bytes": limits.pool_bytes,
            "pool_files": limits.pool_files,
        }

    def _settle_the_unsettled(self) -> None:
        """The ledger failed when these grants ended: nobody gets room until their home is to be counted."""
        with self.database.exclusive:
            while self.unsettled:
                self.unsettled[-1].settle_unknown()
                self.unsettled.pop()

    def totals(self) -> Usage:
        """Used and held, in all processes. Raises Uncounted, LedgerFault."""
        rows = self.database.read(statements.TOTALS, (self.path,))
        if not rows or not rows[0][2]:
            raise Uncounted(self.path)
        row = rows[0]
        return Usage(row[0], row[1], row[3] - self.stock.bytes, row[4] - self.stock.files)

    def state(self) -> tuple[bool, int]:
        """Whether the home is counted, and the number of changes so far. Raises LedgerFault."""
        counted, sequence = self._one("SELECT counted, sequence FROM usage WHERE home = ?")
        return bool(counted), sequence

    def growing(self) -> bool:
        """Whether changes in place are under way, in any process. Raises LedgerFault."""
        return bool(self._one(statements.GROWING)[0])

    def epoch(self) -> int:
        """How often the home was counted. Raises LedgerFault."""
        epoch: int = self._one("SELECT epoch FROM usage WHERE home = ?")[0]
        return epoch

    def _one(self, query: str) -> tuple[int, ...]:
        rows: list[tuple[int, ...]] = self.database.read(query, (self.home,))
        if not rows:
            raise LedgerFault(f"{self.path}: the ledger lost this home")
        return rows[0]

    # Within a transaction ---------------------------------------------------------------------------------------

    def join(self, pool: str | None) -> None:
        """The home draws on this pool from now on."""
        if pool is not None:
            self.database.execute("INSERT OR IGNORE INTO pool (name) VALUES (?)", (pool,))
        self.database.execute(
            "UPDATE usage SET pool = ? WHERE home = ? AND pool IS NOT ?", (pool, self.home, pool)
        )

    def hold(self, bytes: int, files: int) -> None:
        """Change what this process holds."""
        self.database.execute(
            "UPDATE holding SET bytes = bytes + ?, files = files + ? WHERE home = ? AND process = ?",
            (bytes, files, self.home, self.process),
        )

    def grow(self, grants: int) -> None:
        """So many more changes in place are under way, or fewer."""
        self.database.execute(statements.GROW, (self.home, self.process, grants))

    def book(self, bytes: int, files: int) -> None:
        """The visible tree has changed by so much.

        Less than nothing cannot be there: then what vanished was never booked, and the home has to be counted.
        """
        row = self.database.execute(
            "UPDATE usage SET bytes = bytes + :bytes, files = files + :files, sequence = sequence + 1,"
            " counted = counted AND bytes + :bytes >= 0 AND files + :files >= 0 WHERE home = :home"
            " RETURNING bytes, files, counted",
            {"bytes": bytes, "files": files, "home": self.home},
        ).fetchone()
        self.booked = Usage(row[0], row[1]) if row is not None and row[2] else None

    def distrust(self) -> None:
        """The visible tree has changed, nobody knows by how much."""
        self.booked = None
        if self.stocked:  # else uploads would go on without a count
            self.hold(*(-held for held in self.stock.clear()))
            self._unstock()
            self.stocked = False
        self.database.execute(
            "UPDATE usage SET counted = 0, sequence = sequence + 1 WHERE home = ?", (self.home,)
        )

    def book_beside(self, bytes: int, files: int, limits: Limits, removed: Identity | None) -> bool:
        """The visible tree has changed by so much, and what was held for it stays held; False where that is too much.

        A transaction of its own. Raises LedgerFault.
        """
        values = self._values(bytes, files, limits, *_PLENTY)
        if removed is None:
            rows = self._alone(statements.BOOK_BESIDE, values)
        else:
            with self.database.writing:
                rows = self.database.execute(statements.BOOK_BESIDE, values).fetchall()
                if rows:
                    self.convert_loan(removed, entry=files < 0)
        if rows:
            self.booked = Usage(*rows[0])
        return bool(rows)

    def _alone(self, statement: str, values: dict[str, int | str | None]) -> list[tuple[int, ...]]:
        """Carry out a statement that is its own transaction, which costs less than one with a beginning and an end."""
        with self.database.locked():
            try:
                return self.database.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise self.database.faulty(error) from error

    def set_count(self, bytes: int, files: int) -> None:
        """The home was counted."""
        self.booked = None
        self.database.execute(
            "UPDATE usage SET bytes = ?, files = ?, counted = 1, epoch = epoch + 1 WHERE home = ?",
            (bytes, files, self.home),
        )

    def convert_loan(self, removed: Identity, entry: bool) -> None:
        """The file that vanished may be lent: hold its bytes for the borrower, and its `entry` if that went."""
        row = self.database.execute(
            "UPDATE loan SET converted = ? WHERE home = ? AND device = ? AND inode = ? AND NOT converted"
            " RETURNING bytes, process",
            (2 if entry else 1, self.home, removed.device, removed.inode),
        ).fetchone()
        if row is not None:
            self.database.execute(
                "UPDATE holding SET bytes = bytes + ?, files = files + ? WHERE home = ? AND process = ?",
                (row[0], int(entry), self.home, row[1]),
            )

    # ------------------------------------------------------------------------------------------------------------

    def call_back_surplus(self) -> None:
        """Return to the ledger the stock and what this process's grants on the home took beyond their need."""
        with self.database.exclusive:
            if not self.grants and not self.stocked:
                return
            with self.database.writing:
                surplus = self.stock.bytes + sum(grant.trim() for grant in self.grants)
                if surplus or self.stock.files:
                    self.hold(-surplus, -self.stock.files)
                if self.stocked:
                    self._unstock()
            self.stock.clear()
            self.stocked = False

    def _unstock(self) -> None:
        self.database.execute("DELETE FROM stock WHERE home = ? AND process = ?", (self.home, self.process))

    def close(self) -> None:
        """The last session has ended: take the touched mark away, as nothing is under way."""
        self.act_lock.close()
        if self._home is not None:
            with contextlib.suppress(LedgerFault), self.database.writing:
                self.database.execute(
                    "DELETE FROM holding WHERE home = ? AND process = ?", (self._home, self.process)
                )
                if self.stocked:
                    self._unstock()
            self._home = None
        self.stock.clear()
        self.stocked = False

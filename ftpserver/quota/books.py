"""One home's books in this process: what all its sessions and grants share.

The statements are here. *Reserve* is one UPDATE with the limits in its WHERE clause, so two changes can never both
take the last room, in whatever processes they run. `lock` is the home's act lock: a thread lock, then an flock that
all processes share. A row in `holding` also says that this process has touched the home, so a process that dies
leaves behind exactly the list of homes to count.
"""

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ftpserver.quota.base import HomeBusy, LedgerFault, Limits, Uncounted, Usage
from ftpserver.quota.database import Database
from ftpserver.storage.base import Identity

_RESERVE = """
UPDATE holding SET bytes = bytes + :bytes, files = files + :files
WHERE home = :home AND process = :process
  AND (SELECT counted FROM usage WHERE home = :home)
  AND (:limit_bytes IS NULL OR :bytes <= 0 OR :limit_bytes - :margin >= :bytes
       + (SELECT bytes FROM usage WHERE home = :home) + (SELECT sum(bytes) FROM holding WHERE home = :home))
  AND (:limit_files IS NULL OR :files <= 0 OR :limit_files >= :files
       + (SELECT files FROM usage WHERE home = :home) + (SELECT sum(files) FROM holding WHERE home = :home))
"""
# A pool has no books of its own: it is the sum of its homes, so it cannot differ from them.
_RESERVE_IN_POOL = (
    _RESERVE
    + """
  AND NOT EXISTS (SELECT 1 FROM usage WHERE pool = :pool AND NOT counted)
  AND (:pool_bytes IS NULL OR :bytes <= 0 OR :pool_bytes - :margin >= :bytes
       + (SELECT sum(bytes) FROM usage WHERE pool = :pool)
       + (SELECT sum(holding.bytes) FROM holding JOIN usage USING (home) WHERE pool = :pool))
  AND (:pool_files IS NULL OR :files <= 0 OR :pool_files >= :files
       + (SELECT sum(files) FROM usage WHERE pool = :pool)
       + (SELECT sum(holding.files) FROM holding JOIN usage USING (home) WHERE pool = :pool))
"""
)
_POOL_TOTALS = """
SELECT sum(bytes), sum(files),
       (SELECT coalesce(sum(holding.bytes), 0) FROM holding JOIN usage USING (home) WHERE pool = :pool),
       (SELECT coalesce(sum(holding.files), 0) FROM holding JOIN usage USING (home) WHERE pool = :pool)
FROM usage WHERE pool = :pool
"""
_TOTALS = """
SELECT bytes, files, counted,
       (SELECT coalesce(sum(bytes), 0) FROM holding WHERE home = usage.home),
       (SELECT coalesce(sum(files), 0) FROM holding WHERE home = usage.home)
FROM usage WHERE path = ?
"""


@dataclass(frozen=True, slots=True)
class Against:
    """What stood in the way of a reservation: the use of the home, and of its pool if it has one."""

    home: Usage
    pool: Usage | None


class Granted(Protocol):
    """A grant, as its books see it."""

    def trim(self) -> int:
        """Give up what is reserved beyond the need; returns how many bytes the caller must give back."""

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
        self.unsettled: list[Granted] = []  # those whose end the ledger did not take
        self.booked: Usage | None = None
        """What the home held after the last change of this process."""
        self._locks = locks
        self._lock_fd = -1
        self._thread_lock = threading.Lock()
        self._pool: str | None = None
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

    def reserve(self, bytes: int, files: int, limits: Limits, margin: int = 0) -> bool:
        """Try to hold more; False when it does not fit or the home is uncounted. Raises LedgerFault.

        `margin` is how much must stay free beside it.
        """
        if self.unsettled:
            self._settle_the_unsettled()
        values = self._values(bytes, files, limits, margin)
        statement = _RESERVE if limits.pool is None else _RESERVE_IN_POOL
        with self.database.locked():
            try:
                return self.database.execute(statement, values).rowcount == 1
            except sqlite3.Error as error:
                raise self.database.faulty(error) from error

    def reserve_with_effort(self, bytes: int, files: int, limits: Limits) -> Against | None:
        """Nobody is refused for room that is held by the dead or beyond the need of the living.

        Returns what stood in the way, as it was in the moment of the refusal, or None: it is held. Raises Uncounted,
        LedgerFault.
        """
        self.call_back_surplus()
        self.void_the_dead()
        values = self._values(bytes, files, limits, 0)
        statement = _RESERVE if limits.pool is None else _RESERVE_IN_POOL
        with self.database.writing:
            if self.database.execute(statement, values).rowcount == 1:
                return None
            return Against(self.totals(), None if limits.pool is None else self._pool_totals(limits.pool))

    def _pool_totals(self, pool: str) -> Usage:
        """What the homes of a pool hold together. Raises Uncounted when one of them must be counted first."""
        uncounted = self.database.execute(
            "SELECT path FROM usage WHERE pool = ? AND NOT counted", (pool,)
        ).fetchall()
        if uncounted:
            raise Uncounted(self.path, tuple(row[0] for row in uncounted))
        return Usage(*self.database.execute(_POOL_TOTALS, {"pool": pool}).fetchone())

    def join(self, pool: str | None) -> None:
        """The home draws on this pool from now on. Raises LedgerFault."""
        if pool == self._pool:
            return
        home = self.home
        with self.database.writing:
            self.database.execute("UPDATE usage SET pool = ? WHERE home = ?", (pool, home))
        self._pool = pool

    def pool_usage(self) -> Usage | None:
        """What the homes of the pool hold together; None without a pool. Raises Uncounted, LedgerFault."""
        if self._pool is None:
            return None
        try:
            return self._pool_totals(self._pool)
        except sqlite3.Error as error:
            raise self.database.faulty(error) from error

    def _values(self, bytes: int, files: int, limits: Limits, margin: int) -> dict[str, int | str | None]:
        return {
            "home": self.home,
            "process": self.process,
            "bytes": bytes,
            "files": files,
            "limit_bytes": limits.bytes,
            "limit_files": limits.files,
            "margin": margin,
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
        try:
            row = self.database.execute(_TOTALS, (self.path,)).fetchone()
        except sqlite3.Error as error:
            raise self.database.faulty(error) from error
        if row is None or not row[2]:
            raise Uncounted(self.path)
        return Usage(row[0], row[1], row[3], row[4])

    def state(self) -> tuple[bool, int]:
        """Whether the home is counted, and the number of changes so far. Raises LedgerFault."""
        counted, sequence = self._one("SELECT counted, sequence FROM usage WHERE home = ?")
        return bool(counted), sequence

    def epoch(self) -> int:
        """How often the home was counted. Raises LedgerFault."""
        epoch: int = self._one("SELECT epoch FROM usage WHERE home = ?")[0]
        return epoch

    def _one(self, query: str) -> tuple[int, ...]:
        try:
            row: tuple[int, ...] | None = self.database.execute(query, (self.home,)).fetchone()
        except sqlite3.Error as error:
            raise self.database.faulty(error) from error
        if row is None:
            raise LedgerFault(f"{self.path}: the ledger lost this home")
        return row

    # Within a transaction ---------------------------------------------------------------------------------------

    def hold(self, bytes: int, files: int) -> None:
        """Change what this process holds."""
        self.database.execute(
            "UPDATE holding SET bytes = bytes + ?, files = files + ? WHERE home = ? AND process = ?",
            (bytes, files, self.home, self.process),
        )

    def book(self, bytes: int, files: int) -> None:
        """The visible tree has changed by so much.

        Less than nothing cannot be there: then what vanished was never booked, and the home has to be counted.
        """
        self.database.execute(
            "UPDATE usage SET bytes = bytes + :bytes, files = files + :files, sequence = sequence + 1,"
            " counted = counted AND bytes + :bytes >= 0 AND files + :files >= 0 WHERE home = :home",
            {"bytes": bytes, "files": files, "home": self.home},
        )

    def distrust(self) -> None:
        """The visible tree has changed, nobody knows by how much."""
        self.booked = None
        self.database.execute(
            "UPDATE usage SET counted = 0, sequence = sequence + 1 WHERE home = ?", (self.home,)
        )

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
        """Return to the ledger what this process's grants on the home took beyond their need."""
        with self.database.exclusive:
            if not self.grants:
                return
            with self.database.writing:
                surplus = sum(grant.trim() for grant in self.grants)
                if surplus:
                    self.hold(-surplus, 0)

    def lock(self, wait: bool) -> None:
        """Take the home's act lock. Raises HomeBusy when it would wait and `wait` is False."""
        if not self._thread_lock.acquire(blocking=wait):
            raise HomeBusy(self.path)
        try:
            if self._lock_fd < 0:
                name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:32]
                self._lock_fd = os.open(self._locks / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._thread_lock.release()
            raise HomeBusy(self.path) from None
        except OSError as error:
            self._thread_lock.release()
            raise LedgerFault(f"{self.path}: {error.strerror}") from error

    def unlock(self) -> None:
        """Give the act lock back."""
        fcntl.flock(self._lock_fd, fcntl.LOCK_UN)
        self._thread_lock.release()

    def close(self) -> None:
        """The last session has ended: take the touched mark away, as nothing is under way."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1
        if self._home is not None:
            with contextlib.suppress(LedgerFault), self.database.writing:
                self.database.execute(
                    "DELETE FROM holding WHERE home = ? AND process = ?", (self._home, self.process)
                )
            self._home = None

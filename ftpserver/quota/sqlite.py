"""The embedded ledger: exact quotas for every process on one machine, in one SQLite file.

How the rules of quota/base.py are kept: `books` reserves with one UPDATE that carries the limits; `grant` grows,
lends and settles; `database` orders the writers; `processes` voids what the dead held. Here they are put together:
the ledger of a process, and each session's tally of its home.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from ftpserver.quota import stock
from ftpserver.quota.base import Grant, LedgerFault, Limits, Loan, Tally, Usage, total
from ftpserver.quota.books import Books
from ftpserver.quota.database import Database
from ftpserver.quota.grant import FIRST_SURPLUS, MARGIN, SqliteGrant, Wanted, refusal
from ftpserver.quota.pools import PoolBooks
from ftpserver.quota.processes import ProcessRegister
from ftpserver.quota.traffic import TrafficBooks

_OPTIMISTIC_COUNTS = 3

Later = Callable[[float, Callable[[], None]], None]
"""Has something done after so many seconds; may be called from any thread."""


class SqliteLedger:
    """The books of all homes, shared by every process that opens the same state directory."""

    def __init__(self, state: Path, later: Later | None = None) -> None:
        """Open the ledger in `state`, voiding what dead processes held. Raises LedgerFault.

        Without `later` no stock of room is taken (stock.py), as nobody would return it.
        """
        self._database = Database(state)
        self._traffic = TrafficBooks(self._database)
        self.pools = PoolBooks(self._database)
        self._homes: dict[str, Books] = {}
        self._guard = threading.Lock()  # `_homes` and who uses them: sessions on the loop, counts on threads
        self._later = later
        self._returning = False  # it is arranged that stocks go back
        self._locks = state / "homes"
        try:
            self._locks.mkdir(mode=0o700, exist_ok=True)
            self._register = ProcessRegister(self._database, state)
        except BaseException as error:
            self._database.close()
            if isinstance(error, OSError | sqlite3.Error):
                raise LedgerFault(f"{state}: {error}") from error
            raise

    @property
    def sound(self) -> bool:
        """Whether the ledger's file is there and not broken; if not, another ledger has to be opened."""
        return self._database.sound

    @property
    def traffic(self) -> TrafficBooks:
        """The books of what was moved."""
        return self._traffic

    def open(self, home: str, limits: Limits) -> Tally:
        """The books of `home`, its absolute path."""
        with self._guard:
            books = self._homes.get(home)
            if books is None:
                books = Books(self._database, self._register.id, home, self._locks, self.void_the_dead)
                books.on_stock = self._stocked if self._later is not None else None
                self._homes[home] = books
            books.users += 1
        return SqliteTally(self, books, limits)

    def homes(self) -> list[str]:
        """The paths of all homes that the books know. Raises LedgerFault."""
        return [row[0] for row in self._database.read("SELECT path FROM usage ORDER BY home")]

    def stay(self, books: Books) -> None:
        """What is done with these books may outlive the session, on a thread; `leave` ends it.

        Raises LedgerFault when they are closed already, or the ledger is: another one may promise the same room now.
        """
        with self._guard:
            if self._database.closed:
                raise LedgerFault(f"{books.path}: the ledger that granted it is lost")
            if self._homes.get(books.path) is not books:
                raise LedgerFault(f"{books.path}: the session has ended")
            books.users += 1

    def leave(self, books: Books) -> None:
        """One user of a home has gone; the last one closes the home's books."""
        with self._guard:
            books.users -= 1
            if not books.users and not books.grants:
                self._homes.pop(books.path, None)
                books.close()

    def void_the_dead(self) -> int:
        """Void what dead processes held; returns how many there were. Raises LedgerFault."""
        try:
            return self._register.void_the_dead()
        except (sqlite3.Error, OSError) as error:
            raise LedgerFault(str(error)) from error

    def _stocked(self) -> None:
        if self._later is not None and not self._returning:
            self._returning = True
            self._later(stock.SECONDS, self._return_stocks)

    def _return_stocks(self) -> None:
        """Give back what this process holds in advance, and what its uploads hold beyond their need."""
        self._returning = False
        with self._guard:
            stocked = [books for books in self._homes.values() if books.stocked]
        for books in stocked:
            with contextlib.suppress(LedgerFault):  # then it stays held until the session ends
                books.call_back_surplus()

    def checkpoint(self) -> None:
        """Write the log into the database file; call it on a thread."""
        self._database.checkpoint()

    def close(self) -> None:
        """A clean end of this process's use of the ledger."""
        with contextlib.suppress(LedgerFault, sqlite3.Error):
            self._register.leave()
        self.checkpoint()
        self._database.close()
        with self._guard:
            for books in self._homes.values():  # of sessions that go on, with another ledger
                books.act_lock.close()


class _Act:
    """The bracket of Tally.act."""

    __slots__ = ("_books", "_ledger", "_wait")

    def __init__(self, ledger: SqliteLedger, books: Books, wait: bool) -> None:
        self._ledger = ledger
        self._books = books
        self._wait = wait

    def __enter__(self) -> None:
        self._ledger.stay(self._books)
        try:
            self._books.act_lock.acquire(self._wait)
        except BaseException:
            self._ledger.leave(self._books)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._books.act_lock.release()
        self._ledger.leave(self._books)


class SqliteTally:
    """One session's use of a home's books; its methods are those of quota.base.Tally."""

    __slots__ = ("_books", "_ledger", "limits")

    def __init__(self, ledger: SqliteLedger, books: Books, limits: Limits) -> None:
        self._ledger = ledger
        self._books = books
        self.limits = limits

    def usage(self) -> Usage:
        """See quota.base.Tally."""
        return self._books.totals()

    def usage_lately(self) -> Usage:
        """See quota.base.Tally."""
        return self._books.booked or self._books.totals()

    def pool_usage(self) -> Usage | None:
        """See quota.base.Tally."""
        pool = self.limits.pool
        return None if pool is None else self._books.pool_usage(pool)

    def relimit(self, limits: Limits) -> None:
        """See quota.base.Tally."""
        moved, self.limits = limits.pool != self.limits.pool, limits
        if moved:
            self._books.touch()
            with self._books.database.writing:
                self._books.join(limits.pool)
        self._books.call_back_surplus()

    def reserve(
        self,
        bytes: int = 0,
        files: int = 0,
        loan: Loan | None = None,
        in_place: bool = False,
        firm: bool = False,
    ) -> Grant:
        """See quota.base.Tally."""
        books, limits = self._books, self.limits
        if (files or loan is not None) and not in_place and not firm:
            entries = max(files, 1)  # as if nothing were replaced: then a loan is not needed yet
            if books.take(bytes + FIRST_SURPLUS, entries, limits):
                return SqliteGrant(books, self, bytes, entries, FIRST_SURPLUS, offered=loan, proven=False)
        surplus = FIRST_SURPLUS if files or loan is not None else 0
        if not surplus or not books.reserve(bytes + surplus, files, limits, margin=surplus * MARGIN):
            surplus = 0
            if not books.reserve(bytes, files, limits):
                against = books.reserve_with_effort(bytes, files, limits)
                if against is not None:
                    raise refusal(against, limits, Wanted(bytes, files))
        grant = SqliteGrant(books, self, bytes, files, surplus)
        try:
            if loan is not None:
                grant.borrow(loan)
            if in_place:
                grant.grow_in_place()
        except BaseException:
            grant.release()
            raise
        return grant

    def act(self, wait: bool = False) -> _Act:
        """See quota.base.Tally."""
        return _Act(self._ledger, self._books, wait)

    def recount(self, walk: Callable[[], Iterator[tuple[int, int]]]) -> None:
        """Count the home, unless somebody did meanwhile. Blocks: call it on a thread.

        A count that no change crossed is taken as it is; after a few crossed ones the home stands still for the last.
        """
        self._ledger.stay(self._books)
        try:
            self._recount(walk)
        finally:
            self._ledger.leave(self._books)

    def _recount(self, walk: Callable[[], Iterator[tuple[int, int]]]) -> None:
        books = self._books
        for _ in range(_OPTIMISTIC_COUNTS):
            before = books.state()
            if before[0]:
                return
            bytes, files = total(walk())
            with self.act(wait=True):
                if books.state() == before:
                    with books.database.writing:
                        books.set_count(bytes, files)
                    return
        with self.act(wait=True):
            if not books.state()[0]:
                bytes, files = total(walk())
                with books.database.writing:
                    books.set_count(bytes, files)

    def outwait_others(self) -> None:
        """See quota.base.Tally."""
        self._books.outwait_stocks()

    def changes(self) -> int:
        """See quota.base.Tally."""
        return self._books.state()[1]

    def growing(self) -> bool:
        """See quota.base.Tally."""
        return self._books.growing()

    def distrust(self) -> None:
        """See quota.base.Tally."""
        self._books.touch()
        with self._books.database.writing:
            self._books.distrust()

    def close(self) -> None:
        """See quota.base.Tally."""
        self._ledger.leave(self._books)

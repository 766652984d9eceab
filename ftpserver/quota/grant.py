"""One reservation in the embedded ledger: grow it, then settle or release it.

Far from the limit a grant takes a little more than it needs (`SURPLUS`), so that a big upload asks once in 8 MiB.
Close to it a grant takes exactly what it needs, and the surplus of the others in this process is called back before
anybody is refused: nobody gets a 552 while room is promised to bytes that may never come.

Where there is plenty of room, what a small upload needs comes out of the process's stock and goes back there
(stock.py): then only its end is a transaction, and a file that it replaces is *offered* as a loan, which is taken only
when room gets scarce.

A *loan* is a row keyed by the file's identity. When somebody else deletes or replaces the lent file, its bytes are
not freed but held for the borrower (`converted`), so nobody can use the same room twice.

What a grant has is changed under `database.exclusive`: other threads of this process call surplus back meanwhile.
An end that the ledger does not take leaves everything held; the home is then counted before anybody gets more room.

A change *in place* is visible while it grows. A count that runs meanwhile sees a part of it, so such a grant
remembers the count it began under (`epoch`), and when there was another one it asks for a new count at its end.
"""

from dataclasses import dataclass
from typing import Protocol

from ftpserver.quota.base import LedgerFault, Limits, Loan, QuotaExceeded, Usage
from ftpserver.quota.books import Against, Books
from ftpserver.storage.base import Identity

SURPLUS = 8 * 1024 * 1024
FIRST_SURPLUS = 64 * 1024
MARGIN = 64  # a surplus is taken only where 64 times as much is free


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a reservation asked for: more bytes and entries; `own` bytes of what is in use are the asker's already."""

    bytes: int
    files: int
    own: int = 0

    def refused_by(
        self, used: Usage, bytes: int | None, files: int | None, pool: str | None
    ) -> QuotaExceeded | None:
        """Why it does not fit in a quota of `bytes` and `files`; None when it does."""
        if files is not None and self.files > 0:
            free = max(0, files - used.files - used.reserved_files)
            if free < self.files:
                return QuotaExceeded("files", self.files, free, files, pool)
        if bytes is not None and self.bytes > 0:
            free = max(0, bytes - used.bytes - used.reserved_bytes)
            if free < self.bytes:
                return QuotaExceeded("bytes", self.bytes + self.own, free + self.own, bytes, pool)
        return None


def refusal(against: Against, limits: Limits, wanted: Wanted) -> QuotaExceeded:
    """Why it did not fit. Raises LedgerFault when it would have."""
    why = wanted.refused_by(against.home, limits.bytes, limits.files, None)
    if why is None and against.pool is not None:
        why = wanted.refused_by(against.pool, limits.pool_bytes, limits.pool_files, limits.pool)
    if why is None:
        raise LedgerFault("the ledger does not take a reservation that fits")
    return why


class HasLimits(Protocol):
    """Whoever knows the limits that hold now; they may change while a grant lives."""

    limits: Limits


class SqliteGrant:
    """A reservation; its methods are those of quota.base.Grant."""

    __slots__ = (
        "_books",
        "_credit",
        "_epoch",
        "_files",
        "_holder",
        "_in_doubt",
        "_offered",
        "_open",
        "_pinned",
        "_proven",
        "_reserved",
        "_spent",
        "loan",
    )

    def __init__(
        self,
        books: Books,
        holder: HasLimits,
        bytes: int,
        files: int,
        surplus: int = 0,
        offered: Loan | None = None,
        proven: bool = True,
    ) -> None:
        """A grant over `bytes` + `surplus` and `files` that the books already hold for it.

        `proven`: they were written for it, so that it is known that they can be.
        """
        self._books = books
        self._holder = holder
        self._files = files
        self._pinned = bytes  # promised whether the bytes come or not (ALLO)
        self._reserved = bytes + surplus
        self._credit = 0  # bytes lent
        self._spent = 0  # growth asked for so far
        self._epoch: int | None = None
        self._open = True
        self._in_doubt = False  # its end could not be written
        self._offered = offered  # may be borrowed
        self._proven = proven
        self.loan: Loan | None = None
        with books.database.exclusive:
            books.grants.add(self)

    def grow_in_place(self) -> None:
        """Remember which count of the home this change in place began under. Raises LedgerFault."""
        with self._books.database.writing:
            epoch = self._books.epoch()
            self._books.grow(1)
        self._epoch = epoch

    def assure(self) -> None:
        """See quota.base.Grant. Another program may have locked the file; whether a disk is full it cannot tell."""
        with self._books.database.exclusive:  # a thread that calls surplus back would take the loan
            self._offered = None
            if not self._proven:
                with self._books.database.writing:
                    pass
                self._proven = True

    @property
    def covers_all(self) -> bool:
        """See quota.base.Grant."""
        return self.loan is None and self._files > 0

    def borrow(self, loan: Loan) -> None:
        """Take the loan, unless another upload has it. Raises LedgerFault."""
        with self._books.database.writing:
            self._borrow(loan)

    def _borrow(self, loan: Loan) -> None:
        books = self._books
        self._offered = None
        taken = books.database.execute(
            "INSERT OR IGNORE INTO loan (home, device, inode, process, bytes) VALUES (?, ?, ?, ?, ?)",
            (books.home, loan.identity.device, loan.identity.inode, books.process, loan.bytes),
        ).rowcount
        if taken:
            self.loan = loan
            self._credit = loan.bytes

    def extend(self, total: int) -> None:
        """See quota.base.Grant."""
        books, limits = self._books, self._holder.limits
        with books.database.exclusive:
            if books.database.closed:
                raise LedgerFault("the ledger that granted it is lost")
            before, self._spent = self._spent, total
            missing = total - self._credit - self._reserved
            if missing <= 0:
                return
            try:
                if books.reserve(missing + SURPLUS, 0, limits, margin=SURPLUS * MARGIN):
                    self._reserved += missing + SURPLUS
                    return
                if self._offered is not None:
                    self.borrow(self._offered)
                    missing -= self._credit
                if missing > 0:
                    self._take(missing, 0)
            except BaseException:
                self._spent = before
                raise

    def _take(self, bytes: int, files: int) -> None:
        """Reserve more for this grant, as little as it needs. Raises QuotaExceeded, Uncounted, LedgerFault."""
        books, limits = self._books, self._holder.limits
        if not books.reserve(bytes, files, limits):
            against = books.reserve_with_effort(bytes, files, limits)
            if against is not None:
                raise refusal(against, limits, Wanted(bytes, files, own=self._reserved + self._credit))
        self._reserved += bytes
        self._files += files

    def trim(self) -> int:
        """Within a transaction: take the loan that is offered, and give up what is reserved beyond the need.

        Returns how many bytes the caller must give back.
        """
        if self._in_doubt:
            return 0
        if self._offered is not None:
            self._borrow(self._offered)
        surplus = max(0, self._reserved - max(self._pinned, self._spent - self._credit))
        self._reserved -= surplus
        return surplus

    def forfeit_loan(self, files: int = 0) -> None:
        """See quota.base.Grant."""
        with self._books.database.exclusive:
            if self.loan is None:
                if files > self._files:
                    self._take(0, files - self._files)
                return
            held = self._held_for_loan(self.loan)
            more = max(0, files - self._files - (held - 1 if held else 0))
            if held:  # the lent file is gone and its bytes may be spent
                if more:
                    self._take(0, more)
                return
            self._credit = 0
            missing = max(0, self._spent - self._reserved)
            if missing or more:
                self._take(missing, more)
            with self._books.database.writing:
                self._return_loan()
            self.loan = None

    def _held_for_loan(self, loan: Loan) -> int:
        """What was made of the loan: 0 nothing, 1 its bytes are held for this grant, 2 its entry too."""
        row = self._books.database.execute(
            "SELECT converted FROM loan WHERE home = ? AND device = ? AND inode = ?",
            (self._books.home, loan.identity.device, loan.identity.inode),
        ).fetchone()
        return row[0] if row is not None else 0

    def _return_loan(self) -> None:
        """Within a transaction: the loan ends, and what was held for it when its file vanished is given back."""
        if self.loan is None:
            return
        books, identity = self._books, self.loan.identity
        row = books.database.execute(
            "DELETE FROM loan WHERE home = ? AND device = ? AND inode = ? AND process = ?"
            " RETURNING bytes, converted",
            (books.home, identity.device, identity.inode, books.process),
        ).fetchone()
        if row is not None and row[1]:
            books.hold(-row[0], 1 - row[1])

    def settle(self, bytes: int, files: int, removed: Identity | None = None) -> None:
        """See quota.base.Grant."""
        books = self._books
        with books.database.exclusive:
            if self._settle_beside(bytes, files, removed):
                return
            try:
                with books.database.writing:
                    self._give_back()
                    if self._epoch is not None and self._epoch != books.epoch():
                        books.distrust()
                    else:
                        books.book(bytes, files)
                    if removed is not None:
                        books.convert_loan(removed, entry=files < 0)
            except BaseException:
                self._doubt()
                raise
            self._end()

    def _settle_beside(self, bytes: int, files: int, removed: Identity | None) -> bool:
        """Book it in one statement and keep what was held in stock, where there is plenty. Raises LedgerFault."""
        books, limits = self._books, self._holder.limits
        whole = (self._reserved, self._files)
        if (
            not books.stocked
            or limits.pool is not None
            or self.loan is not None
            or self._epoch is not None
            or self._in_doubt
        ):
            return False
        if not (self._reserved or self._files) or books.stock.room(*whole) != whole:
            return False
        try:
            if not books.book_beside(bytes, files, limits, removed):
                return False
        except BaseException:
            self._doubt()
            raise
        books.stock.put(*whole)
        self._end()
        return True

    def settle_unknown(self) -> None:
        """See quota.base.Grant."""
        with self._books.database.exclusive:
            if not self._open:
                return
            try:
                with self._books.database.writing:
                    self._books.distrust()
                    self._give_back()
            except BaseException:
                self._doubt()
                raise
            self._end()

    def release(self) -> None:
        """See quota.base.Grant."""
        with self._books.database.exclusive:
            if not self._open or self._in_doubt:
                return
            if self.loan is not None or self._reserved or self._files or self._epoch is not None:
                try:
                    with self._books.database.writing:
                        self._give_back()
                except BaseException:
                    self._doubt()
                    raise
            self._end()

    def _give_back(self) -> None:
        """Within a transaction: nothing is held for this grant any more."""
        self._return_loan()
        if self._epoch is not None:
            self._books.grow(-1)
        if self._reserved or self._files:
            self._books.hold(-self._reserved, -self._files)

    def _doubt(self) -> None:
        """The end was not written: what is held stays held, and the books try again before they give any room."""
        self._books.booked = None
        if not self._in_doubt:
            self._in_doubt = True
            self._books.unsettled.append(self)

    def _end(self) -> None:
        self._open = False
        self.loan = None
        self._offered = None
        self._credit = 0
        self._reserved = 0
        self._files = 0
        self._books.grants.discard(self)

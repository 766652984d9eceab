"""Which homes draw on which pool, in the ledger.

Theory. What a pool has used is the sum of its homes. Triggers of the database keep it (schema.py), in the very
statement that changes a home, so it costs the same however many the homes are, and nobody can forget it; it is summed
up anew when the service starts.

All homes of a pool must be known before it gives room: those whose users never logged in, too. The *roll* of a pool is
the list of them as the account files say (accounts/members.py). Whoever has read the files calls the roll here, and
`called` says that this was done since the first process of the service opened the ledger. A pool that was not called,
or with a home that must be counted, gives nothing: Uncounted (books.py).

A home draws on one pool at most. Where accounts of several groups share a home, it stays in the pool where it is,
and a change under another group's account takes it over to that group. Homes that nobody claims leave their pool,
but not while some account file could not be read.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from ftpserver.quota.database import Database

_HOMES_A_TRANSACTION = 500  # all writers wait for one; this is some milliseconds
_PUT = "INSERT INTO usage (path, pool) VALUES (?, ?) ON CONFLICT (path) DO UPDATE SET pool = excluded.pool"
_POOL = "INSERT OR IGNORE INTO pool (name) VALUES (?)"
_CALLED = "UPDATE pool SET called = 1 WHERE name = ?"
_TIDY = "DELETE FROM pool WHERE NOT called AND NOT EXISTS (SELECT 1 FROM usage WHERE usage.pool = pool.name)"
_SUM_UP = """
INSERT INTO pool (name, bytes, files, uncounted)
SELECT pool, sum(bytes), sum(files), sum(NOT counted) FROM usage WHERE pool IS NOT NULL GROUP BY pool
"""


class PoolBooks:
    """The rolls of all pools."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def called(self, pool: str) -> bool:
        """Whether all homes of this pool are known. Raises LedgerFault."""
        return bool(self._rows("SELECT 1 FROM pool WHERE name = ? AND called", (pool,)))

    def names(self) -> set[str]:
        """The pools whose homes are known. Raises LedgerFault."""
        return {row[0] for row in self._rows("SELECT name FROM pool WHERE called")}

    def call(self, rolls: Mapping[str, Collection[str]], complete: bool = True) -> int:
        """These are all pools, and these their homes; returns how many homes came, went or moved. Raises LedgerFault.

        When it is not `complete` no home leaves a pool but for another one.
        """
        booked: dict[str, str] = dict(self._rows("SELECT path, pool FROM usage WHERE pool IS NOT NULL"))
        wanted: dict[str, str] = {}
        for pool in sorted(rolls):
            for path in rolls[pool]:
                if path not in wanted or booked.get(path) == pool:
                    wanted[path] = pool
        changes: list[tuple[str, str | None]] = [
            (path, pool) for path, pool in wanted.items() if booked.get(path) != pool
        ]
        if complete:
            changes += [(path, None) for path in booked if path not in wanted]
        known = self.names() == set(rolls)
        if not known:
            self._write((_POOL, [(pool,) for pool in rolls]))
        for batch in _batches(changes):
            self._write((_PUT, batch))
        if not known:
            called = [(pool,) for pool in rolls]
            self._write(("UPDATE pool SET called = 0", [()]), (_CALLED, called), (_TIDY, [()]))
        return len(changes)

    def _write(self, *statements: tuple[str, Iterable[tuple[str | None, ...]]]) -> None:
        """One transaction of statements, each for many values."""
        with self._database.writing:
            for statement, many in statements:
                for values in many:
                    self._database.execute(statement, values)

    def uncounted(self, pool: str | None = None) -> list[str]:
        """The homes of a pool, or of all, that must be counted before it gives room. Raises LedgerFault."""
        where = "pool = ?" if pool is not None else "pool IS NOT NULL"
        rows = self._rows(
            f"SELECT path FROM usage WHERE {where} AND NOT counted", (pool,) if pool is not None else ()
        )
        return [row[0] for row in rows]

    def _rows(self, query: str, values: tuple[str, ...] = ()) -> list[Any]:
        return self._database.read(query, values)


def forget_rolls(execute: Callable[[str], object]) -> None:
    """Within a transaction: the account files may have changed while nobody looked. The sums are made anew."""
    execute("DELETE FROM pool")
    execute(_SUM_UP)


def _batches(changes: Iterable[tuple[str, str | None]]) -> Iterator[list[tuple[str, str | None]]]:
    remaining = iter(changes)
    while batch := list(islice(remaining, _HOMES_A_TRANSACTION)):
        yield batch

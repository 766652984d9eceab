"""Failed logins and bans in the presence file: they count over all processes and outlive a restart.

The functions are what can be done with the file; `ftpserver ban` uses them directly. `SharedMemory` is the throttle's
memory on top of them: as long as there is neither a failure nor a ban, a login costs one look at SQLite's change
counter. When the file cannot be used, each process remembers for itself.

Times are seconds of the epoch, as they have to mean the same after a restart.
"""

import math
from dataclasses import dataclass
from functools import partial

from ftpserver.auth.memory import Key, OwnMemory
from ftpserver.state.database import Database
from ftpserver.state.presence import Presence

FOREVER = math.inf
TOO_MANY = "too many failed logins"

_CAPACITY = 50_000  # failures, and bans that came from them
_NAME_BYTES = 256  # no account's name is longer; what is longer shares a ban
_ANY_NAME = b""


@dataclass(frozen=True, slots=True)
class Ban:
    """Who is shut out (an address or a /64, "" is anywhere; a name, None is any), until when, and why."""

    address: str
    name: str | None
    until: float
    why: str


def _stored(name: str | None) -> bytes:
    return _ANY_NAME if name is None else b"=" + name.encode("utf-8", "surrogateescape")[:_NAME_BYTES]


def _name(stored: bytes) -> str | None:
    return None if stored == _ANY_NAME else stored[1:].decode("utf-8", "surrogateescape")


def banned_until(database: Database, keys: tuple[Key, ...], now: float) -> float:
    """The end of the longest ban on one of these, 0.0 when there is none. Raises sqlite3.Error."""
    latest = 0.0
    for address, name in keys:
        row = database.execute(
            "SELECT until FROM ban WHERE address = ? AND name = ?", (address, _stored(name))
        ).fetchone()
        if row is not None and row[0] > now:
            latest = max(latest, row[0])
    return latest


def count_failure(
    database: Database, key: Key, now: float, within: float, allowed: int, until: float
) -> bool:
    """Count a failure; the last that is allowed is a ban. Returns whether it was. Raises PresenceFault."""
    execute, stored = database.execute, (key[0], _stored(key[1]))
    with database.writing:
        execute("INSERT INTO attempt (address, name, at) VALUES (?, ?, ?)", (*stored, now))
        found: int = execute(
            "SELECT count(*) FROM attempt WHERE address = ? AND name = ? AND at >= ?", (*stored, now - within)
        ).fetchone()[0]
        if found < allowed:
            execute("DELETE FROM attempt WHERE id <= (SELECT max(id) FROM attempt) - ?", (_CAPACITY,))
            return False
        execute("DELETE FROM attempt WHERE address = ? AND name = ?", stored)
        _write(database, Ban(*key, until, TOO_MANY))
        execute(
            "DELETE FROM ban WHERE id <= (SELECT max(id) FROM ban) - ? AND why = ?", (_CAPACITY, TOO_MANY)
        )
    return True


def _write(database: Database, ban: Ban) -> None:
    # A person's ban is not shortened by what the throttle finds.
    database.execute(
        "INSERT INTO ban (address, name, until, why) VALUES (?, ?, ?, ?) ON CONFLICT (address, name)"
        " DO UPDATE SET until = excluded.until, why = excluded.why WHERE why = ? OR excluded.why <> ?",
        (ban.address, _stored(ban.name), ban.until, ban.why, TOO_MANY, TOO_MANY),
    )


def forget_failures(database: Database, key: Key) -> None:
    """Forget the failures of a key, if there are any. Raises PresenceFault, sqlite3.Error."""
    stored = (key[0], _stored(key[1]))
    if database.execute("SELECT 1 FROM attempt WHERE address = ? AND name = ?", stored).fetchone():
        with database.writing:
            database.execute("DELETE FROM attempt WHERE address = ? AND name = ?", stored)


def forget_the_past(database: Database, now: float, within: float) -> None:
    """Remove bans that are over and failures that count no more. Raises PresenceFault, sqlite3.Error."""
    over = "SELECT EXISTS (SELECT 1 FROM ban WHERE until <= ?) OR EXISTS (SELECT 1 FROM attempt WHERE at < ?)"
    if database.execute(over, (now, now - within)).fetchone()[0]:
        with database.writing:
            database.execute("DELETE FROM ban WHERE until <= ?", (now,))
            database.execute("DELETE FROM attempt WHERE at < ?", (now - within,))


def add(database: Database, ban: Ban) -> None:
    """Shut somebody out. Raises PresenceFault."""
    with database.writing:
        _write(database, ban)


def remove(database: Database, address: str, name: str | None) -> bool:
    """Let somebody in again, his failures forgotten; returns whether he was shut out. Raises PresenceFault."""
    stored = (address, _stored(name))
    with database.writing:
        database.execute("DELETE FROM attempt WHERE address = ? AND name = ?", stored)
        return database.execute("DELETE FROM ban WHERE address = ? AND name = ?", stored).rowcount > 0


def bans(database: Database, now: float) -> list[Ban]:
    """Everybody who is shut out, by address and name. Raises sqlite3.Error."""
    found = database.execute(
        "SELECT address, name, until, why FROM ban WHERE until > ? ORDER BY address, name", (now,)
    ).fetchall()
    return [Ban(address, _name(name), until, why) for address, name, until, why in found]


class SharedMemory:
    """The throttle's memory in the presence file; see ftpserver.auth.memory.Memory."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._own = OwnMemory()
        self._seen: tuple[Database, int] | None = None
        self._bans = self._attempts = True

    def banned_until(self, keys: tuple[Key, ...], now: float) -> float:
        """See Memory."""
        latest = self._presence.use(partial(self._banned_until, keys, now), 0.0)
        return max(latest, self._own.banned_until(keys, now))

    def _banned_until(self, keys: tuple[Key, ...], now: float, database: Database) -> float:
        self._look(database)
        return banned_until(database, keys, now) if self._bans else 0.0

    def _look(self, database: Database) -> None:
        """See whether there is anything, if another process has written since."""
        seen = (database, database.execute("PRAGMA data_version").fetchone()[0])
        if seen != self._seen:
            self._seen = seen
            self._bans, self._attempts = database.execute(
                "SELECT EXISTS (SELECT 1 FROM ban), EXISTS (SELECT 1 FROM attempt)"
            ).fetchone()

    def failed(self, key: Key, now: float, within: float, allowed: int, until: float) -> bool:
        """See Memory."""
        self._seen = None
        count = partial(count_failure, key=key, now=now, within=within, allowed=allowed, until=until)
        banned = self._presence.use(count, None)
        return self._own.failed(key, now, within, allowed, until) if banned is None else banned

    def succeeded(self, key: Key) -> None:
        """See Memory."""
        self._own.succeeded(key)
        if self._attempts:
            self._presence.use(partial(forget_failures, key=key), None)

    def tidy(self, now: float, within: float) -> None:
        """See Memory."""
        if self._bans or self._attempts:
            self._presence.use(partial(forget_the_past, now=now, within=within), None)
            self._seen = None

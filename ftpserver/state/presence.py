"""Who is here and who is shut out, counted over all processes: the file state/presence.sqlite3.

Sessions are counted in it by user and by address, and only where a limit asks for it: a process that admits one more
writes how many it has, in the transaction in which it looks how many the others have, so that the limit holds exactly.
Rows of dead processes are void (ftpserver/state/liveness.py). Failed logins and bans stand in the same file
(ftpserver/auth/bans.py), so that they hold for every process and after a restart.

The file is a comfort, not a ledger: nobody is kept out because it cannot be used. A fault is logged once, each process
goes on with what it knows itself, and from time to time `mend` tries to have the file again.
"""

import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from ftpserver.state.database import Database
from ftpserver.state.liveness import Lifeline

logger = logging.getLogger(__name__)

Kind = Literal["user", "address"]
T = TypeVar("T")

SCHEMA = """
CREATE TABLE IF NOT EXISTS presence (           -- the sessions of a user or an address in one process
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    token TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    PRIMARY KEY (kind, name, token)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (            -- a failed login
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    name BLOB NOT NULL,
    at REAL NOT NULL                            -- seconds of the epoch
);
CREATE INDEX IF NOT EXISTS attempt_by_key ON attempt (address, name, at);
CREATE INDEX IF NOT EXISTS attempt_by_time ON attempt (at);
CREATE TABLE IF NOT EXISTS ban (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    name BLOB NOT NULL,
    until REAL NOT NULL,
    why TEXT NOT NULL,
    UNIQUE (address, name)
);
"""


class PresenceFault(Exception):
    """The presence file cannot be read or written."""


def open_presence(state: Path) -> Database:
    """The presence file of this state directory. Raises PresenceFault."""
    return Database(state, "presence", SCHEMA, PresenceFault, "failed logins and bans are forgotten")


class Presence:
    """A process's use of the presence file; its methods may be called from any thread and raise nothing."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._lock = threading.RLock()
        self._database: Database | None = None
        self._lifeline: Lifeline | None = None
        self._complained = False
        self.mend()

    def use(self, work: Callable[[Database], T], otherwise: T) -> T:
        """What `work` makes of the file, or `otherwise` when there is none that can be used."""
        with self._lock:
            database = self._database
            if database is None:
                return otherwise
            try:
                return work(database)
            except (PresenceFault, sqlite3.Error, OSError) as fault:
                self._database = None
                with contextlib.suppress(sqlite3.Error, OSError):
                    database.close()
                self._complain(fault)
                return otherwise

    def _complain(self, fault: Exception) -> None:
        if not self._complained:
            self._complained = True
            logger.error("limits and bans are kept by each process alone, as their file fails: %s", fault)

    def mend(self) -> None:
        """Open the file if it is not open, or another one now. It may wait for the disk: call it on a thread."""
        with self._lock:
            if self._database is not None:
                if self._database.sound:
                    return
                self._database.close()  # it was removed, or replaced
                self._database = None
        try:
            database = open_presence(self._state)
        except PresenceFault as fault:
            self._complain(fault)
            return
        with self._lock:
            self._database = database
        if self._complained:
            self._complained = False
            logger.info("limits and bans hold for all processes again")

    # Sessions ---------------------------------------------------------------------------------------------------

    def claim(self, kind: Kind, name: str, here: int, most: int) -> int | None:
        """Write that this process has `here` sessions of `name`, one more than before.

        But when there were `most` of them already, write nothing and return how many.
        """
        found = self.use(partial(self._claim, kind, name, here, most), None)
        if found is not None and self.void_the_dead():
            found = self.use(partial(self._claim, kind, name, here, most), None)
        return found

    def _claim(self, kind: Kind, name: str, here: int, most: int, database: Database) -> int | None:
        token = self._token()
        with database.writing:
            others: int = database.execute(
                "SELECT coalesce(sum(sessions), 0) FROM presence WHERE kind = ? AND name = ? AND token <> ?",
                (kind, name, token),
            ).fetchone()[0]
            if others + here > most:
                return others + here - 1
            database.execute("INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?)", (kind, name, token, here))
        return None

    def tell(self, kind: Kind, name: str, here: int) -> None:
        """Write that this process has `here` sessions of `name`."""
        self.use(partial(self._tell, kind, name, here), None)

    def _tell(self, kind: Kind, name: str, here: int, database: Database) -> None:
        token = self._token()
        with database.writing:
            if here:
                statement = "INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?)"
                database.execute(statement, (kind, name, token, here))
            else:
                statement = "DELETE FROM presence WHERE kind = ? AND name = ? AND token = ?"
                database.execute(statement, (kind, name, token))

    def _token(self) -> str:
        if self._lifeline is None:
            self._lifeline = Lifeline(self._state)
        return self._lifeline.token

    def void_the_dead(self) -> int:
        """Forget the sessions of processes that died; returns how many processes that were."""
        return self.use(self._void_the_dead, 0)

    def _void_the_dead(self, database: Database) -> int:
        tokens = [row[0] for row in database.execute("SELECT DISTINCT token FROM presence").fetchall()]
        if not tokens:
            return 0
        self._token()
        assert self._lifeline is not None
        dead = [token for token in tokens if not self._lifeline.alive(token)]
        for token in dead:
            with database.writing:
                database.execute("DELETE FROM presence WHERE token = ?", (token,))
            self._lifeline.bury(token)
        return len(dead)

    # Upkeep -----------------------------------------------------------------------------------------------------

    def checkpoint(self) -> None:
        """Write the log into the file; call it on a thread."""
        database = self._database
        if database is not None:
            database.checkpoint()

    def close(self) -> None:
        """A clean end."""
        if self._lifeline is not None:
            self.use(partial(self._forget, self._lifeline.token), None)
            with contextlib.suppress(OSError):
                self._lifeline.close()
            self._lifeline = None
        with self._lock:
            database, self._database = self._database, None
        if database is not None:
            database.checkpoint()
            database.close()

    @staticmethod
    def _forget(token: str, database: Database) -> None:
        with database.writing:
            database.execute("DELETE FROM presence WHERE token = ?", (token,))


class Crowd:
    """How many sessions each user, or each address, has; with the other processes' where a limit asks for it."""

    def __init__(self, kind: Kind, presence: Presence | None = None) -> None:
        """Without `presence` this process is the only one."""
        self._kind = kind
        self._presence = presence
        self._told: set[str] = set()
        self.here: dict[str, int] = {}
        """The sessions of this process, by name."""

    def enter(self, name: str, most: int) -> int | None:
        """Count one more; or return how many there are, when that is `most` (0: no limit) or more."""
        here = self.here.get(name, 0) + 1
        if most:
            if here > most:
                return here - 1
            if self._presence is not None:
                found = self._presence.claim(self._kind, name, here, most)
                if found is not None:
                    return found
                self._told.add(name)
        elif self._presence is not None and name in self._told:
            self._presence.tell(self._kind, name, here)
        self.here[name] = here
        return None

    def leave(self, name: str) -> None:
        """Count one less."""
        here = self.here[name] - 1
        if here > 0:
            self.here[name] = here
        else:
            del self.here[name]
        if self._presence is not None and name in self._told:
            self._presence.tell(self._kind, name, here)
            if not here:
                self._told.discard(name)

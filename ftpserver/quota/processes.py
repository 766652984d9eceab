"""Which processes hold reservations, and which of them are dead.

Each process that opens the ledger keeps a lock that ends with it (state/liveness.py) and a row. Whoever finds a
row without a living lock voids it: its reservations and loans vanish and the homes it had touched are counted before
their next change. The lock is taken before the row is written, so a row always has a lock to look for.
"""

import logging
from pathlib import Path

from ftpserver.quota.database import Database
from ftpserver.quota.pools import forget_rolls
from ftpserver.state.liveness import Lifeline

logger = logging.getLogger(__name__)

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class ProcessRegister:
    """This process's place among those that share the ledger."""

    def __init__(self, database: Database, state: Path) -> None:
        """Register this process. Raises LedgerFault or OSError."""
        self._database = database
        self._lifeline = Lifeline(state)
        try:
            self.void_the_dead()
            self._begin()
        except BaseException:
            self._lifeline.close()
            raise

    def _begin(self) -> None:
        """Write the row; the first process after an unclean stop under another boot distrusts every count."""
        execute = self._database.execute
        execute("PRAGMA synchronous=FULL")
        boot = _boot_id()
        with self._database.writing:
            meta = dict(execute("SELECT key, value FROM meta").fetchall())
            alone = execute("SELECT count(*) FROM process").fetchone()[0] == 0
            if alone and meta.get("clean") == "no" and meta.get("boot") != boot:
                logger.warning(
                    "the machine stopped without warning: every home is counted before its next change"
                )
                execute("UPDATE usage SET counted = 0")
            if self._database.replaced:
                logger.warning("the quota ledger was replaced: every home is counted before its next change")
                execute("UPDATE usage SET counted = 0")
            if alone:
                forget_rolls(execute)
            execute("INSERT OR REPLACE INTO meta VALUES ('boot', ?), ('clean', 'no')", (boot,))
            self.id: int = execute(
                "INSERT INTO process (token) VALUES (?) RETURNING id", (self._lifeline.token,)
            ).fetchone()[0]
        execute("PRAGMA synchronous=NORMAL")

    def void_the_dead(self) -> int:
        """Void the reservations of processes that died; returns how many there were."""
        rows = self._database.read("SELECT id, token FROM process")
        dead = [row for row in rows if not self._lifeline.alive(row[1])]
        for process, token in dead:
            self._void(process)
            self._lifeline.bury(token)
        return len(dead)

    def _void(self, process: int) -> None:
        execute = self._database.execute
        with self._database.writing:
            touched = execute(
                # A new sequence too: a count that is under way may have passed what the dead one did last.
                "UPDATE usage SET counted = 0, sequence = sequence + 1"
                " WHERE home IN (SELECT home FROM holding WHERE process = ?)",
                (process,),
            ).rowcount
            execute("DELETE FROM holding WHERE process = ?", (process,))
            execute("DELETE FROM loan WHERE process = ?", (process,))
            execute("DELETE FROM growing WHERE process = ?", (process,))
            execute("DELETE FROM stock WHERE process = ?", (process,))
            execute("DELETE FROM process WHERE id = ?", (process,))
        logger.warning(
            "process %d of the service died; %d homes are counted before their next change", process, touched
        )

    def leave(self) -> None:
        """A clean end: the row goes, and with the last one the ledger is marked clean on the disk."""
        try:
            self._write_off()
        finally:
            self._lifeline.close()

    def _write_off(self) -> None:
        execute = self._database.execute
        execute("PRAGMA synchronous=FULL")
        with self._database.writing:
            execute("DELETE FROM holding WHERE process = ? AND bytes = 0 AND files = 0", (self.id,))
            if not execute("SELECT count(*) FROM holding WHERE process = ?", (self.id,)).fetchone()[0]:
                execute("DELETE FROM process WHERE id = ?", (self.id,))
            if not execute("SELECT count(*) FROM process").fetchone()[0]:
                execute("UPDATE meta SET value = 'yes' WHERE key = 'clean'")


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"

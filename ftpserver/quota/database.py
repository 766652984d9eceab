"""The ledger's file: the shared database of ftpserver/state/database.py with the ledger's tables.

A start after an unclean stop under another boot id marks every home as uncounted (processes.py), as a power cut may
lose the last transactions. Nothing is lost with a corrupt file but the counts, which are counted again: the limits
live in the account files.
"""

from pathlib import Path

from ftpserver.quota.base import LedgerFault
from ftpserver.quota.schema import SCHEMA
from ftpserver.state import database

FILE_NAME = "ledger.sqlite3"
LOCK_NAME = "ledger.lock"
USERS_NAME = "ledger.users"


class Database(database.Database):
    """A process's connection to the ledger; SQLite's errors come out as LedgerFault."""

    def __init__(self, state: Path) -> None:
        """Open or create the ledger in the directory `state`. Raises LedgerFault."""
        super().__init__(state, "ledger", SCHEMA, LedgerFault, "every home is counted again")

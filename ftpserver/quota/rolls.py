"""The rolls of the pools, called from the account files: who does it, and when.

A roll is called before a pool gives room for the first time (`ensure`, on the thread where the asker's home is
counted), and again when the account files have changed (`renew`, from time to time, service/rollcall.py). One caller
at a time in all processes, so that an older look at the files never undoes a newer one, and several who wait for the
same pool have the files read once.
"""

import fcntl
import os
import threading
from pathlib import Path

from ftpserver.accounts.members import Members
from ftpserver.quota.base import LedgerFault, Pools

LOCK_NAME = "rolls.lock"
_PAUSE = 0.002


class Rolls:
    """The rolls of one accounts directory; its methods are for threads."""

    def __init__(self, accounts: Path, homes: Path, state: Path) -> None:
        self._members = Members(accounts, homes, self._pause)
        self._lock = state / LOCK_NAME
        self._thread_lock = threading.Lock()
        self._stopped = threading.Event()
        self._settled: object = None  # the signature of the files at the last call that needs no other

    def ensure(self, pools: Pools, pool: str) -> None:
        """Make the homes of this pool known. Raises LedgerFault, OSError."""
        if not pools.called(pool):
            with _Alone(self._thread_lock, self._lock):
                if not pools.called(pool):
                    self._call(pools, pool)

    def renew(self, pools: Pools, thoroughly: bool = False) -> int:
        """Call the rolls when the files have changed, or look at each of them; returns how many homes moved.

        Raises LedgerFault, OSError.
        """
        with _Alone(self._thread_lock, self._lock):
            signature, certain = self._members.signature()
            if not thoroughly and self._settled is not None and self._settled == signature:
                return 0
            moved, settled = self._call(pools)
            self._settled = signature if certain and settled else None
            return moved

    def stop(self) -> None:
        """End a call that is under way, with a LedgerFault."""
        self._stopped.set()

    def _call(self, pools: Pools, *also: str) -> tuple[int, bool]:
        roster = self._members.look(also)
        return pools.call(roster.pools, roster.complete), roster.settled

    def _pause(self) -> None:
        if self._stopped.wait(_PAUSE):
            raise LedgerFault("the service is stopping")


class _Alone:
    """No other thread or process calls rolls meanwhile."""

    def __init__(self, thread_lock: threading.Lock, file: Path) -> None:
        self._thread_lock = thread_lock
        self._file = file

    def __enter__(self) -> None:
        self._thread_lock.acquire()
        try:
            self._fd = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX)
            except BaseException:
                os.close(self._fd)
                raise
        except BaseException:
            self._thread_lock.release()
            raise

    def __exit__(self, *exc: object) -> None:
        os.close(self._fd)
        self._thread_lock.release()

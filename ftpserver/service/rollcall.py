"""The pools kept as the account files say, in the background.

Once a second the accounts directory and the groups are looked at (a few lstat), and when something came, went or was
replaced, every account file (an lstat each, in small steps). All account files are also looked at once a minute, as
one may have been written in place. What must be counted of the pools is counted at once, at the bounded rate of the
reconciler, so that hardly ever a user has to wait for it. One worker does this for all, on a thread of its own.
"""

import logging
import threading
import time
from collections.abc import Callable

from ftpserver.quota.base import Ledger, LedgerFault
from ftpserver.quota.rolls import Rolls

logger = logging.getLogger(__name__)

_SECONDS = 1.0
_THOROUGH_SECONDS = 60.0


class RollCall:
    """Calls the rolls of one service, again and again."""

    def __init__(
        self,
        ledger: Callable[[], Ledger],
        rolls: Rolls,
        count: Callable[[str], None],
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`ledger` gives the one that is in use; `count` counts a home, by its path, at a bounded rate."""
        self._ledger = ledger
        self._rolls = rolls
        self._count = count
        self._seconds = seconds
        self._clock = clock
        self._thorough_at = float("-inf")
        self._seen: Ledger | None = None
        self._trouble = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rollcall", daemon=True)

    def start(self) -> None:
        """Begin, on a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it; the counting must have been stopped."""
        self._stopped.set()
        self._rolls.stop()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                self.look()
                self._trouble = ""
            except (LedgerFault, OSError) as fault:
                self._complain(str(fault))
            if self._stopped.wait(self._seconds):
                return

    def _complain(self, trouble: str) -> None:
        """Once, until it is over or another one."""
        if trouble != self._trouble and not self._stopped.is_set():
            logger.error("the members of the pools cannot be told: %s", trouble)
        self._trouble = trouble

    def look(self) -> None:
        """Call the rolls if need be, and count. Raises LedgerFault, OSError."""
        ledger, now = self._ledger(), self._clock()
        thoroughly = ledger is not self._seen or now - self._thorough_at >= _THOROUGH_SECONDS
        if not self._rolls.renew(ledger.pools, thoroughly) and not thoroughly:
            return
        if thoroughly:
            self._seen, self._thorough_at = ledger, now
        for home in ledger.pools.uncounted():
            if self._stopped.is_set():
                return
            try:
                self._count(home)
            except OSError as error:
                logger.error("%s cannot be counted, so its pool gives no room: %s", home, error.strerror)

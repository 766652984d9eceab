"""The books brought into line with the disk, in the background.

Other programs put files into homes and take them away, and nobody tells the ledger. So every home that the
ledger knows is walked once in `period` seconds, at a bounded rate (`ENTRIES_A_SECOND`), on a thread of its
own; one worker does it for all. A home whose books differ is counted anew by the rules of any count: an
upload that runs keeps what was granted to it, and gets no more than then is left. A home that a crash left
uncounted is counted too.
"""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from ftpserver.log import event
from ftpserver.quota.audit import Walk, audit
from ftpserver.quota.base import Ledger, LedgerFault, Limits, Tally
from ftpserver.storage.walk import walk_home

logger = logging.getLogger(__name__)

ENTRIES_A_SECOND = 20_000


class KnowsHomes(Ledger, Protocol):
    """A ledger that can say which homes it keeps books of."""

    def homes(self) -> list[str]:
        """Their paths. Raises LedgerFault."""


class Reconciler:
    """Walks the homes of one ledger, again and again."""

    def __init__(self, ledger: Callable[[], KnowsHomes], homes: Path, state: Path, period: float) -> None:
        """`ledger` gives the one that is in use."""
        self._ledger = ledger
        self._homes = homes
        self._lock = state / "reconcile.lock"
        self._period = period
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)

    def start(self) -> None:
        """Begin, on a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._period):
            try:
                self._round_alone()
            except (LedgerFault, OSError) as fault:
                if not self._stopped.is_set():
                    logger.error("the homes cannot be reconciled: %s", fault)

    def _round_alone(self) -> None:
        """A round, unless another worker makes one."""
        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.round()
        except BlockingIOError:
            pass
        finally:
            os.close(fd)

    def round(self) -> int:
        """Walk every home once; returns how many differed. Raises LedgerFault."""
        differed = 0
        ledger = self._ledger()
        for home in ledger.homes():
            if self._stopped.is_set():
                break
            tally = ledger.open(home, Limits())
            try:
                differed += self._reconcile(home, tally)
            except OSError as error:
                logger.error("%s cannot be counted: %s", home, error.strerror)
            finally:
                tally.close()
        return differed

    def count(self, home: str) -> None:
        """Count a home unless it is counted, at the bounded rate. Raises LedgerFault, OSError."""
        tally = self._ledger().open(home, Limits())
        try:
            tally.recount(lambda: self._paced(walk_home(Path(home), self._homes)))
        finally:
            tally.close()

    def _reconcile(self, home: str, tally: Tally) -> bool:
        def walk() -> Iterator[tuple[int, int]]:
            return self._paced(walk_home(Path(home), self._homes))

        finding = audit(
            tally, walk, lambda: walk_home(Path(home), self._homes)
        )  # nobody waits for a slow walk
        if finding.booked is None:
            tally.recount(walk)
            return False
        if finding.good:
            return False
        bytes, files = finding.drift
        event(logger, logging.WARNING, "books differed from the disk", home=home, bytes=bytes, files=files)
        count_anew(tally, walk)
        return True

    def _paced(self, walk: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        for bytes, files in walk:
            yield bytes, files
            time.sleep(max(1, files) / ENTRIES_A_SECOND)
            if self._stopped.is_set():
                raise LedgerFault("the service is stopping")


def count_anew(tally: Tally, walk: Walk) -> None:
    """Distrust the books of a home and count it. Raises LedgerFault, OSError."""
    tally.distrust()
    tally.recount(walk)

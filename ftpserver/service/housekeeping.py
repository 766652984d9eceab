"""What a process does every few seconds besides serving, on a thread: the housework.

Dead processes are looked for, the logs of the state files are moved into them, a new certificate is read, host names
are looked up. And the ledger is looked after: when the one in use cannot be used any more (its file was damaged or
replaced) another is opened in its place, or one that refuses every change while there is none to be had.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path

from ftpserver.quota.base import LedgerFault
from ftpserver.quota.sqlite import Later, SqliteLedger
from ftpserver.quota.unavailable import UnavailableLedger

logger = logging.getLogger(__name__)

_SECONDS = 5.0
_LOOKUP_EVERY = 12  # rounds

AnyLedger = SqliteLedger | UnavailableLedger


def open_ledger(state: Path, later: Later) -> AnyLedger:
    """The ledger, or one that refuses every change while there is none to be had."""
    try:
        return SqliteLedger(state, later)
    except LedgerFault as fault:
        logger.error("the quota ledger cannot be used, changes are refused: %s", fault)
        return UnavailableLedger(str(fault))


class Housekeeper:
    """Keeps the house of one process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Executor,
        ledger: AnyLedger,
        reopen: Callable[[], AnyLedger],
        on_ledger: Callable[[AnyLedger], None],
        chores: Sequence[Callable[[], object]],
        look_up: Callable[[], None],
    ) -> None:
        """`on_ledger` is told of the ledger that is used from now on; `chores` are done in every round.

        `look_up` asks name servers, and so is done less often.
        """
        self._loop = loop
        self._pool = pool
        self._ledger = ledger
        self._reopen = reopen
        self._on_ledger = on_ledger
        self._chores = chores
        self._look_up = look_up
        self._one_at_a_time = threading.Lock()
        self._rounds = 0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Do the first round now, and the others by and by."""
        self._rounds += 1
        self._begin(self._rounds % _LOOKUP_EVERY == 1).add_done_callback(self._rest)

    def stop(self) -> None:
        """Begin no further round."""
        if self._timer is not None:
            self._timer.cancel()

    def hurry(self) -> None:
        """Do a whole round now, out of turn."""
        self._begin(True)

    def _begin(self, look_up: bool) -> "asyncio.Future[AnyLedger | None]":
        future = self._loop.run_in_executor(self._pool, self._work, look_up)
        future.add_done_callback(self._done)
        return future

    def _work(self, look_up: bool) -> AnyLedger | None:
        """What may block; returns another ledger when the one there was cannot be used any more."""
        with self._one_at_a_time:
            replacement = None
            if not self._ledger.sound:
                self._ledger.close()
                replacement = self._ledger = self._reopen()
            with contextlib.suppress(LedgerFault):
                self._ledger.void_the_dead()
            for chore in (self._ledger.checkpoint, *self._chores):
                _do(chore)
        if look_up:
            _do(self._look_up)
        return replacement

    def _done(self, future: "asyncio.Future[AnyLedger | None]") -> None:
        if future.cancelled():
            return
        if future.exception() is not None:
            logger.error("housekeeping failed: %s", future.exception())
            return
        replacement = future.result()
        if replacement is None:
            return
        if replacement.sound:
            logger.warning("the quota ledger can be used again; homes are counted before their next change")
        self._on_ledger(replacement)

    def _rest(self, future: "asyncio.Future[AnyLedger | None]") -> None:
        self._timer = self._loop.call_later(_SECONDS, self.start)


def _do(chore: Callable[[], object]) -> None:
    """One that fails keeps nobody from the others, nor from a new ledger."""
    try:
        chore()
    except Exception as error:
        logger.error("housekeeping failed: %s", error)

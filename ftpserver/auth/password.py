"""Passwords against bcrypt hashes, on a small pool of threads.

bcrypt costs a quarter of a second of a core, by design. So it runs on threads (it releases the interpreter lock),
never more of them than cores, at a lower priority than the loop, and with a bounded queue: a flood of logins waits
for itself, not the other users for it.

Passwords are bytes. bcrypt takes 72 of them and no NUL, and the library raises beyond that; such a password can be
nobody's, but it must cost the same as a wrong one. So must an unknown name: it is checked against a decoy that nothing
matches, of the cost that the last real hash had.
"""

import asyncio
import contextlib
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import bcrypt

logger = logging.getLogger(__name__)

MAX_PASSWORD = 72
MAX_WAITING = 256
_NICENESS = 10
_DEFAULT_COST = 12


class TooBusy(Exception):
    """More logins wait for their check than is sensible."""


class PasswordChecker:
    """A bounded pool that compares passwords with hashes."""

    def __init__(self, threads: int | None = None, max_waiting: int = MAX_WAITING) -> None:
        self._pool = ThreadPoolExecutor(
            threads or os.cpu_count() or 1, thread_name_prefix="bcrypt", initializer=_lower_priority
        )
        self._max_waiting = max_waiting
        self._waiting = 0
        self._decoys: dict[int, bytes] = {}
        self._usual_cost = _DEFAULT_COST

    async def matches(self, password: bytes, hashed: str | None) -> bool:
        """Whether the password is the hash's; None (nobody's hash) costs the same and is False. Raises TooBusy."""
        if self._waiting >= self._max_waiting:
            raise TooBusy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._check, password, hashed)
        finally:
            self._waiting -= 1

    def _check(self, password: bytes, hashed: str | None) -> bool:
        if hashed is not None and len(password) <= MAX_PASSWORD and b"\0" not in password:
            try:
                right = bcrypt.checkpw(password, hashed.encode())
            except ValueError:  # a hash that only looks like one
                logger.error("a password hash cannot be used")
            else:
                self._usual_cost = int(hashed[4:6])
                return right
        bcrypt.checkpw(b"decoy", self._decoy())
        return False

    def _decoy(self) -> bytes:
        cost = self._usual_cost
        if cost not in self._decoys:
            self._decoys[cost] = bcrypt.hashpw(os.urandom(16).hex().encode(), bcrypt.gensalt(cost))
        return self._decoys[cost]

    def prepare(self) -> None:
        """Make the decoy before the first stranger comes, so that he costs one check and not two."""
        self._pool.submit(self._decoy)

    def close(self) -> None:
        """End the threads; checks that have not begun are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _lower_priority() -> None:
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)

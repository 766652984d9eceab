"""Waiting for homes: one thread a home, however many wait for it.

A home that is being counted, or changed by another process, may keep its users waiting for long. If each of them held a
thread, a few impatient ones would hold them all and everybody else's work would stand still. So all who wait for
the same home share one wait, on threads that do nothing else; who is not served after it waits again.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_THREADS = 32


class Patience:
    """The waits of one process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="waiting")
        self._waits: dict[str, asyncio.Future[None]] = {}

    def wait(self, home: str, work: Callable[[], None]) -> "asyncio.Future[None]":
        """Done when the home may be tried again; `work` waits, or counts, unless somebody does it already.

        The future is one's own: to cancel it disturbs nobody.
        """
        shared = self._waits.get(home)
        if shared is None:
            return asyncio.shield(self._begin(home, work))
        return self._loop.create_task(self._share(shared, home, work))

    def _begin(self, home: str, work: Callable[[], None]) -> "asyncio.Future[None]":
        begun = self._waits[home] = self._loop.run_in_executor(self._pool, work)
        begun.add_done_callback(lambda done: self._waits.pop(home, None))
        return begun

    async def _share(self, shared: "asyncio.Future[None]", home: str, work: Callable[[], None]) -> None:
        """Wait with another session; its wait may fail because it has ended, so then there is one of our own."""
        try:
            await asyncio.shield(shared)
        except Exception:
            await asyncio.shield(self._waits.get(home) or self._begin(home, work))

    def close(self) -> None:
        """The service ends; waits that have not begun are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

"""Turns on the threads of commands that work long: half of them at most for one user.

A hash or a copy holds its thread for as long as a file is large. If threads were given to whoever comes, a user with as
many sessions as there are threads would hold them all, and everybody else's commands would wait for him. So those of
one account beyond half of the threads wait for his own to end, and hold no thread meanwhile. The share is of a process.

When a session ends its work ends too, at its next step (home.py): its thread is free soon, and a service that stops is
not kept by it.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from ftpserver.session import Session

T = TypeVar("T")


@dataclass(slots=True)
class _Share:
    """One user's: his turns, and how many have one or wait for one."""

    turns: asyncio.Semaphore
    users: int = 0


class Turns:
    """The long commands of one process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: Executor, threads: int) -> None:
        """`pool` has so many threads, which do nothing else."""
        self._loop = loop
        self._pool = pool
        self._most = max(1, threads // 2)
        self._shares: dict[str, _Share] = {}
        self._done = asyncio.Event()

    async def carry_out(self, session: Session, work: Callable[[], T]) -> T:
        """Have a thread do this for a session, when it is its user's turn.

        Raises what `work` raises, and SessionEnded.
        """
        name = session.account.name
        share = self._shares.get(name)
        if share is None:
            share = self._shares[name] = _Share(asyncio.Semaphore(self._most))
        share.users += 1
        try:
            async with share.turns:
                with session.home.kept_open():
                    return await self._loop.run_in_executor(self._pool, work)
        finally:
            share.users -= 1
            if not share.users:
                del self._shares[name]
            if not self._shares:
                self._done.set()

    async def close(self) -> None:
        """Wait for the work of sessions that have all ended."""
        while self._shares:
            self._done.clear()
            await self._done.wait()

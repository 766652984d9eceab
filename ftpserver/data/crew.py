"""The crew: threads that carry out steps of transfers, so that one process uses all processors (heavy.py).

It is no executor of concurrent.futures as a step is short: a future, and another one for the loop, would cost a third
of it. Here a step is two entries in queues, and what has ended is told together, in one turn of the loop.

The threads are nicer than the loop, for which everybody waits, and the kernel is told that theirs is work in bulk
(SCHED_BATCH): then a step that begins takes the processor from nobody. Where they were the loop's equals, who said NOOP
beside fifty bulk transfers waited two to three times as long as without a crew; so he waits half as long, and the
transfers are as fast.
"""

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

_NICER = 10
Work = Callable[[], None]
Told = Callable[[Exception | None], None]


class Crew:
    """The threads; there are none before `begin`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads: list[threading.Thread] = []
        self._tasks: SimpleQueue[tuple[Work, Told] | None] = SimpleQueue()
        self._ended: deque[tuple[Told, Exception | None]] = deque()
        self._announced = False  # the loop will look at what has ended

    def begin(self, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        """Have so many threads work for `loop`. One would only take from it what it can do by itself: then none."""
        self._loop = loop
        for _ in range(threads if threads > 1 else 0):
            thread = threading.Thread(target=self._labour, name="crew", daemon=True)
            thread.start()
            self._threads.append(thread)

    @property
    def stands_by(self) -> bool:
        """Whether there are threads."""
        return bool(self._threads)

    def carry_out(self, work: Work, told: Told) -> None:
        """Do `work` on a thread, then call `told` on the loop, with None or what the work raised."""
        self._tasks.put((work, told))

    def end(self) -> None:
        """Come to an end, when what was asked for is done."""
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._loop = None

    def _labour(self) -> None:
        _stand_back()
        while (task := self._tasks.get()) is not None:
            work, told = task
            try:
                work()
            except Exception as error:
                self._ended.append((told, error))
            else:
                self._ended.append((told, None))
            del task, work, told  # a thread that waits must not keep the last transfer alive
            if not self._announced and self._loop is not None:
                self._announced = True
                self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._announced = False  # before looking: what ends from now on is announced anew
        while self._ended:
            told, error = self._ended.popleft()
            try:
                told(error)
            except Exception as failure:  # the others are told all the same
                self._complain(failure)

    def _complain(self, failure: Exception) -> None:
        if self._loop is not None:
            self._loop.call_exception_handler(
                {"message": "what follows a step has failed", "exception": failure}
            )


def _stand_back() -> None:
    """Let this thread be one that others go before."""
    mine = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, mine, os.getpriority(os.PRIO_PROCESS, mine) + _NICER)
        os.sched_setscheduler(mine, os.SCHED_BATCH, os.sched_param(0))


CREW = Crew()
"""The crew of this process."""

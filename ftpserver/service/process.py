"""The life of one process of the service: its loops, its signals, its limits, its log.

`run` works on the sockets that workers.py has bound until SIGTERM or SIGINT; SIGHUP reads the settings anew. Two loops
watch sockets (data/watch.py), one for commands and one for data, over the one that asyncio runs.
"""

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from types import FrameType

import uvloop

from ftpserver.config.settings import Settings
from ftpserver.data.crew import CREW
from ftpserver.data.mover import STEPS_A_TURN
from ftpserver.data.polling import BusyPolling
from ftpserver.data.watch import WatchingLoop
from ftpserver.log import start_logging
from ftpserver.quota.base import LedgerFault
from ftpserver.service.server import Service, Sockets
from ftpserver.state.board import Seat
from ftpserver.tls import TlsFault

logger = logging.getLogger(__name__)

_DESCRIPTORS_A_SESSION = 3
_SWITCH_SECONDS = 0.0005  # a thread that makes a listing gives the loop its turn so soon
_MOST_CREW = 8  # more threads would wait for Python's lock
_GARBAGE = (10_000, 20, 20)  # what a transfer makes goes without a search for cycles


def run(settings: Settings, sockets: Sockets, seat: Seat, ready: Callable[[], None]) -> int:
    """Serve until told to stop, calling `ready` once clients are served; returns the exit code of the process."""
    number = seat.number if seat.of > 1 else None
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    output = start_logging(settings.log.level, settings.log.format, worker=number)
    _raise_descriptor_limit(settings.limits.sessions)
    try:
        uvloop.run(_work(settings, sockets, seat, ready))
    except (LedgerFault, TlsFault) as fault:
        logger.error("the service cannot start: %s", fault)
        return 1
    finally:
        output.stop()
    return 0


async def _work(settings: Settings, sockets: Sockets, seat: Seat, ready: Callable[[], None]) -> None:
    running = asyncio.get_running_loop()
    polling = BusyPolling(running)
    loop = WatchingLoop(running, polling=polling)  # type: ignore[abstract]  # as much of one as we use
    data_loop = WatchingLoop(running, STEPS_A_TURN, polling, commands=False)  # type: ignore[abstract]
    stopped = asyncio.Event()
    service = Service(loop, data_loop, settings, seat)
    _heed_signals(loop, stopped.set, service.reload)
    try:
        CREW.begin(running, min(_MOST_CREW, len(os.sched_getaffinity(0)) // seat.of))
        await service.listen(sockets)
        ready()
        await stopped.wait()
    finally:
        await service.close()
        CREW.end()
        loop.stop_watching()
        data_loop.stop_watching()
        await asyncio.sleep(0)  # let what was called back by the end be carried out


def _heed_signals(
    loop: asyncio.AbstractEventLoop, stop: Callable[[], None], reload: Callable[[], None]
) -> None:
    """Let SIGTERM and SIGINT stop, SIGHUP reload.

    The handlers are not the loop's, as those end with it: a signal that comes twice, from a terminal or systemd and
    from the parent, must not kill a process that is about to end well. A worker is forked with its signals held back.
    """

    def heed(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(reload if number == signal.SIGHUP else stop)

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for number in numbers:
        signal.signal(number, heed)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


def _raise_descriptor_limit(sessions: int) -> None:
    """A session has two descriptors when idle and a few more in a transfer; the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < sessions * _DESCRIPTORS_A_SESSION:
        logger.warning(
            "%d descriptors may be too few for %d sessions: raise LimitNOFILE or lower limits.sessions",
            hard,
            sessions,
        )

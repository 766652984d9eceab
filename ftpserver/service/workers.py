"""The service as a whole: its listening sockets, and the one process or the several that work on them.

One worker is this very process. For more, this process becomes the parent: it binds the sockets, forks the workers,
which accept on the same sockets, and looks after them. It never runs a loop and never has a thread, so that it may
fork again when a worker has died. Rules:

* A worker says through a pipe that it serves; the first time that all do, the parent prints "listening on".
* A worker that dies is logged and replaced, the next time after twice the wait. What it held is void by then
  (quota/processes.py, presence.py), what it left in the staging directory is gone, and the others have not noticed.
* When the service has not begun and a worker cannot start, or one dies again and again at its start, it ends, code 1.
* SIGTERM and SIGINT are passed on as SIGTERM, and the parent ends when all workers have ended; SIGHUP is passed on.
* A worker does not outlive the parent, however that dies (PR_SET_PDEATHSIG).
"""

import contextlib
import ctypes
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from ftpserver.config.fault import Fault, Faulty
from ftpserver.config.renewal import renewed
from ftpserver.config.settings import Settings
from ftpserver.log import announcement, change_logging, event, log_directly
from ftpserver.login import staging_of
from ftpserver.service.admin import prepare
from ftpserver.service.listener import bind, plain, shown
from ftpserver.service.process import run
from ftpserver.service.server import Sockets
from ftpserver.state.board import Board, Seat
from ftpserver.storage.hidden import sweep_staging

logger = logging.getLogger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_SHORTEST_WAIT = 0.1  # seconds before a dead worker is replaced
_LONGEST_WAIT = 5.0
_SOUND_AFTER = 60.0  # one that has served so long died of something new
_MOST_FALSE_STARTS = 5
_PR_SET_PDEATHSIG = 1
_CRASHED = 70

_libc = ctypes.CDLL(None, use_errno=True)


def serve(settings: Settings) -> int:
    """Run the service until it is told to stop; returns the exit code.

    Raises OSError when it cannot listen, Faulty when the settings do not fit together.
    """
    count = settings.worker_count()
    ports = settings.passive.ports
    if ports is not None and len(ports) < count:
        message = f"passive.ports: {len(ports)} are too few for {count} workers, which share them out"
        raise Faulty([Fault(settings.path, None, message)])
    with contextlib.ExitStack() as bound:
        sockets: Sockets = []
        for entry in settings.listen:
            for listening in bind(entry.host, entry.port):
                bound.callback(listening.close)
                sockets.append((listening, entry.tls == "implicit"))
        staging = staging_of(settings)
        staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep_staging(staging)
        prepare(settings.state)
        addresses = [shown(plain(listening.getsockname())) for listening, _ in sockets]

        def announce() -> None:
            for address in addresses:
                line = announcement(f"listening on {address}", settings.log.format)
                print(line, file=sys.stderr, flush=True)

        if count == 1:
            return run(settings, sockets, Seat(), announce)
        return Parent(settings, sockets, count).run(announce)


@dataclass(slots=True)
class _Worker:
    """What the parent knows of one worker."""

    index: int
    pid: int = 0
    """0: it is not there."""
    pipe: int = -1
    """Through which it will say that it serves."""
    serving_since: float | None = None
    false_starts: int = 0
    wait: float = 0.0
    due: float = 0.0
    """When it is to be started, if it is not there."""


class Parent:
    """Starts the workers, replaces the dead, and ends with the last of them."""

    def __init__(self, settings: Settings, sockets: Sockets, count: int) -> None:
        self._settings = settings
        self._sockets = sockets
        self._pid = os.getpid()
        self._board = Board(count)
        self._workers = [_Worker(index) for index in range(count)]
        self._poll = select.poll()
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._announced = False
        self._stopping = False
        self._code = 0

    def run(self, announce: Callable[[], None]) -> int:
        """Work until all workers have ended in order, or cannot be started; returns the exit code."""
        log_directly(self._settings.log.level, self._settings.log.format)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)  # a byte in the pipe is all that is wanted
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._poll.register(self._woken, select.POLLIN)
        try:
            while True:
                self._start_the_due()
                if self._stopping and not any(worker.pid for worker in self._workers):
                    break
                self._wait()
                self._bury_the_dead()
                if not self._announced and all(worker.serving_since for worker in self._workers):
                    self._announced = True
                    announce()
        finally:
            self._send(signal.SIGKILL)  # nobody is left, unless the parent itself has failed
            signal.set_wakeup_fd(-1)
            os.close(self._woken)
            os.close(self._wake)
        return self._code

    # Starting ---------------------------------------------------------------------------------------------------

    def _start_the_due(self) -> None:
        for worker in self._workers:
            if not worker.pid and not self._stopping and worker.due <= time.monotonic():
                try:
                    self._start(worker)
                except OSError as error:  # no memory, too many processes
                    logger.error("worker %d cannot be started: %s", worker.index + 1, error.strerror)
                    self._falsely_started(worker)

    def _start(self, worker: _Worker) -> None:
        """Fork a worker. Raises OSError."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        # Held back until the child has handlers of its own: a signal to it must not get into the parent's pipe.
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if not pid:
                self._be_a_worker(worker, reading, writing)
        except OSError:
            os.close(reading)
            raise
        finally:
            os.close(writing)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        worker.pid, worker.pipe, worker.serving_since = pid, reading, None
        self._poll.register(reading, select.POLLIN)
        event(logger, logging.INFO, "worker started", worker=worker.index + 1, pid=pid)

    def _be_a_worker(self, worker: _Worker, reading: int, writing: int) -> NoReturn:
        """What the child does with its life; it never returns into what the parent was doing."""
        code = _CRASHED
        try:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() == self._pid:  # or the parent died before it could be said
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
                others = [other.pipe for other in self._workers if other.pipe >= 0]
                for fd in (self._woken, self._wake, reading, *others):
                    os.close(fd)
                seat = Seat(self._board, worker.index)
                code = run(self._settings, self._sockets, seat, lambda: _tell(writing))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    # Waiting ----------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Until a worker serves, a signal has come, or one is to be started."""
        due = [worker.due for worker in self._workers if not worker.pid and not self._stopping]
        timeout = max(0.0, min(due) - time.monotonic()) * 1000 + 1 if due else None
        for fd, _ in self._poll.poll(timeout):
            if fd == self._woken:
                self._heed(os.read(fd, 4096))
            else:
                self._hear(next(worker for worker in self._workers if worker.pipe == fd))

    def _hear(self, worker: _Worker) -> None:
        """A worker serves, or has closed the pipe by its death."""
        serves = bool(os.read(worker.pipe, 1))
        self._poll.unregister(worker.pipe)
        os.close(worker.pipe)
        worker.pipe = -1
        if serves:
            worker.serving_since = time.monotonic()
            worker.false_starts = 0
            event(logger, logging.INFO, "worker serves", worker=worker.index + 1)

    def _heed(self, numbers: bytes) -> None:
        """Signals have come, a byte each."""
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop(0)
        if signal.SIGHUP in numbers and not self._stopping:
            with contextlib.suppress(Faulty):  # the workers say what is wrong
                self._settings, _ = renewed(self._settings)
                change_logging(self._settings.log.level, self._settings.log.format)
            self._send(signal.SIGHUP)

    def _stop(self, code: int) -> None:
        """Let all workers end, and nobody new come."""
        if not self._stopping:
            self._stopping = True
            self._code = code
            for listening, _ in self._sockets:
                listening.close()
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        for worker in self._workers:
            if worker.pid:
                os.kill(worker.pid, number)

    # Deaths -----------------------------------------------------------------------------------------------------

    def _bury_the_dead(self) -> None:
        for worker in self._workers:
            if worker.pid:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
                if pid:
                    if worker.pipe >= 0:
                        self._hear(worker)
                    self._board.clear(worker.index)
                    worker.pid = 0
                    self._lost(worker, os.waitstatus_to_exitcode(status))

    def _lost(self, worker: _Worker, code: int) -> None:
        cause = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        if self._stopping:
            if code and not self._code:
                logger.error("worker %d did not end in order: %s", worker.index + 1, cause)
                self._code = 1
            return
        event(logger, logging.ERROR, "worker died", worker=worker.index + 1, cause=cause)
        with contextlib.suppress(OSError):  # what waits there for a living one is locked
            sweep_staging(staging_of(self._settings))
        if worker.serving_since is None:
            self._falsely_started(worker, hopeless=code == 1 and not self._announced)
            return
        if time.monotonic() - worker.serving_since > _SOUND_AFTER:
            worker.wait = 0.0
        self._put_off(worker)

    def _falsely_started(self, worker: _Worker, hopeless: bool = False) -> None:
        worker.false_starts += 1
        if hopeless or worker.false_starts >= _MOST_FALSE_STARTS:
            logger.error("worker %d cannot be started: the service ends", worker.index + 1)
            self._stop(1)
        else:
            self._put_off(worker)

    def _put_off(self, worker: _Worker) -> None:
        worker.wait = min(max(worker.wait * 2, _SHORTEST_WAIT), _LONGEST_WAIT)
        worker.due = time.monotonic() + worker.wait


def _tell(pipe: int) -> None:
    """Say that this worker serves."""
    os.write(pipe, b".")
    os.close(pipe)

"""Watching sockets: the loop of asyncio, with an epoll of its own for raw descriptors.

uvloop makes an object and six system calls of every descriptor that is watched for a moment; a transfer watches one,
and an idle client keeps one. Here a descriptor costs one call and a small entry, and the loop watches a single
descriptor: the epoll in which all the others are. Everything else is the loop's.

A service has two: one for control connections, and one for data, which tells of a few sockets at a time. So who sends a
command waits for a few steps of other people's transfers at most, and not for all of them. Before the process sleeps
both look for a moment whether something comes at once (polling.py).

Rules. Readiness is a level: what is not taken is told again. An error or a hang-up is told to whoever watches, reader
or writer, whose next call finds it. A descriptor must be given up (`remove_*`) before it is closed. What is
registered while events are told is not told of in the same turn: the events may have been of another socket with its
number.
"""

import asyncio
import contextlib
import select
from collections.abc import Callable
from time import monotonic

from ftpserver.data.polling import BusyPolling

Ready = Callable[[], object]

_IN, _OUT = select.EPOLLIN, select.EPOLLOUT
_TROUBLE = select.EPOLLERR | select.EPOLLHUP
_READABLE, _WRITABLE = _IN | _TROUBLE, _OUT | _TROUBLE


class _Watched:
    """Who wants to know of one descriptor."""

    __slots__ = ("known", "reader", "writer")

    def __init__(self) -> None:
        self.reader: Ready | None = None
        self.writer: Ready | None = None
        self.known = 0
        """What the kernel was told to look for."""

    @property
    def wanted(self) -> int:
        """What it should look for."""
        return (_IN if self.reader is not None else 0) | (_OUT if self.writer is not None else 0)


class WatchingLoop(asyncio.AbstractEventLoop):
    """A loop with cheap `add_reader` and `add_writer`; the callbacks take no arguments."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        at_once: int = 256,
        polling: BusyPolling | None = None,
        commands: bool = True,
    ) -> None:
        """`at_once` events are told before all else that `loop` does has its turn.

        `polling` decides when to sleep; whether it is `commands` or data that come here matters to it.
        """
        self._loop = loop
        self._commands = commands
        self._at_once = at_once
        self._polling = polling or BusyPolling(loop)
        self._epoll = select.epoll()
        self._watched: dict[int, _Watched] = {}
        self._fresh: set[int] = set()  # registered while events are told
        self.call_soon = loop.call_soon  # type: ignore[method-assign]
        self.call_soon_threadsafe = loop.call_soon_threadsafe  # type: ignore[method-assign]
        self.call_later = loop.call_later  # type: ignore[method-assign]
        self.time = loop.time  # type: ignore[method-assign]
        self.create_task = loop.create_task  # type: ignore[method-assign]
        self.create_unix_server = loop.create_unix_server  # type: ignore[method-assign]
        self.run_in_executor = loop.run_in_executor  # type: ignore[method-assign]
        self.is_closed = loop.is_closed  # type: ignore[method-assign]
        loop.add_reader(self._epoll.fileno(), self._tell)

    def add_reader(self, fd: int, callback: Ready) -> None:  # type: ignore[override]
        """Call back whenever something can be read."""
        watched = self._entry(fd)
        watched.reader = callback
        self._instruct(fd, watched)

    def add_writer(self, fd: int, callback: Ready) -> None:  # type: ignore[override]
        """Call back whenever something can be written."""
        watched = self._entry(fd)
        watched.writer = callback
        self._instruct(fd, watched)

    def remove_reader(self, fd: int) -> bool:  # type: ignore[override]
        """Call back no more when something can be read; returns whether it would have."""
        watched = self._watched.get(fd)
        if watched is None or watched.reader is None:
            return False
        watched.reader = None
        self._instruct(fd, watched)
        return True

    def remove_writer(self, fd: int) -> bool:  # type: ignore[override]
        """Call back no more when something can be written; returns whether it would have."""
        watched = self._watched.get(fd)
        if watched is None or watched.writer is None:
            return False
        watched.writer = None
        self._instruct(fd, watched)
        return True

    def _entry(self, fd: int) -> _Watched:
        watched = self._watched.get(fd)
        if watched is None:
            watched = self._watched[fd] = _Watched()
        return watched

    def _instruct(self, fd: int, watched: _Watched) -> None:
        """Let the kernel look for what is wanted now."""
        known, watched.known = watched.known, watched.wanted
        if not watched.known:
            del self._watched[fd]
            with contextlib.suppress(OSError):  # closed too early: the kernel has forgotten it
                self._epoll.unregister(fd)
            return
        if known:
            with contextlib.suppress(FileNotFoundError):
                self._epoll.modify(fd, watched.known)
                return
        # A new one; or one was closed too early, and this has its number.
        self._fresh.add(fd)
        self._epoll.register(fd, watched.known)

    def _tell(self) -> None:
        began = monotonic()
        fresh, watched_by = self._fresh, self._watched
        fresh.clear()
        told = self._epoll.poll(0, self._at_once)
        for fd, events in told:
            watched = watched_by.get(fd)
            if watched is None or fd in fresh:
                continue
            try:
                if events & _READABLE and watched.reader is not None:
                    watched.reader()
                    if watched is not watched_by.get(fd):
                        continue
                if events & _WRITABLE and watched.writer is not None:
                    watched.writer()
            except Exception as error:  # the others are told all the same
                self._loop.call_exception_handler(
                    {"message": "a socket's callback failed", "exception": error}
                )
        self._polling.carried_out(began, len(told), self._commands)

    def stop_watching(self) -> None:
        """Watch nothing any more; the loop itself goes on."""
        self._loop.remove_reader(self._epoll.fileno())
        self._watched.clear()
        self._epoll.close()

"""Movers that send: a file by sendfile, or chunks that are made while they are sent.

`FileSender` lets the kernel copy (a plain connection, IMAGE type). `ChunkSender` takes whatever makes chunks: a
listing, a file under TLS, in ASCII or compressed. Making a chunk may take long (a huge directory); a maker says so,
and then the chunk is made on a thread.

What has to come from a disk first is fetched on a thread: a slow disk keeps nobody waiting but who reads it. While a
thread does that the file stays open, however the transfer ends; and it is not the client who is late.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import partial
from typing import Protocol

from ftpserver.data.heavy import HeavyMover
from ftpserver.data.mover import STEP, LendingMover, OnEnd
from ftpserver.data.pace import Governor
from ftpserver.data.text import ToNetwork
from ftpserver.storage.base import Source

_READ = 256 * 1024
_ONE_SEGMENT = 32 * 1024  # about that


class Shrunk(Exception):
    """The file became shorter while it was sent, so that what was promised cannot be sent."""


class FileSender(LendingMover):
    """Sends `source` from its offset to the size it had when it was opened; one that shrinks is Shrunk."""

    __slots__ = ("_fetched", "_file", "_left", "_offset", "_pool", "_source")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        source: Source,
        pool: Executor,
        pace: Governor | None,
        on_end: OnEnd,
    ) -> None:
        super().__init__(loop, connection, pace, on_end)
        self._pool = pool
        self._source = source
        self._file = source.fd
        self._fetched = 0  # up to here it was read from the disk just now
        self._offset = source.offset
        self._left = source.size - source.offset

    def _step(self) -> None:
        if self._away:  # this call was due already when that began
            return
        if 0 < self._left <= _ONE_SEGMENT:
            # It goes with the end of the connection, and wakes the client once.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        budget = self.share()
        while self._left > 0:
            allowed = self._allowance(min(self._left, budget))
            if not allowed:
                return
            if self._fetched > self._offset:
                allowed = min(allowed, self._fetched - self._offset)
            elif not self._source.at_hand(self._offset, allowed):
                self._fetch(self._offset + allowed)
                return
            sent = os.sendfile(self._fd, self._file, self._offset, allowed)
            if not sent:
                raise Shrunk
            self._offset += sent
            self._left -= sent
            self._count(sent)
            budget -= sent
            if budget <= 0 and self._left:
                self._await_writable()
                return
        self._end(None)

    def _fetch(self, end: int) -> None:
        """Have the next bytes read from the disk; then go on."""
        self._fetched = end
        fetch = partial(self._source.fetch, self._offset, end - self._offset)
        self._lend(self._pool, fetch, lambda nothing: self._run())

    def _await_writable_or_readable(self) -> None:
        self._await_writable()


class Chunks(Protocol):
    """What makes the bytes to send."""

    @property
    def blocking(self) -> bool:
        """Whether making the next chunk may take long."""

    @property
    def of_a_file(self) -> bool:
        """Whether it is read from a descriptor that is closed when the transfer has ended."""

    def next(self) -> bytes:
        """The next chunk; empty at the end. Raises OSError."""


class FileChunks:
    """A file's bytes, as text with network line ends when `convert` is given."""

    __slots__ = ("_convert", "_left", "_offset", "_source", "of_a_file")

    def __init__(self, source: Source, convert: ToNetwork | None) -> None:
        self.of_a_file = True
        self._source = source
        self._offset = source.offset
        self._left = source.size - source.offset
        self._convert = convert

    @property
    def blocking(self) -> bool:
        """Whether it has to come from the disk."""
        return self._left > 0 and not self._source.at_hand(self._offset, min(_READ, self._left))

    def next(self) -> bytes:
        """See Chunks."""
        chunk = os.pread(self._source.fd, min(_READ, self._left), self._offset) if self._left > 0 else b""
        if not chunk and self._left > 0:
            raise Shrunk
        self._offset += len(chunk)
        self._left -= len(chunk)
        return chunk if self._convert is None else self._convert.convert(chunk)


class MadeChunks:
    """Text that another part makes, chunk by chunk. The first is mostly quick to make, and all of most listings."""

    __slots__ = ("_chunks", "_translate", "blocking", "of_a_file")

    def __init__(
        self, chunks: Iterator[bytes], translate: Callable[[bytes], bytes] | None = None, quick: bool = True
    ) -> None:
        """`translate` turns UTF-8 into what the client reads; the first chunk is quick to make, or not."""
        self.blocking = not quick
        self.of_a_file = False  # what its maker reads is the maker's
        self._chunks = chunks
        self._translate = translate

    def next(self) -> bytes:
        """See Chunks."""
        self.blocking = True
        text = next(self._chunks, b"")
        return text if self._translate is None else self._translate(text)


class ChunkSender(HeavyMover):
    """Sends what `chunks` makes."""

    __slots__ = ("_chunk", "_chunks", "_ended", "_making", "_offered", "_pool", "_secure")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        chunks: Chunks,
        pool: Executor,
        pace: Governor | None,
        on_end: OnEnd,
    ) -> None:
        super().__init__(loop, connection, pace, on_end)
        self._chunks = chunks
        self._pool = pool
        self._chunk = memoryview(b"")
        self._ended = False  # there are no more chunks
        self._making = False  # a thread makes the next chunk
        self._offered = 0  # bytes that the connection was asked to take and did not
        self._secure = isinstance(connection, ssl.SSLSocket)

    def stop_and_then(self, then: Callable[[], None]) -> None:
        """See Mover; a listing that is being made, which may take long, uses nothing that `then` closes."""
        if self._making and not self._chunks.of_a_file:
            self.stop()
            then()
        else:
            super().stop_and_then(then)

    def _step(self) -> None:
        if self._away:  # this call was due already when that began
            return
        if not self._load():
            self._labour_ended()
            return
        if self._labours():
            return
        # Whole chunks: a piece of a few bytes would be a record of TLS by itself.
        allowed = self._offered or self._allowance(min(STEP, self.share()) // _READ * _READ)
        if not allowed:
            return
        try:
            self._labour(allowed)
        finally:
            self._count_labour()
        self._labour_ended()

    def _may_labour(self) -> bool:
        """See HeavyMover; without TLS a step is hardly work."""
        return self._secure

    def _labour(self, allowed: int) -> None:
        """See HeavyMover: send so many bytes, unless the chunks end before or the next one has to be waited for."""
        while self._load() and self._moved_away < allowed:
            # What TLS did not take must be offered again with no fewer bytes, whatever the pace says by now.
            self._offered = self._offered or min(len(self._chunk), allowed - self._moved_away)
            sent = self.connection.send(self._chunk[: self._offered])
            self._offered = 0
            self._chunk = self._chunk[sent:]
            self._moved_away += sent

    def _load(self) -> bool:
        """Whether there is a chunk to send now."""
        if not self._chunk and not self._chunks.blocking:
            self._chunk = memoryview(self._chunks.next())
            self._ended = not self._chunk
        return bool(self._chunk)

    def _labour_ended(self) -> None:
        """See HeavyMover."""
        if self._ended:
            self._end(None)
        elif self._chunk or not self._chunks.blocking:
            self._await_writable()
        else:
            self._making = True
            self._lend(self._pool, self._chunks.next, self._made)

    def _made(self, chunk: bytes) -> None:
        self._making = False
        self._chunk = memoryview(chunk)
        if self._chunk:
            self._run()
        else:
            self._end(None)

    def _await_writable_or_readable(self) -> None:
        self._await_writable()

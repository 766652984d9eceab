"""Sending: files by the kernel, and chunks that are made on the way."""

import asyncio
import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftpserver.data.deflate import DeflatedChunks
from ftpserver.data.pace import Pace
from ftpserver.data.send import ChunkSender, FileChunks, FileSender, MadeChunks
from ftpserver.data.text import ToNetwork
from ftpserver.storage.sink import LocalSource
from tests.ftpserver.data.conftest import Ends, Pair, read_all, turn, until

MIB = 1024 * 1024


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def _source(path: Path, offset: int = 0) -> LocalSource:
    fd = os.open(path, os.O_RDONLY)
    return LocalSource(fd, offset, os.fstat(fd).st_size, 0.0)


class Receiving:
    """The client: reads everything on a thread."""

    def __init__(self, client: socket.socket) -> None:
        self.data = b""
        self._client = client
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        self.data = read_all(self._client)

    def all(self, ours: socket.socket) -> bytes:
        ours.close()
        self._thread.join()
        return self.data


@pytest.mark.parametrize(
    ("size", "offset"), [(0, 0), (1, 0), (4096, 0), (6 * MIB + 1, 0), (5000, 4999), (10, 10)]
)
def test_a_file_from_its_offset_on(
    loop: asyncio.AbstractEventLoop,
    pair: Pair,
    tmp_path: Path,
    size: int,
    offset: int,
    pool: ThreadPoolExecutor,
) -> None:
    data = os.urandom(size)
    (tmp_path / "file").write_bytes(data)
    ours, client = pair()
    receiving, ends, source = Receiving(client), Ends(), _source(tmp_path / "file", offset)
    mover = FileSender(loop, ours, source, pool, None, ends)
    mover.start()
    until(loop, lambda: ends.calls)
    source.close()
    assert ends.calls == [None]
    assert mover.moved == size - offset
    assert receiving.all(ours) == data[offset:]


def test_the_end_of_a_small_file_comes_with_its_data(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    """So that the client is woken once: nothing arrives before the connection is closed, and then everything."""
    (tmp_path / "file").write_bytes(b"x" * 4096)
    ours, client = pair()
    client.setblocking(False)
    ends, source = Ends(), _source(tmp_path / "file")
    FileSender(loop, ours, source, pool, None, ends).start()
    assert ends.calls == [None]
    source.close()
    with pytest.raises(BlockingIOError):
        client.recv(1)
    ours.close()
    assert client.recv(65536) == b"x" * 4096
    assert client.recv(1) == b""


def test_a_file_that_grows_is_sent_as_it_was(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    source = _source(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"x" * 200)
    ours, client = pair()
    receiving, ends = Receiving(client), Ends()
    FileSender(loop, ours, source, pool, None, ends).start()
    until(loop, lambda: ends.calls)
    source.close()
    assert receiving.all(ours) == b"x" * 100


def test_a_file_that_shrinks_ends_and_does_not_hang(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    source = _source(tmp_path / "file")
    os.truncate(tmp_path / "file", 40)
    ours, client = pair()
    receiving, ends = Receiving(client), Ends()
    FileSender(loop, ours, source, pool, None, ends).start()
    until(loop, lambda: ends.calls)
    source.close()
    assert len(ends.calls) == 1
    assert receiving.all(ours) == b"x" * 40


def test_a_client_that_resets_is_an_error(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    (tmp_path / "file").write_bytes(b"x" * (64 * MIB))
    source, ends = _source(tmp_path / "file"), Ends()
    ours, client = pair()
    FileSender(loop, ours, source, pool, None, ends).start()
    turn(loop)
    assert ends.calls == []
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    until(loop, lambda: ends.calls)
    source.close()
    assert isinstance(ends.calls[0], ConnectionError)


def test_a_slow_client_holds_nobody_up(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    (tmp_path / "file").write_bytes(b"x" * (64 * MIB))
    source, ends, quick = _source(tmp_path / "file"), Ends(), Ends()
    slow_side, _slow_client = pair()
    mover = FileSender(loop, slow_side, source, pool, None, ends)
    mover.start()
    (tmp_path / "small").write_bytes(b"y" * 10)
    small = _source(tmp_path / "small")
    ours, client = pair()
    FileSender(loop, ours, small, pool, None, quick).start()
    until(loop, lambda: quick.calls)
    assert client.recv(100) == b"y" * 10
    assert ends.calls == []
    mover.stop()
    source.close()
    small.close()


def test_the_pace_holds(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 4000)
    source, ends = _source(tmp_path / "file"), Ends()
    ours, client = pair()
    receiving = Receiving(client)
    start = loop.time()
    FileSender(loop, ours, source, pool, Pace(20_000, loop.time), ends).start()
    until(loop, lambda: ends.calls)
    source.close()
    assert loop.time() - start >= 0.19
    assert len(receiving.all(ours)) == 4000


@pytest.mark.parametrize("text", [False, True])
def test_a_file_in_chunks(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: ThreadPoolExecutor, text: bool
) -> None:
    data = b"line\n" * 200_000
    (tmp_path / "file").write_bytes(data)
    source, ends = _source(tmp_path / "file", 5), Ends()
    ours, client = pair()
    receiving = Receiving(client)
    chunks = FileChunks(source, ToNetwork() if text else None)
    ChunkSender(loop, ours, chunks, pool, None, ends).start()
    until(loop, lambda: ends.calls)
    source.close()
    assert ends.calls == [None]
    assert receiving.all(ours) == (data[5:].replace(b"\n", b"\r\n") if text else data[5:])


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_chunks_that_others_make(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor, count: int
) -> None:
    ours, client = pair()
    receiving, ends = Receiving(client), Ends()
    made = (b"chunk %d \xff\r\n" % i for i in range(count))
    ChunkSender(loop, ours, MadeChunks(made), pool, None, ends).start()
    until(loop, lambda: ends.calls)
    assert receiving.all(ours) == b"".join(b"chunk %d \xff\r\n" % i for i in range(count))


def test_text_in_another_encoding(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor
) -> None:
    ours, client = pair()
    receiving, ends = Receiving(client), Ends()
    ChunkSender(loop, ours, MadeChunks(iter([b"a\r\n"]), bytes.upper), pool, None, ends).start()
    until(loop, lambda: ends.calls)
    assert receiving.all(ours) == b"A\r\n"


@pytest.mark.parametrize("quick", [True, False])
def test_only_the_first_chunk_is_made_on_the_loop_and_only_if_it_is_quick(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor, quick: bool
) -> None:
    on_loop = []

    def make() -> Iterator[bytes]:
        for _ in range(3):
            on_loop.append(threading.current_thread() is threading.main_thread())
            yield b"x"

    ours, client = pair()
    receiving, ends = Receiving(client), Ends()
    ChunkSender(loop, ours, MadeChunks(make(), quick=quick), pool, None, ends).start()
    until(loop, lambda: ends.calls)
    receiving.all(ours)
    assert on_loop == [quick, False, False]


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_maker_that_fails_ends_it(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor, chunks: int
) -> None:
    def make() -> Iterator[bytes]:
        yield from [b"x"] * chunks
        raise PermissionError(13, "no")

    ours, client = pair()
    receiving, ends = Receiving(client), Ends()
    ChunkSender(loop, ours, MadeChunks(make()), pool, None, ends).start()
    until(loop, lambda: ends.calls)
    assert [type(call) for call in ends.calls] == [PermissionError]
    assert receiving.all(ours) == b"x" * chunks


def test_stopping_while_a_thread_makes_lines(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor
) -> None:
    asked, go = threading.Event(), threading.Event()

    def make() -> Iterator[bytes]:
        yield b"abc"
        asked.set()
        go.wait()
        yield b"d"

    ours, client = pair()
    ends = Ends()
    mover = ChunkSender(loop, ours, MadeChunks(make()), pool, None, ends)
    mover.start()
    until(loop, asked.is_set)
    mover.stop()
    go.set()
    turn(loop)
    assert ends.calls == []
    ours.close()
    assert read_all(client) == b"abc"


class Reluctant:
    """A TLS connection's rule: what was not taken must be offered again with no fewer bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._offered = 0
        self.refuse = 0

    def fileno(self) -> int:
        return self._connection.fileno()

    def send(self, data: memoryview) -> int:
        if self.refuse:
            self.refuse -= 1
            self._offered = len(data)
            raise ssl.SSLWantWriteError
        if len(data) < self._offered:
            raise ssl.SSLError("bad write retry")
        self._offered = 0
        return self._connection.send(data)


def test_what_tls_did_not_take_is_offered_again_whole_whatever_the_pace_says(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: ThreadPoolExecutor
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    source, ends = _source(tmp_path / "file"), Ends()
    ours, client = pair()
    receiving = Receiving(client)
    reluctant = Reluctant(ours)
    reluctant.refuse = 1
    pace = Pace(100_000, loop.time)
    pace._filled -= 1.0  # a second's worth is there
    ChunkSender(loop, reluctant, FileChunks(source, None), pool, pace, ends).start()  # type: ignore[arg-type]
    pace.moved(99_000)  # another transfer of the user is faster
    until(loop, lambda: ends.calls)
    source.close()
    assert ends.calls == [None]
    assert receiving.all(ours) == b"x" * 10_000


class Slow(LocalSource):
    """A file whose bytes have to come from a disk, until they were fetched."""

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY)
        super().__init__(fd, 0, os.fstat(fd).st_size, 0.0)
        self.here = 0
        self.threads: list[str] = []

    def at_hand(self, offset: int, count: int) -> bool:
        return offset + count <= self.here

    def fetch(self, offset: int, count: int) -> None:
        self.threads.append(threading.current_thread().name)
        super().fetch(offset, count)
        self.here = offset + count


@pytest.mark.parametrize("kind", ["sendfile", "chunks"])
def test_what_must_come_from_a_disk_is_read_on_a_thread(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor, tmp_path: Path, kind: str
) -> None:
    data = os.urandom(3 * MIB + 5)
    (tmp_path / "file").write_bytes(data)
    source, ends = Slow(tmp_path / "file"), Ends()
    ours, client = pair()
    receiving = Receiving(client)
    if kind == "sendfile":
        FileSender(loop, ours, source, pool, None, ends).start()
    else:
        chunks = FileChunks(source, None)
        assert chunks.blocking
        source.fetch(0, len(data))
        assert not chunks.blocking
        ChunkSender(loop, ours, chunks, pool, None, ends).start()
    until(loop, lambda: ends.calls)
    source.close()
    assert receiving.all(ours) == data
    assert ends.calls == [None]
    assert threading.current_thread().name not in source.threads[: 3 if kind == "sendfile" else 0]


class Mute(LocalSource):
    """A file of which nobody can tell whether it is in memory."""

    def at_hand(self, offset: int, count: int) -> bool:
        return False


def test_a_file_of_which_nothing_is_known_is_sent_too(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    data = os.urandom(3 * MIB + 5)
    (tmp_path / "file").write_bytes(data)
    source, ends = Mute(os.open(tmp_path / "file", os.O_RDONLY), 5, len(data), 0.0), Ends()
    ours, client = pair()
    receiving = Receiving(client)
    FileSender(loop, ours, source, pool, None, ends).start()
    until(loop, lambda: ends.calls)
    source.close()
    assert receiving.all(ours) == data[5:]
    assert ends.calls == [None]


def test_a_disk_that_fails_ends_the_transfer(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100)
    source, ends = Slow(tmp_path / "file"), Ends()
    os.close(source.fd)
    source.fd = os.open(tmp_path, os.O_RDONLY)  # reading a directory fails
    FileSender(loop, pair()[0], source, pool, None, ends).start()
    until(loop, lambda: ends.calls)
    source.close()
    assert isinstance(ends.calls[0], IsADirectoryError)


class Standing(LocalSource):
    """A file on a disk that stands still until it is let go."""

    def __init__(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY)
        super().__init__(fd, 0, os.fstat(fd).st_size, 0.0)
        self.asked, self.go, self.descriptors = threading.Event(), threading.Event(), list[bool]()

    def at_hand(self, offset: int, count: int) -> bool:
        return False

    def fetch(self, offset: int, count: int) -> None:
        self.asked.set()
        self.go.wait(5)
        self.descriptors.append(self.fd >= 0 and os.path.exists(f"/proc/self/fd/{self.fd}"))
        super().fetch(offset, count)


class StandingText(ToNetwork):
    """The same where a file is read in chunks: the reading is not over before the conversion."""

    def __init__(self, source: Standing) -> None:
        super().__init__()
        self._source = source

    def convert(self, chunk: bytes) -> bytes:
        self._source.fetch(0, len(chunk))
        return super().convert(chunk)


def _standing(
    loop: asyncio.AbstractEventLoop,
    kind: str,
    source: Standing,
    ours: socket.socket,
    pool: ThreadPoolExecutor,
) -> tuple[FileSender | ChunkSender, Ends]:
    """A download for which a thread waits for its disk."""
    ends = Ends()
    mover: FileSender | ChunkSender
    if kind == "sendfile":
        mover = FileSender(loop, ours, source, pool, None, ends)
    else:
        chunks: FileChunks | DeflatedChunks = FileChunks(source, StandingText(source))
        mover = ChunkSender(
            loop, ours, DeflatedChunks(chunks) if kind == "deflated" else chunks, pool, None, ends
        )
    mover.start()
    until(loop, source.asked.is_set)
    return mover, ends


@pytest.mark.parametrize("kind", ["sendfile", "chunks", "deflated"])
def test_a_file_was_closed_while_a_thread_read_it(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    source, ended = Standing(tmp_path / "file"), list[int]()
    mover, ends = _standing(loop, kind, source, pair()[0], pool)

    def then() -> None:
        source.close()
        ended.append(1)

    mover.stop_and_then(then)
    turn(loop)
    assert ended == []
    source.go.set()
    until(loop, lambda: ended)
    assert all(source.descriptors)
    turn(loop)
    assert (ended, ends.calls) == ([1], [])


@pytest.mark.parametrize("kind", ["sendfile", "chunks", "deflated"])
def test_a_slow_disk_was_called_the_clients_fault(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1000)
    source, (ours, client) = Standing(tmp_path / "file"), pair()
    mover, ends = _standing(loop, kind, source, ours, pool)
    assert mover.waits_for_disk
    source.go.set()
    until(loop, lambda: ends.calls)
    assert ends.calls == [None]
    assert not mover.waits_for_disk
    source.close()
    ours.close()
    assert read_all(client)


def test_a_listing_that_is_long_in_the_making_is_our_affair_and_ends_at_once(
    loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor
) -> None:
    asked, go, ended = threading.Event(), threading.Event(), list[int]()

    def make() -> Iterator[bytes]:
        yield b"abc"
        asked.set()
        go.wait(5)

    mover = ChunkSender(loop, pair()[0], MadeChunks(make()), pool, None, Ends())
    mover.start()
    until(loop, asked.is_set)
    assert mover.waits_for_disk
    mover.stop_and_then(lambda: ended.append(1))
    assert ended == [1]
    go.set()
    turn(loop)
    assert ended == [1]

"""Receiving: into a file that pays before it grows, or to nowhere."""

import asyncio
import gc
import os
import socket
import struct
import threading
from concurrent.futures import Executor
from pathlib import Path

import pytest

import ftpserver.data.receive as receive
from ftpserver.data.pace import Pace
from ftpserver.data.receive import Drain, FileReceiver
from ftpserver.data.text import FromNetwork
from tests.ftpserver.data.conftest import Ends, Pair, read_all, turn, until
from tests.wire import reset

MIB = 1024 * 1024


class File:
    """A target with a limit."""

    def __init__(self, path: Path, offset: int = 0, limit: int | None = None) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT)
        self.path = path
        self.offset = offset
        self.limit = limit
        self.covered: list[int] = []

    def cover(self, end: int) -> None:
        assert end > os.fstat(self.fd).st_size or self.offset  # before the bytes, never after
        if self.limit is not None and end > self.limit:
            raise MemoryError("no room")
        self.covered.append(end)

    def close(self) -> bytes:
        os.close(self.fd)
        return self.path.read_bytes()


def _send(client: socket.socket, data: bytes) -> threading.Thread:
    def work() -> None:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("size", [0, 1, 4096, 5 * MIB + 3])
def test_everything_until_the_end_is_in_the_file(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor, size: int
) -> None:
    ours, client = pair()
    data = os.urandom(size)
    target, ends = File(tmp_path / "file"), Ends()
    sender = _send(client, data)
    mover = FileReceiver(loop, ours, target, None, pool, None, ends)
    mover.start()
    until(loop, lambda: ends.calls)
    sender.join()
    assert ends.calls == [None]
    assert mover.moved == size
    assert target.covered == sorted(target.covered)
    assert target.close() == data


def test_waiting_for_data_makes_nothing_that_only_a_search_for_cycles_frees(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor
) -> None:
    ours, client = pair()
    target, ends = File(tmp_path / "file"), Ends()
    turn(loop)
    gc.collect()
    gc.disable()
    try:
        FileReceiver(loop, ours, target, None, pool, None, ends).start()  # nothing has come yet
        client.sendall(b"x")
        client.close()
        while not ends.calls:
            loop.run_until_complete(asyncio.sleep(0))
        found = gc.collect()
    finally:
        gc.enable()
    assert target.close() == b"x"
    assert found == 0


def test_it_writes_from_its_offset_on(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor
) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    ours, client = pair()
    target, ends = File(tmp_path / "file", offset=4), Ends()
    _send(client, b"abc").join()
    FileReceiver(loop, ours, target, None, pool, None, ends).start()
    until(loop, lambda: ends.calls)
    assert target.covered == [7]
    assert target.close() == b"0123abc789"


def test_what_is_refused_is_not_written(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor
) -> None:
    ours, client = pair()
    target, ends = File(tmp_path / "file", limit=10), Ends()
    client.sendall(b"x" * 10)
    FileReceiver(loop, ours, target, None, pool, None, ends).start()
    until(loop, lambda: target.covered)
    client.sendall(b"y")
    until(loop, lambda: ends.calls)
    assert [type(call) for call in ends.calls] == [MemoryError]
    assert target.close() == b"x" * 10


def test_a_reset_is_an_error_and_not_an_end(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor
) -> None:
    ours, client = pair()
    target, ends = File(tmp_path / "file"), Ends()
    FileReceiver(loop, ours, target, None, pool, None, ends).start()
    client.sendall(b"part")
    until(loop, lambda: target.covered)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    until(loop, lambda: ends.calls)
    assert isinstance(ends.calls[0], ConnectionResetError)
    assert target.close() == b"part"


def test_a_full_disk_is_told(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor
) -> None:
    ours, client = pair()
    target, ends = File(tmp_path / "file"), Ends()
    os.close(target.fd)
    target.fd = os.open("/dev/full", os.O_RDWR)
    _send(client, b"x" * 100).join()
    FileReceiver(loop, ours, target, None, pool, None, ends).start()
    until(loop, lambda: ends.calls)
    assert isinstance(ends.calls[0], OSError)
    os.close(target.fd)


def test_text_is_converted_and_a_last_cr_is_kept(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor
) -> None:
    ours, client = pair()
    target, ends = File(tmp_path / "file"), Ends()
    mover = FileReceiver(loop, ours, target, FromNetwork(), pool, None, ends)
    mover.start()
    for i, piece in enumerate((b"a\r", b"\nb\r", b"c\r\n", b"\r"), 1):
        client.sendall(piece)
        until(loop, lambda i=i: mover.moved == [0, 2, 5, 8, 9][i])
    client.close()
    until(loop, lambda: ends.calls)
    assert target.close() == b"a\nb\rc\n\r"


def test_the_pace_holds(loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor) -> None:
    ours, client = pair()
    target, ends = File(tmp_path / "file"), Ends()
    _send(client, b"x" * 4000).join()
    start = loop.time()
    FileReceiver(loop, ours, target, None, pool, Pace(20_000, loop.time), ends).start()
    until(loop, lambda: ends.calls)
    assert loop.time() - start >= 0.19
    assert len(target.close()) == 4000


def test_two_at_once_do_not_mix(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor
) -> None:
    targets = [File(tmp_path / str(i)) for i in range(2)]
    ends = Ends()
    senders = []
    for i, target in enumerate(targets):
        ours, client = pair()
        senders.append(_send(client, bytes([65 + i]) * (3 * MIB)))
        FileReceiver(loop, ours, target, None, pool, None, ends).start()
    until(loop, lambda: len(ends.calls) == 2)
    for i, (sender, target) in enumerate(zip(senders, targets, strict=True)):
        sender.join()
        assert target.close() == bytes([65 + i]) * (3 * MIB)


def test_a_refused_client_comes_to_its_end(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, client = pair()
    ends = Ends()
    sender = _send(client, b"x" * (8 * MIB))
    drain = Drain(loop, ours, ends)
    drain.start()
    until(loop, lambda: ends.calls)
    sender.join()
    assert ends.calls == [None]
    assert drain.moved == 8 * MIB
    ours.close()
    assert read_all(client) == b""  # an end and no reset


def test_draining_is_bounded(
    loop: asyncio.AbstractEventLoop, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "DRAIN_BYTES", 1000)
    ours, client = pair()
    ends = Ends()
    Drain(loop, ours, ends).start()
    client.sendall(b"x" * 999)
    turn(loop)
    assert ends.calls == []
    client.sendall(b"x")
    until(loop, lambda: ends.calls)
    assert ends.calls == [None]


def test_a_reset_that_comes_together_with_data_is_seen(
    loop: asyncio.AbstractEventLoop, pair: Pair, tmp_path: Path, pool: Executor
) -> None:
    """uvloop tells of both in one event and of nothing after it."""
    ours, client = pair()
    target, ends = File(tmp_path / "file"), Ends()
    FileReceiver(loop, ours, target, None, pool, None, ends).start()
    client.sendall(b"x" * 1000)
    reset(client)
    until(loop, lambda: ends.calls)
    assert isinstance(ends.calls[0], ConnectionResetError)
    assert target.close() == b"x" * 1000

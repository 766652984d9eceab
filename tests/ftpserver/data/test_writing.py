"""Writing on threads: who rests meanwhile, who does not, and an end that waits for the write."""

import asyncio
import gc
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import pytest

from ftpserver.data import disk
from ftpserver.data.receive import FileReceiver
from ftpserver.data.text import FromNetwork
from ftpserver.data.writing import BUFFERS, WritingMover
from tests.disks import Disk
from tests.ftpserver.data.conftest import Ends, Pair, turn, until

MIB = 1024 * 1024
pytestmark = pytest.mark.needs("bindfs")


class File:
    """A target without a limit."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT)
        self.offset = 0
        self.covered = 0

    def cover(self, end: int) -> None:
        self.covered = end


class Uploads:
    """Receivers into files of a directory, each with a client that sends until its end."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pair: Pair, pool: Executor) -> None:
        self.loop = loop
        self.pair = pair
        self.pool = pool
        self.ends: list[Ends] = []
        self.files: list[File] = []
        self.threads: list[threading.Thread] = []

    def begin(self, path: Path, content: bytes, text: bool = False) -> FileReceiver:
        ours, client = self.pair()
        file, ends = File(path), Ends()
        self.files.append(file)
        self.ends.append(ends)
        thread = threading.Thread(target=self._send, args=(client, content))
        thread.start()
        self.threads.append(thread)
        convert = FromNetwork() if text else None
        mover = FileReceiver(self.loop, ours, file, convert, self.pool, None, ends)
        mover.start()
        return mover

    @staticmethod
    def _send(client: socket.socket, content: bytes) -> None:
        try:
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
        except OSError:  # a test that stops the receiver closes the connection
            pass

    def all_ended(self) -> None:
        until(self.loop, lambda: all(ends.calls for ends in self.ends))
        assert [ends.calls for ends in self.ends] == [[None]] * len(self.ends)

    def close(self) -> None:
        for file in self.files:
            os.close(file.fd)


@pytest.fixture
def uploads(loop: asyncio.AbstractEventLoop, pair: Pair, pool: Executor) -> Iterator[Uploads]:
    made = Uploads(loop, pair, pool)
    yield made
    made.close()


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A disk that is known as slow, at `tmp_path`/mounted."""
    monkeypatch.setattr(disk, "_quick", {})
    monkeypatch.setattr(disk, "_some_slow_until", 0.0)
    monkeypatch.setattr(disk, "_DISTRUSTED", 1000.0)
    with Disk(tmp_path / "behind", tmp_path / "mounted") as made:
        disk.note(os.stat(tmp_path / "mounted").st_dev, long=True)
        free = _free()
        yield made
        assert _free() == free, "a buffer was not given back"
        assert not BUFFERS._waiting


def _free() -> int:
    return len(BUFFERS._free) + BUFFERS._count - BUFFERS._made


def test_an_end_waits_for_the_write(
    loop: asyncio.AbstractEventLoop, uploads: Uploads, slow: Disk, tmp_path: Path
) -> None:
    content = os.urandom(3 * MIB)
    ended: list[bool] = []
    path = tmp_path / "mounted" / "file"
    mover = uploads.begin(path, content)
    with slow.standing_still():
        until(loop, lambda: mover.waits_for_disk)
        mover.stop_and_then(lambda: ended.append(True))
        turn(loop)
        assert ended == []
        covered = uploads.files[0].covered
    until(loop, lambda: ended)
    turn(loop)
    assert ended == [True]
    assert not mover.waits_for_disk
    found = (tmp_path / "behind" / "file").read_bytes()
    assert found == content[:covered], "what was under way has landed before the end"
    assert uploads.ends[0].calls == []
    mover.connection.close()


def test_an_end_of_what_does_not_write_comes_at_once(uploads: Uploads, tmp_path: Path) -> None:
    mover = uploads.begin(tmp_path / "file", b"")
    ended: list[bool] = []
    mover.stop_and_then(lambda: ended.append(True))
    assert ended == [True]


@pytest.mark.parametrize("text", [False, True])
def test_many_arrive_whole_with_few_buffers(uploads: Uploads, slow: Disk, tmp_path: Path, text: bool) -> None:
    contents = [os.urandom(2 * MIB + i).replace(b"\r\n", b"..") for i in range(20)]
    for i, content in enumerate(contents):
        uploads.begin(tmp_path / "mounted" / str(i), content, text)
    uploads.all_ended()
    for i, content in enumerate(contents):
        found = (tmp_path / "behind" / str(i)).read_bytes()
        assert hashlib.sha256(found).digest() == hashlib.sha256(content).digest()


def test_a_quick_disk_does_not_wait_for_a_slow_one(
    loop: asyncio.AbstractEventLoop, uploads: Uploads, slow: Disk, tmp_path: Path
) -> None:
    begun = [uploads.begin(tmp_path / "mounted" / str(i), b"x" * MIB) for i in range(10)]
    with slow.standing_still():
        until(loop, lambda: all(mover.waits_for_disk or mover.moved == MIB for mover in begun))
        quick = uploads.begin(tmp_path / "quick", b"y" * 5 * MIB)
        until(loop, lambda: uploads.ends[-1].calls)
        assert quick.moved == 5 * MIB
        assert any(mover.waits_for_disk for mover in begun)
    uploads.all_ended()


def test_one_that_is_stopped_while_it_waits_leaves_its_turn_to_the_next(
    loop: asyncio.AbstractEventLoop, uploads: Uploads, slow: Disk, tmp_path: Path
) -> None:
    begun = [uploads.begin(tmp_path / "mounted" / str(i), b"x" * 4 * MIB) for i in range(12)]
    with slow.standing_still():
        until(loop, lambda: all(mover.waits_for_disk for mover in begun))
        waiting = [mover for mover in begun if mover._waits]
        assert len(waiting) == 12 - (BUFFERS._count - 1)
        ended: list[WritingMover] = []
        for mover in waiting[::2]:
            mover.stop_and_then(lambda mover=mover: ended.append(mover))
        assert ended == waiting[::2]
    others = [i for i, mover in enumerate(begun) if mover not in ended]
    until(loop, lambda: all(uploads.ends[i].calls for i in others))
    for mover in ended:
        assert uploads.ends[begun.index(mover)].calls == []
        mover.connection.close()


def test_what_goes_wrong_after_a_stop_is_nobody_s_complaint(
    loop: asyncio.AbstractEventLoop, uploads: Uploads, slow: Disk, tmp_path: Path
) -> None:
    complaints: list[object] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
    path = tmp_path / "mounted" / "file"
    path.touch()
    ours, client = uploads.pair()
    file, ended = File(path), list[bool]()
    os.close(file.fd)
    file.fd = os.open(path, os.O_RDONLY)  # so that it cannot be written
    client.sendall(b"x" * 1000)
    mover = FileReceiver(loop, ours, file, None, uploads.pool, None, Ends())
    mover.start()
    assert mover.waits_for_disk
    mover.stop_and_then(lambda: ended.append(True))
    until(loop, lambda: ended)
    del mover
    gc.collect()
    assert complaints == []
    os.close(file.fd)


def test_what_goes_wrong_on_a_thread_ends_it(
    loop: asyncio.AbstractEventLoop, uploads: Uploads, slow: Disk, tmp_path: Path
) -> None:
    path = tmp_path / "mounted" / "file"
    path.touch()
    ours, client = uploads.pair()
    file, ends = File(path), Ends()
    os.close(file.fd)
    file.fd = os.open(path, os.O_RDONLY)  # so that it cannot be written
    client.sendall(b"x" * 1000)
    mover = FileReceiver(loop, ours, file, None, uploads.pool, None, ends)
    mover.start()
    until(loop, lambda: ends.calls)
    assert [type(call) for call in ends.calls] == [OSError]
    assert not mover.waits_for_disk
    os.close(file.fd)

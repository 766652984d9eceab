"""Heavy steps: who is carried by the crew and who is not, what goes wrong there, and an end that waits."""

import asyncio
import itertools
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from ftpserver.data import disk
from ftpserver.data.crew import CREW
from ftpserver.data.heavy import HEAVY_STEP
from ftpserver.data.mover import MOVERS
from ftpserver.data.pace import Pace
from ftpserver.data.receive import FileReceiver, Obstacle
from ftpserver.data.secure import finish
from ftpserver.data.send import ChunkSender, FileChunks
from ftpserver.storage.sink import LocalSource
from tests.ftpserver.data.conftest import Ends, Pair, read_all, turn, until
from tests.ftpserver.data.test_secure import shaken

MIB = 1024 * 1024
SecurePair = Callable[[], tuple[ssl.SSLSocket, ssl.SSLSocket]]
CONTENT = os.urandom(24 * MIB)


def on_crew() -> bool:
    return threading.current_thread().name == "crew"


class Shelf:
    """A target that notes which thread asks it for room, and can be made to refuse or to wait there."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT)
        self.offset = 0
        self.asked_by_crew = 0
        self.refusal: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.found_slow = False

    def cover(self, end: int) -> None:
        if on_crew():
            self.asked_by_crew += 1
            assert self.gate.wait(20)
            if self.found_slow:
                disk.note(os.fstat(self.fd).st_dev, long=True)
            refusal, self.refusal = self.refusal, None
            if refusal is not None:
                raise refusal


@pytest.fixture(autouse=True)
def crew(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(disk, "_quick", {})
    monkeypatch.setattr(disk, "_some_slow_until", 0.0)
    monkeypatch.setattr(disk, "_TRUSTED", 1000.0)
    CREW.begin(loop, 2)
    yield
    CREW.end()


@pytest.fixture
def another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another transfer is under way."""
    monkeypatch.setattr(MOVERS, "running", MOVERS.running + 1)


@pytest.fixture
def clients() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as made:
        yield made


@pytest.fixture
def secure_pair(loop: asyncio.AbstractEventLoop, clients: Executor, pair: Pair) -> Iterator[SecurePair]:
    """As `pair`, after a handshake."""
    with ExitStack() as opened:

        def make() -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
            ours, theirs = shaken(loop, clients, pair)
            return opened.enter_context(ours), opened.enter_context(theirs)

        yield make


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path / "file")
    yield made
    os.close(made.fd)


def upload(client: socket.socket) -> None:
    try:
        client.sendall(CONTENT)
        client.shutdown(socket.SHUT_WR)
    except OSError:  # a test that ends the transfer closes the connection
        pass


class Upload:
    """A receiver into a shelf, and a client that sends CONTENT."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, ours: socket.socket, mover: FileReceiver, ended: Ends
    ) -> None:
        self._loop = loop
        self.ours = ours
        self.mover = mover
        self.ended = ended

    def end(self) -> Exception | None:
        """How it ends; the only end there is."""
        until(self._loop, lambda: self.ended.calls)
        (end,) = self.ended.calls
        return end


Begin = Callable[..., Upload]


@pytest.fixture
def begin(loop: asyncio.AbstractEventLoop, pair: Pair, pool: Executor, clients: Executor) -> Begin:
    """Begins an upload into a shelf."""

    def made(
        shelf: Shelf, pace: Pace | None = None, ends: tuple[socket.socket, socket.socket] | None = None
    ) -> Upload:
        ours, client = ends or pair()
        ended = Ends()
        mover = FileReceiver(loop, ours, shelf, None, pool, pace, ended)
        clients.submit(upload, client)
        mover.start()
        return Upload(loop, ours, mover, ended)

    return made


def test_of_several_uploads_the_crew_moves_the_most(begin: Begin, tmp_path: Path, another: None) -> None:
    shelves = [Shelf(tmp_path / str(i)) for i in range(4)]
    uploads = [begin(shelf) for shelf in shelves]
    for i, (one, shelf) in enumerate(zip(uploads, shelves, strict=True)):
        assert one.end() is None
        assert one.mover.moved == len(CONTENT)
        assert (tmp_path / str(i)).read_bytes() == CONTENT
        assert shelf.asked_by_crew
        os.close(shelf.fd)


def test_who_is_alone_stays_on_the_loop(begin: Begin, shelf: Shelf, tmp_path: Path) -> None:
    assert begin(shelf).end() is None
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert not shelf.asked_by_crew


def test_who_may_move_little_at_a_time_stays_on_the_loop(
    begin: Begin, shelf: Shelf, tmp_path: Path, another: None
) -> None:
    milliseconds = itertools.count(1)
    assert begin(shelf, Pace(10 * MIB, lambda: next(milliseconds) / 1000)).end() is None
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert not shelf.asked_by_crew


def test_a_refusal_on_the_crew_ends_it(begin: Begin, shelf: Shelf, another: None) -> None:
    shelf.refusal = refusal = PermissionError("no room")
    one = begin(shelf)
    assert one.end() is refusal
    assert not one.mover.waits_for_disk
    one.ours.close()


def test_an_obstacle_on_the_crew_is_removed_and_nothing_is_lost(
    begin: Begin, shelf: Shelf, tmp_path: Path, another: None
) -> None:
    removed: list[bool] = []
    shelf.refusal = Obstacle(lambda: removed.append(True))
    assert begin(shelf).end() is None
    assert removed == [True]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_an_end_waits_for_the_step_and_counts_it(
    loop: asyncio.AbstractEventLoop, begin: Begin, shelf: Shelf, another: None
) -> None:
    shelf.gate.clear()
    one = begin(shelf)
    until(loop, lambda: shelf.asked_by_crew)
    stopped: list[int] = []
    one.mover.stop_and_then(lambda: stopped.append(one.mover.moved))
    turn(loop)
    assert stopped == []
    shelf.gate.set()
    until(loop, lambda: stopped)
    assert stopped == [os.fstat(shelf.fd).st_size], "what has landed is counted, and nothing lands later"
    turn(loop)
    assert one.ended.calls == []
    one.ours.close()


def test_what_a_step_may_move_is_taken_from_those_who_share_its_pace_until_it_has_moved_less(
    loop: asyncio.AbstractEventLoop, begin: Begin, shelf: Shelf, another: None
) -> None:
    rate, clock = 2 * len(CONTENT), itertools.count()
    pace = Pace(rate, lambda: min(1, next(clock)))  # it has a second's worth, and no more comes
    shelf.gate.clear()
    one = begin(shelf, pace)
    until(loop, lambda: shelf.asked_by_crew)
    assert pace.allowance(rate) <= rate - one.mover.moved - HEAVY_STEP
    shelf.gate.set()
    assert one.end() is None
    assert pace.allowance(rate) == rate - len(CONTENT)


def test_a_disk_that_is_found_to_be_slow_is_left_at_once(
    begin: Begin, shelf: Shelf, tmp_path: Path, another: None
) -> None:
    shelf.found_slow = True
    assert begin(shelf).end() is None
    assert shelf.asked_by_crew == 1
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_who_waits_for_the_crew_is_not_taken_for_one_whose_client_stands_still(
    loop: asyncio.AbstractEventLoop,
    secure_pair: SecurePair,
    pool: Executor,
    clients: Executor,
    tmp_path: Path,
    another: None,
) -> None:
    gate, there = threading.Event(), threading.Event()

    class Gated(FileChunks):
        def next(self) -> bytes:
            if on_crew():
                there.set()
                assert gate.wait(20)
            return super().next()

    (tmp_path / "file").write_bytes(CONTENT)
    (ours, theirs), ends = secure_pair(), Ends()
    arrived = clients.submit(read_all, theirs)
    source = LocalSource(os.open(tmp_path / "file", os.O_RDONLY), 0, len(CONTENT), 0.0)
    mover = ChunkSender(loop, ours, Gated(source, None), pool, None, ends)
    mover.start()
    until(loop, there.is_set)
    assert mover.waits_for_disk
    gate.set()
    until(loop, lambda: ends.calls)
    assert not mover.waits_for_disk
    source.close()
    finish(loop, ours)
    assert arrived.result() == CONTENT
    theirs.close()
    until(loop, lambda: ours.fileno() < 0)


def test_of_several_downloads_under_tls_the_crew_enciphers_the_most(
    loop: asyncio.AbstractEventLoop,
    secure_pair: SecurePair,
    pool: Executor,
    clients: Executor,
    tmp_path: Path,
    another: None,
) -> None:
    class Noted(FileChunks):
        by_crew = 0

        def next(self) -> bytes:
            Noted.by_crew += on_crew()
            return super().next()

    (tmp_path / "file").write_bytes(CONTENT)
    connections = [secure_pair() for _ in range(3)]
    ended = [Ends() for _ in connections]
    arrived = [clients.submit(read_all, theirs) for _, theirs in connections]
    sources = [
        LocalSource(os.open(tmp_path / "file", os.O_RDONLY), 0, len(CONTENT), 0.0) for _ in connections
    ]
    for (ours, _), source, ends in zip(connections, sources, ended, strict=True):
        ChunkSender(loop, ours, Noted(source, None), pool, None, ends).start()
    until(loop, lambda: all(ends.calls for ends in ended))
    for (ours, theirs), source, one in zip(connections, sources, arrived, strict=True):
        source.close()
        finish(loop, ours)
        assert one.result() == CONTENT
        theirs.close()
    until(loop, lambda: all(ours.fileno() < 0 for ours, _ in connections))
    assert [ends.calls for ends in ended] == [[None]] * 3
    assert Noted.by_crew > len(connections) * len(CONTENT) // (256 * 1024) // 2


def test_several_uploads_under_tls_arrive_whole(
    begin: Begin, secure_pair: SecurePair, tmp_path: Path, another: None
) -> None:
    shelves = [Shelf(tmp_path / str(i)) for i in range(3)]
    uploads = [begin(shelf, ends=secure_pair()) for shelf in shelves]
    for i, (one, shelf) in enumerate(zip(uploads, shelves, strict=True)):
        assert type(one.end()) is ssl.SSLEOFError  # the client said no close_notify
        assert (tmp_path / str(i)).read_bytes() == CONTENT
        assert shelf.asked_by_crew
        os.close(shelf.fd)

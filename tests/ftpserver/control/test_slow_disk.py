"""Transfers with a disk that stands still: others are served; ends come after the write, once, and in the books.

The disk is known as slow when it is stopped, so every write to it is a thread's.
"""

import contextlib
import hashlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.books import agree, disk, until
from tests.disks import Disk, memory_disk, writers
from tests.service import PATIENCE, Service
from tests.wire import Wire, reset

MIB = 1024 * 1024
pytestmark = pytest.mark.needs("bindfs")


class Place:
    """A server and a user `ada` whose home is on that disk; `bob` has his elsewhere."""

    def __init__(self, folder: Path) -> None:
        self.service = Service(folder / "service", {"limits": {"data_seconds": 1}})
        self.home = self.service.add_user("ada", quota={"bytes": "100MiB", "files": 100})
        self.service.add_user("bob")
        self.disk = Disk(folder / "behind", self.home)

    @property
    def pid(self) -> int:
        assert self.service.process is not None
        return self.service.process.pid

    def become_slow(self) -> None:
        """Let one write take long, so that the service knows what disk this is."""
        with Wire.member(self.service, "ada") as wire:
            with self.standing_still_for(wire, "slow") as data:
                threading.Event().wait(0.1)  # no waiting for luck: it is to take long
            data.close()
            wire.hear() >> 226
            wire.say("DELE slow") >> 250

    @contextmanager
    def standing_still_for(self, wire: Wire, name: str) -> Iterator[socket.socket]:
        """Begin an upload; as long as this lasts the disk stands still and a thread writes. The data stays open."""
        data = wire.extended()
        wire.say(f"STOR {name}") >> 150
        with self.disk.standing_still():
            data.sendall(b"x" * MIB)
            until(lambda: writers(self.pid) > 0, "nobody writes")
            yield data


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    with made.disk, made.service:
        yield made


def _upload(place: Place, during: Callable[[Wire, socket.socket], None]) -> Wire:
    """Begin an upload and do something while a thread writes; returns the connection after that."""
    place.become_slow()
    wire = Wire.member(place.service, "ada")
    with place.standing_still_for(wire, "file") as data:
        during(wire, data)
        with Wire.greeted(place.service) as other:  # whose commands come after, so that was seen
            other.say("NOOP") >> 200
        assert writers(place.pid) == 1
        assert "path=/file" not in place.service.log
    data.close()
    return wire


def test_others_are_served_while_a_disk_stands_still(place: Place) -> None:
    def others(wire: Wire, data: socket.socket) -> None:
        with Wire.member(place.service, "bob") as bob:
            bob.store("STOR quick", b"y" * 3 * MIB) >> 226
            assert len(bob.fetch("RETR quick")) == 3 * MIB
        threading.Event().wait(2.5)  # longer than data may stand still: it is the disk that does
        assert wire.come() == b""

    with _upload(place, others) as wire:
        wire.hear() >> 226
        assert agree(wire, place.home) == (MIB, 1)


def test_abor_comes_after_the_write_and_is_answered_once(place: Place) -> None:
    def abort(wire: Wire, data: socket.socket) -> None:
        wire.tell("ABOR")
        wire.tell("NOOP")

    with _upload(place, abort) as wire:
        wire.hear() >> 426
        wire.hear() >> 226
        wire.hear() >> 200
        agree(wire, place.home)
        wire.say("QUIT") >> 221
        wire.hear_end()
    until(lambda: _files(place) == [], "the home is still open")


def _files(place: Place) -> list[str]:
    """Its descriptors of what lies in the home of ada."""
    found = []
    for fd in os.listdir(f"/proc/{place.pid}/fd"):
        try:
            link = os.readlink(f"/proc/{place.pid}/fd/{fd}")
        except OSError:
            continue
        if link.startswith(str(place.home)):
            found.append(fd)
    return found


@pytest.mark.parametrize("data_too", [False, True])
def test_a_connection_that_is_lost_meanwhile_leaves_right_books(place: Place, data_too: bool) -> None:
    def vanish(wire: Wire, data: socket.socket) -> None:
        wire.reset()
        if data_too:
            reset(data)

    _upload(place, vanish)
    place.service.wait_for_log("upload .*path=/file .*error=")
    until(lambda: _files(place) == [], "the home is still open")
    with Wire.member(place.service, "ada") as wire:
        assert agree(wire, place.home)[1] == 1


def test_a_kick_tells_the_end_before_the_farewell(place: Place) -> None:
    def kick(wire: Wire, data: socket.socket) -> None:
        place.service.run("kick", "ada")
        wire.tell("NOOP")

    with _upload(place, kick) as wire:
        wire.hear() >> 426
        wire.hear() >> 421
        wire.lost()


def _refuses(place: Place) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(place.service.addresses[0]) != 0


def test_a_shutdown_waits_for_the_write(place: Place) -> None:
    place.become_slow()
    wire = Wire.member(place.service, "ada")
    with place.standing_still_for(wire, "file") as data:
        os.kill(place.pid, signal.SIGTERM)
        until(lambda: _refuses(place), "people are still let in")
    wire.hear() >> 426
    wire.hear() >> 421
    wire.close()
    data.close()
    place.service.stop()
    assert disk(place.home)[1] == 1, "what came is kept"
    assert "ada" in place.service.run("quota", "verify").stdout
    place.service.start()


def test_twenty_at_once_arrive_whole(place: Place) -> None:
    place.become_slow()
    contents = [os.urandom(3 * MIB + i) for i in range(20)]
    codes: list[int] = []

    def store(i: int) -> None:
        with Wire.member(place.service, "ada") as wire:
            codes.append(wire.store(f"STOR {i}", contents[i]).code)

    threads = [threading.Thread(target=store, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [226] * 20
    for i, content in enumerate(contents):
        found = hashlib.sha256((place.home / str(i)).read_bytes()).digest()
        assert found == hashlib.sha256(content).digest()
    with Wire.member(place.service, "ada") as wire:
        agree(wire, place.home)


def test_a_quota_holds_while_threads_write(place: Place) -> None:
    limit = 10 * MIB
    place.service.add_user("ada", quota={"bytes": limit})
    place.become_slow()
    with Wire.member(place.service, "ada") as wire:
        for i in range(6):  # what is written in place only grows, so that it can be added up meanwhile
            wire.store(f"STOR {i}", b"") >> 226
    codes: list[int] = []

    def store(i: int) -> None:
        with Wire.member(place.service, "ada") as wire:
            codes.append(wire.store(f"APPE {i}", b"x" * 4 * MIB).code)

    threads = [threading.Thread(target=store, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert disk(place.home)[0] <= limit
    assert 552 in codes
    with Wire.member(place.service, "ada") as wire:
        assert agree(wire, place.home)[0] <= limit


def test_a_disk_that_is_full_is_told_by_a_thread_too(place: Place, tmp_path: Path) -> None:
    place.become_slow()
    full = place.disk.behind / "full"
    with memory_disk(full, "size=2m"), Wire.member(place.service, "ada") as wire:
        assert wire.store("STOR full/file", b"x" * 5 * MIB).code in (451, 452)
        agree(wire, place.home)
        assert os.listdir(full) == []
        wire.store("STOR full/file", b"x" * MIB) >> 226
        agree(wire, place.home)


def test_a_download_was_ended_as_the_disk_was_late(place: Place) -> None:
    size = 64 * MIB
    (place.disk.behind / "file").write_bytes(b"x" * size)
    with Wire.member(place.service, "ada") as wire, wire.extended() as data:
        wire.say("RETR file") >> 150
        taken = len(data.recv(MIB))
        with place.disk.standing_still():
            data.settimeout(2.5)  # longer than data may stand still
            with contextlib.suppress(TimeoutError):
                while part := len(data.recv(MIB)):
                    taken += part
            assert taken < size
            assert wire.come() == b""
        data.settimeout(PATIENCE)
        while part := len(data.recv(MIB)):
            taken += part
        assert taken == size
        wire.hear() >> 226

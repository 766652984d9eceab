"""A home of a million entries is counted: nobody is disturbed, and its books are exact.

A soak test: `make soak`. What it shows it shows by events: everything that others do is answered while the upload that
waits for the count is not. The delays that it prints say how the machine was; they decide nothing.
"""

import os
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.books import agree
from tests.disks import memory_disk
from tests.service import Service
from tests.wire import Wire

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

DIRECTORIES, LINKS = 500, 1999  # a directory and what is in it: 2000 entries
ENTRIES = DIRECTORIES * (LINKS + 1)
ROUNDS = 10


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system in memory of its own: to unmount it is quicker than to remove a million names."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    with memory_disk(tmp_path / "disk", "size=1g,nr_inodes=0") as place:
        yield place


def fill(home: Path, number: int) -> None:
    """A directory full of hard links of one file of one byte: each name counts."""
    directory = home / f"d{number}"
    directory.mkdir()
    (directory / "0").write_bytes(b"x")
    fd = os.open(directory, os.O_RDONLY)
    for link in range(1, LINKS):
        os.link("0", str(link), src_dir_fd=fd, dst_dir_fd=fd)
    os.close(fd)


class Noops:
    """NOOPs of a session that has nothing else to do, and how long each took."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.milliseconds: list[float] = []

    def say(self, times: int) -> None:
        for _ in range(times):
            began = time.perf_counter()
            self.wire.say("NOOP") >> 200
            self.milliseconds.append((time.perf_counter() - began) * 1000)

    def __str__(self) -> str:
        ordered = sorted(self.milliseconds)
        median, late, worst = (
            ordered[min(int(len(ordered) * part), len(ordered) - 1)] for part in (0.5, 0.99, 1)
        )
        return f"{len(ordered)} NOOPs: median {median:.2f} ms, p99 {late:.2f} ms, worst {worst:.2f} ms"


def answered(wire: Wire) -> bool:
    """Whether a reply has come."""
    return bool(select.select([wire.socket], [], [], 0)[0])


def work(wire: Wire, reading: Wire, number: int) -> None:
    """One round of another user, and a download by the user whose home is being counted."""
    wire.store(f"STOR f{number}", b"x" * 100_000) >> 226
    assert f"f{number}".encode() in wire.fetch("LIST")
    assert wire.fetch(f"RETR f{number}") == b"x" * 100_000
    wire.say("MKD d") >> 257
    wire.say("RMD d") >> 250
    wire.say(f"DELE f{number}") >> 250
    assert reading.fetch("RETR d7/7") == b"x"


def test_a_home_of_a_million_entries_is_counted_and_disturbs_nobody(
    tmp_path: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = disk / "big"
    home.mkdir()
    with ProcessPoolExecutor() as processes:
        list(processes.map(partial(fill, home), range(DIRECTORIES), chunksize=10))
    with Service(tmp_path / "service") as service:
        service.add_user("big", home=str(home), quota={"bytes": 10 * ENTRIES, "files": 2 * ENTRIES})
        service.add_user("other", quota={"bytes": 10**6, "files": 100})
        with (
            Wire.member(service, "other") as other,
            Wire.member(service, "other") as idle,
            Wire.member(service, "big") as reading,
            Wire.member(service, "big") as uploading,
            uploading.extended() as data,
        ):
            work(other, reading, 0)
            before, beside, rounds = Noops(idle), Noops(idle), 0
            before.say(1000)
            uploading.tell("STOR new")
            while not answered(uploading):
                beside.say(20)
                work(other, reading, rounds)
                rounds += not answered(uploading)
            uploading.hear() >> 150
            data.sendall(b"n" * 10)
            data.shutdown(socket.SHUT_WR)
            uploading.hear() >> 226
            assert rounds >= ROUNDS, "the others stood still"
            text = (uploading.say("SITE QUOTA") >> 200).text
            assert f"Bytes: {DIRECTORIES * LINKS + 10} used" in text
            assert f"Entries: {ENTRIES + 1} used" in text
            agree(other, service.home("other"))
            with capsys.disabled():
                print(f"\n{rounds} rounds while {ENTRIES} entries were counted")
                print(f"before: {before}\nbeside: {beside}")

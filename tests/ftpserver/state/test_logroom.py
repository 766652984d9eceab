"""Room for a log that others cannot take."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.state.database import Database
from ftpserver.state.logroom import BYTES, take_room
from tests.disks import memory_disk
from tests.ftpserver.state.test_database import names, open_things

_BLOCK = 512  # what st_blocks counts


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs with room for the log and little more."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    with memory_disk(tmp_path / "disk", f"size={BYTES + 256 * 1024}") as place:
        yield place


def fill(place: Path) -> None:
    """Take all the room that is left."""
    with (place / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))
    assert os.statvfs(place).f_bavail == 0


def write(database: Database, count: int) -> None:
    for number in range(count):
        with database.writing:
            database.execute("INSERT INTO thing VALUES (?)", (f"{number:03}",))


def test_the_blocks_are_there_and_the_file_is_as_long_as_before(disk: Path) -> None:
    log = disk / "log"
    log.write_bytes(b"some")
    assert take_room(log)
    assert log.read_bytes() == b"some"
    assert log.stat().st_blocks * _BLOCK >= BYTES


def test_where_there_is_none_nothing_changes(disk: Path) -> None:
    log = disk / "log"
    log.write_bytes(b"some")
    fill(disk)
    assert not take_room(log)
    assert not take_room(disk / "no such file")
    assert log.read_bytes() == b"some"


def test_a_database_is_written_while_its_disk_is_full(disk: Path) -> None:
    things = open_things(disk)
    fill(disk)
    write(things, 20)
    assert names(things) == [f"{number:03}" for number in range(20)]
    things.close()


def test_a_checkpoint_takes_the_room_that_was_not_there_at_first(disk: Path) -> None:
    open_things(disk).close()
    fill(disk)
    (disk / "filler").rename(disk / "other")
    os.truncate(disk / "other", (disk / "other").stat().st_size - 128 * 1024)
    things = open_things(disk)
    (disk / "other").unlink()
    things.checkpoint()
    fill(disk)
    write(things, 20)
    things.close()

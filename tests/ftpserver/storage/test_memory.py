"""ftpserver.storage.memory: what is in memory, on file systems that tell and on those that do not."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.storage import memory
from ftpserver.storage.memory import at_hand, fetch

SIZE = 3_000_000


@pytest.fixture(autouse=True)
def _nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_mute", {})  # a number of a device may be that of an earlier test


def opened(path: Path) -> tuple[int, int]:
    """A file of some size in this directory: its descriptor and its device."""
    (path / "file").write_bytes(b"x" * SIZE)
    fd = os.open(path / "file", os.O_RDONLY)
    return fd, os.fstat(fd).st_dev


def is_there(fd: int) -> bool:
    """What the system says of the last byte."""
    try:
        return bool(os.preadv(fd, [bytearray(1)], SIZE - 1, os.RWF_NOWAIT))
    except BlockingIOError:
        return False


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Path]:
    """A file system of another kind than any disk's, which cannot tell what it has."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("only root may mount a file system, and only where there is FUSE")
    behind, mounted = tmp_path / "behind", tmp_path / "mounted"
    behind.mkdir()
    mounted.mkdir()
    subprocess.run(["bindfs", behind, mounted], check=True)
    yield mounted
    subprocess.run(["umount", "--lazy", mounted], check=True)


def test_what_was_dropped_is_not_there_until_it_is_fetched(tmp_path: Path) -> None:
    fd, device = opened(tmp_path)
    os.fsync(fd)
    try:
        os.preadv(fd, [bytearray(1)], SIZE - 1, os.RWF_NOWAIT)
    except OSError:
        pytest.skip("the file system of the temporary directory cannot tell")
    assert at_hand(fd, device, 0, SIZE)
    dropped = False
    for _ in range(100):  # asking may make the system read it
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        if not at_hand(fd, device, 0, SIZE):
            break
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        dropped = dropped or not is_there(fd)
    else:
        os.close(fd)
        assert not dropped, "it is never told that it has to be read"
        pytest.skip("this machine is too busy to drop what it has in memory")
    fetch(fd, 0, SIZE + 1000)  # to the end, and no farther
    assert at_hand(fd, device, 0, SIZE)
    os.close(fd)


def test_a_file_system_in_memory_has_everything(tmpfs: Path) -> None:
    fd, device = opened(tmpfs)
    assert at_hand(fd, device, 0, SIZE)
    assert at_hand(fd, device, 0, 1)
    os.close(fd)


@pytest.mark.needs("bindfs")
def test_one_that_cannot_tell_is_taken_to_have_nothing(slow: Path) -> None:
    fd, device = opened(slow)
    fetch(fd, 0, SIZE)
    assert not at_hand(fd, device, 0, 1)
    os.close(fd)

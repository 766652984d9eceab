"""ftpserver.data.disk: all is written, and what is known of a disk by it."""

import errno
import os
import resource
import threading
from pathlib import Path

import pytest

from ftpserver.data import disk
from ftpserver.data.disk import device_of, is_quick, note, some_are_slow, write
from tests.disks import Disk


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_quick", {})
    monkeypatch.setattr(disk, "_some_slow_until", 0.0)


def test_all_of_it_is_written_where_it_belongs(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    assert write(fd, memoryview(b"cdef"), 2) is False
    assert write(fd, b"ab", 0) is False
    assert write(fd, b"", 100) is False
    assert os.pread(fd, 100, 0) == b"abcdef"
    os.close(fd)


def test_a_write_that_ends_half_way_is_told(tmp_path: Path) -> None:
    """The first call writes a part, the next one says why there is no more."""
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        with pytest.raises(OSError, match="large") as caught:
            write(fd, b"x" * 1500, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert caught.value.errno == errno.EFBIG
    assert os.fstat(fd).st_size == 1000
    os.close(fd)


@pytest.mark.needs("bindfs")
def test_a_write_that_takes_long_says_so(tmp_path: Path) -> None:
    with Disk(tmp_path / "behind", tmp_path / "mounted") as slow:
        fd = os.open(tmp_path / "mounted" / "file", os.O_RDWR | os.O_CREAT)
        with slow.standing_still():
            found: list[bool] = []
            thread = threading.Thread(target=lambda: found.append(write(fd, b"x", 0)))
            thread.start()
            thread.join(2 * disk.LONG)
            assert thread.is_alive()
        thread.join()
        assert found == [True]
        os.close(fd)


def test_what_is_known_of_a_disk_wears_off(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        device = device_of(file.fileno())
    assert is_quick(device) is None
    note(device, long=False)
    assert is_quick(device) is True
    assert not some_are_slow()
    note(device, long=True)
    note(device, long=False)  # a quick one among slow ones proves nothing
    assert is_quick(device) is False
    assert some_are_slow()
    assert is_quick(device + 1) is None
    monkeypatch.setattr(disk, "_DISTRUSTED", 0.0)
    note(device, long=True)
    assert is_quick(device) is None
    assert not some_are_slow()

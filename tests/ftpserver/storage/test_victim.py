import errno
import fcntl
import os
from pathlib import Path

import pytest

from ftpserver.storage.base import Identity, Removed, StorageBusy
from ftpserver.storage.victim import Victim, hold, identity_of, lock


def gone(removed: Removed | None) -> tuple[int, int, bool] | None:
    return None if removed is None else (removed.size, removed.entries, removed.exact)


def test_what_vanished_is_known(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "f").write_bytes(b"12345")
    os.link(tmp_path / "f", tmp_path / "g")
    for name in ("f", "g"):
        with Victim.take(name, directory) as victim:
            os.unlink(name, dir_fd=directory)
            assert gone(victim.removed()) == (5, 1, True)
    (tmp_path / "link").symlink_to("/")
    with Victim.take("link", directory) as victim:
        os.unlink("link", dir_fd=directory)
        assert gone(victim.removed()) == (0, 1, True)
    (tmp_path / "d").mkdir()
    with Victim.take("d", directory) as victim:
        os.rmdir("d", dir_fd=directory)
        assert gone(victim.removed()) == (0, 1, True)
    os.close(directory)


def test_an_act_that_hit_another_is_not_exact(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "f").write_bytes(b"12345")
    with Victim.take("f", directory) as victim:
        os.rename(tmp_path / "f", tmp_path / "moved")
        (tmp_path / "f").write_bytes(b"other")
        os.unlink("f", dir_fd=directory)
        assert gone(victim.removed()) == (5, 1, False)
    (tmp_path / "f").write_bytes(b"12345")
    with Victim.take("f", directory) as victim:
        with (tmp_path / "f").open("ab") as file:
            file.write(b"more")
        os.unlink("f", dir_fd=directory)
        assert not victim.removed().exact
    os.close(directory)


def test_one_written_in_place_is_busy(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "f").touch()
    with (tmp_path / "f").open("r+b") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        with pytest.raises(StorageBusy) as raised:
            Victim.take("f", directory)
        assert raised.value.errno == errno.EBUSY
    with Victim.take("f", directory), pytest.raises(StorageBusy):
        Victim.take("f", directory)
    with pytest.raises(FileNotFoundError):
        Victim.take("x", directory)
    os.close(directory)


def test_a_fifo_is_held_without_opening_it(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    os.mkfifo(tmp_path / "fifo")
    fd = hold("fifo", directory, os.stat(tmp_path / "fifo"))
    assert identity_of(os.fstat(fd)) == Identity(*(os.stat(tmp_path / "fifo"))[2:0:-1])
    assert not lock(fd)  # O_PATH
    os.close(fd)
    os.close(directory)


def test_one_that_cannot_be_locked_is_never_exact(tmp_path: Path) -> None:
    """As an ordinary user, for whom a file without read bits does not open."""
    directory = os.open(tmp_path, os.O_RDONLY)
    os.fchown(directory, 65534, -1)
    (tmp_path / "f").write_bytes(b"12345")
    (tmp_path / "f").chmod(0)
    os.seteuid(65534)
    try:
        with Victim.take("f", directory) as victim:
            os.unlink("f", dir_fd=directory)
            assert gone(victim.removed()) == (5, 1, False)
    finally:
        os.seteuid(0)
    os.close(directory)

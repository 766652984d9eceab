import errno
import fcntl
import os
from pathlib import Path

import pytest

from ftpserver.storage.hidden import (
    is_hidden,
    make_hidden,
    new_name,
    refuse_hidden,
    remove_dead,
    remove_dead_only,
    sweep_staging,
)
from ftpwire.pathname import VirtualPath


def test_names_are_known_again_and_only_they() -> None:
    name = new_name()
    assert is_hidden(name)
    assert new_name() != name
    for other in (name + "x", "x" + name, name.upper(), ".ftpserver-12.part", ".ftpserver-", name + "\n"):
        assert not is_hidden(other)
        refuse_hidden(VirtualPath("/" + other))


def test_clients_cannot_say_them_anywhere() -> None:
    for path in ("/{}", "/a/{}", "/{}/b", "/a/{}/b"):
        with pytest.raises(FileNotFoundError):
            refuse_hidden(VirtualPath(path.format(new_name())))
    with pytest.raises(PermissionError):
        refuse_hidden(VirtualPath("/" + new_name()), errno.EPERM)


def test_a_living_one_stays_and_a_dead_one_goes(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    fd, name = make_hidden(directory, 0o600)
    assert is_hidden(name)
    assert not remove_dead(directory, name)
    assert sweep_staging(tmp_path) == 0
    os.close(fd)
    assert sweep_staging(tmp_path) == 1
    assert not (tmp_path / name).exists()
    assert remove_dead(directory, name)
    os.close(directory)


def test_the_sweep_takes_nothing_else(tmp_path: Path) -> None:
    others = ["file", ".ftpserver-x.part"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / new_name()).mkdir()
    (tmp_path / new_name()).symlink_to("file")
    os.mkfifo(tmp_path / new_name())
    before = sorted(os.listdir(tmp_path))
    (tmp_path / new_name()).touch()
    assert sweep_staging(tmp_path) == 1
    assert sorted(os.listdir(tmp_path)) == before
    assert sweep_staging(tmp_path / "missing") == 0


def test_a_directory_of_only_dead_ones_is_emptied(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    assert not remove_dead_only(directory)
    dead = tmp_path / new_name()
    dead.touch()
    (tmp_path / "file").touch()
    assert not remove_dead_only(directory)
    assert dead.exists()
    (tmp_path / "file").unlink()
    with dead.open() as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        assert not remove_dead_only(directory)
    assert remove_dead_only(directory)
    assert os.listdir(tmp_path) == []
    os.close(directory)

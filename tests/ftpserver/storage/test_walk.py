"""ftpserver.storage.walk: a home that no session has open, walked."""

import os
from pathlib import Path

import pytest

from ftpserver.quota.base import total
from ftpserver.storage.walk import walk_home


def test_what_is_there_is_found(tmp_path: Path) -> None:
    home = tmp_path / "homes" / "ada"
    (home / "d").mkdir(parents=True)
    (home / "file").write_bytes(b"f" * 10)
    os.link(home / "file", home / "d" / "hard")
    (home / "soft").symlink_to("file")
    assert total(walk_home(home, tmp_path / "homes")) == (20, 4)


def test_a_home_that_was_never_made_is_empty_and_stays_unmade(tmp_path: Path) -> None:
    assert total(walk_home(tmp_path / "homes" / "ada", tmp_path / "homes")) == (0, 0)
    assert not (tmp_path / "homes").exists()


def test_what_is_no_directory_is_an_error_and_not_empty(tmp_path: Path) -> None:
    (tmp_path / "ada").write_text("file")
    with pytest.raises(NotADirectoryError):
        total(walk_home(tmp_path / "ada", tmp_path))


def test_a_relative_home_is_not_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ada").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        total(walk_home(Path("ada"), tmp_path))


def test_no_descriptor_is_left_even_when_nobody_walks_to_the_end(tmp_path: Path) -> None:
    for i in range(3000):
        (tmp_path / f"f{i}").touch()
    before = len(os.listdir("/proc/self/fd"))
    walk = walk_home(tmp_path, tmp_path)
    next(walk)
    assert len(os.listdir("/proc/self/fd")) > before
    walk.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/proc/self/fd")) == before

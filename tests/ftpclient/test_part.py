"""The part of a download: never in the way of the target, never written by two, kept if it holds something."""

import os
from pathlib import Path

import pytest

from ftpclient.part import PartFile, part_path


def test_the_target_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_bytes(b"old")
    target.chmod(0o640)
    part = PartFile(target, resume=False)
    part.restart()
    part.file.write(b"new content")
    assert target.read_bytes() == b"old"
    part.commit(1_600_000_000)
    part.close()
    assert target.read_bytes() == b"new content"
    assert target.stat().st_mtime == 1_600_000_000
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["f"]


def test_what_has_arrived_stays_and_nothing_is_removed(tmp_path: Path) -> None:
    target = tmp_path / "f"
    PartFile(target, resume=False).close()
    assert os.listdir(tmp_path) == []
    part = PartFile(target, resume=False)
    part.file.write(b"half")
    part.close()
    assert part_path(target).read_bytes() == b"half"
    part = PartFile(target, resume=True)
    assert part.have == 4
    part.close()
    part = PartFile(target, resume=False)
    assert part.have == 0
    part.close()


def test_a_target_is_continued_only_once_accepted(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_bytes(b"half")
    part = PartFile(target, resume=True)
    assert part.have == 4
    assert os.listdir(tmp_path) == ["f"]
    part.accept()
    assert os.listdir(tmp_path) == [part_path(target).name]
    part.file.seek(0, os.SEEK_END)
    part.file.write(b" and half")
    part.commit(None)
    part.close()
    assert target.read_bytes() == b"half and half"


def test_a_target_that_does_not_match_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_bytes(b"precious")
    part = PartFile(target, resume=True)
    part.restart()
    part.file.write(b"x")
    part.close()
    assert target.read_bytes() == b"precious"


def test_two_programs_never_write_one_part(tmp_path: Path) -> None:
    part = PartFile(tmp_path / "f", resume=False)
    with pytest.raises(BlockingIOError, match="another program"):
        PartFile(tmp_path / "f", resume=False)
    part.close()


def test_a_part_is_never_opened_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "f"
    part_path(target).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        PartFile(target, resume=False)
    assert not (tmp_path / "elsewhere").exists()


def test_the_longest_name_has_a_part_too(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 255)
    part = PartFile(target, resume=False)
    part.file.write(b"x")
    part.commit(None)
    part.close()
    assert target.exists()

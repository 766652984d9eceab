import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ftpserver.storage.count import STEP, count
from ftpserver.storage.hidden import new_name


@contextmanager
def directory(path: Path) -> Iterator[int]:
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def total(path: Path) -> tuple[int, int]:
    with directory(path) as fd:
        steps = list(count(fd))
    return sum(size for size, _ in steps), sum(entries for _, entries in steps)


def test_what_counts(tmp_path: Path) -> None:
    assert total(tmp_path) == (0, 0)
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "f").write_bytes(b"12345")
    os.link(tmp_path / "a" / "f", tmp_path / "a" / "b" / "g")
    (tmp_path / "link").symlink_to("/usr")
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(10**12)
    assert total(tmp_path) == (10**12 + 10, 7)


def test_dead_leftovers_go_and_living_ones_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    dead, alive = tmp_path / "d" / new_name(), tmp_path / new_name()
    dead.write_bytes(b"x" * 100)
    with alive.open("wb") as file:
        file.write(b"x" * 100)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert total(tmp_path) == (0, 1)
        assert (dead.exists(), alive.exists()) == (False, True)


def test_a_big_directory_comes_in_steps(tmp_path: Path) -> None:
    for number in range(2 * STEP + 5):
        (tmp_path / str(number)).touch()
    with directory(tmp_path) as fd:
        assert [entries for _, entries in count(fd)] == [STEP, STEP, 5]


def test_a_tree_deeper_than_a_path_and_than_descriptors(tmp_path: Path) -> None:
    depth = 3000
    with directory(tmp_path) as fd:
        here = os.dup(fd)
        for _ in range(depth):
            os.mkdir("directory", dir_fd=here)
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
            below = os.open("directory", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
    try:
        assert total(tmp_path) == (0, 2 * depth)
    finally:
        for _ in range(depth):  # shutil.rmtree would recurse as deep
            above = os.open("..", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = above
            os.unlink("file", dir_fd=here)
            os.rmdir("directory", dir_fd=here)
        os.close(here)


def test_what_vanishes_on_the_way_is_not_counted(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name / "deep").mkdir(parents=True)
    with directory(tmp_path) as fd:
        steps = count(fd)
        assert next(steps) == (0, 3)
        (tmp_path / "a" / "deep").rmdir()
        (tmp_path / "a").rmdir()
        (tmp_path / "b" / "deep").rmdir()
        (tmp_path / "b").rmdir()
        (tmp_path / "b").symlink_to("c")
        assert sum(entries for _, entries in steps) == 1


@pytest.mark.parametrize("onto", ["outside", "home/spare"])
def test_directories_moved_from_under_the_walk(tmp_path: Path, onto: str) -> None:
    home, names = tmp_path / "home", [f"n{number}" for number in range(10)]
    (tmp_path / "outside").mkdir()
    for name in names:
        (home / name / "b" / "c").mkdir(parents=True)
        (home / name / "own").write_bytes(b"1")
        (tmp_path / name).mkdir()
        (tmp_path / name / "secret").write_bytes(b"x" * 1000)
    (home / "spare").mkdir()
    size = 0
    with directory(home) as fd:
        for step in count(fd):
            size += step[0]
            if step == (0, 1) and (home / names[0] / "b").exists():  # now it is in one of the "b"
                for name in names:
                    os.rename(home / name / "b", tmp_path / onto / name)
    assert size == len(names)  # "..", believed, would have led it to the secrets


def test_a_walk_that_is_left_closes_its_descriptors(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with directory(tmp_path) as fd:
        untouched, begun = count(fd), count(fd)
        next(begun)
        next(begun)
        begun.close()
        del untouched

import os
from pathlib import Path

import pytest

from ftpserver.storage.entries import entry_of, scan, target_of
from ftpserver.storage.hidden import new_name
from ftpwire.entry import Kind


def test_an_entry_has_the_facts_of_the_disk(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"12345")
    file.chmod(0o640)
    os.utime(file, (1, 1234567890.5))
    entry = entry_of("f", file.stat())
    assert (entry.kind, entry.size, entry.modified, entry.mode) == (Kind.FILE, 5, 1234567890.5, 0o640)
    os.link(file, tmp_path / "g")
    assert entry_of("g", (tmp_path / "g").stat()).unique == entry.unique
    assert entry_of("g", (tmp_path / "g").stat()).links == 2


def test_a_scan_describes_each_kind_and_follows_none(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"123")
    (tmp_path / "d").mkdir()
    (tmp_path / "l").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "p")
    (tmp_path / os.fsdecode(b"\xff")).touch()
    (tmp_path / new_name()).touch()
    found = {entry.name: (entry.kind, entry.target) for entry in scan(os.open(tmp_path, os.O_RDONLY))}
    assert found == {
        "f": (Kind.FILE, None),
        "d": (Kind.DIRECTORY, None),
        "l": (Kind.LINK, "/etc/passwd"),
        "p": (Kind.OTHER, None),
        "\udcff": (Kind.FILE, None),
    }
    directory = os.open(tmp_path, os.O_RDONLY)
    assert target_of("f", directory) is None
    os.close(directory)


def test_a_scan_is_lazy_and_skips_what_vanishes(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"f{number}").touch()
    entries = scan(os.open(tmp_path, os.O_RDONLY))
    next(entries)
    for number in range(100):
        (tmp_path / f"f{number}").unlink()
    assert list(entries) == []


def test_a_scan_that_is_left_closes_its_descriptor(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    untouched, begun = scan(os.open(tmp_path, os.O_RDONLY)), scan(os.open(tmp_path, os.O_RDONLY))
    next(begun)
    begun.close()
    del untouched  # the check for leaks is every test's
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        scan(fd)

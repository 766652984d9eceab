"""ftpserver.storage.listing: a directory in chunks of lines."""

import os
from pathlib import Path

import pytest

from ftpserver.storage.hidden import new_name
from ftpserver.storage.listing import in_chunks, listing
from ftpwire.facts import FactLine
from ftpwire.listing import UnixLine

FORMS = [None, UnixLine(1_790_000_000.0), FactLine()]


def opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def names(path: Path) -> list[str]:
    text = b"".join(listing(opened(path), FactLine(frozenset()))).decode("utf-8", "surrogateescape")
    assert text == b"".join(
        b" %s\r\n" % line for line in b"".join(listing(opened(path), None)).split(b"\r\n")[:-1]
    ).decode("utf-8", "surrogateescape")
    return [line[1:] for line in text.split("\r\n")[:-1]]


def test_few_names_are_sorted_and_many_are_complete(tmp_path: Path) -> None:
    wanted = sorted(f"f{number}" for number in range(256))
    for name in reversed(wanted):
        (tmp_path / name).touch()
    (tmp_path / new_name()).touch()
    assert names(tmp_path) == wanted
    for number in range(256, 3000):
        (tmp_path / f"f{number}").touch()
    assert sorted(names(tmp_path)) == sorted(f"f{number}" for number in range(3000))


def test_an_empty_directory_has_no_chunk(tmp_path: Path) -> None:
    (tmp_path / new_name()).touch()
    for form in FORMS:
        assert list(listing(opened(tmp_path), form)) == []


def test_every_chunk_is_whole_lines_and_the_first_is_short(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"f{number}").touch()
    for form in FORMS:
        chunks = list(listing(opened(tmp_path), form))
        assert chunks[0].count(b"\r\n") == 257
        assert all(chunk.endswith(b"\r\n") for chunk in chunks)
        assert sum(chunk.count(b"\r\n") for chunk in chunks) == 3000
    assert [chunk.count(b"\r\n") for chunk in in_chunks(iter("abc" * 500))] == [257, 1000, 243]
    assert list(in_chunks(iter(()))) == []


def test_what_vanishes_is_left_out_and_does_not_end_the_listing(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"f{number}").touch()
    chunks = listing(opened(tmp_path), FactLine(frozenset()))
    first = next(chunks)
    for name in os.listdir(tmp_path):
        (tmp_path / name).unlink()
    assert list(chunks) == []
    assert first.count(b"\r\n") == 257


@pytest.mark.parametrize("form", FORMS)
def test_a_listing_that_is_left_closes_its_descriptor(
    tmp_path: Path, form: UnixLine | FactLine | None
) -> None:
    for number in range(600):
        (tmp_path / f"f{number}").touch()
    untouched, begun = listing(opened(tmp_path), form), listing(opened(tmp_path), form)
    next(begun)
    begun.close()
    del untouched  # the check for leaks is every test's
    fd = os.open(tmp_path / "f0", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        listing(fd, form)

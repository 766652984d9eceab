"""Digests of a part of a file."""

import hashlib
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.data.digest import HASHES, digest

CONTENT = os.urandom(2_500_000)


class Ended(Exception):
    pass


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[int]:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    opened = os.open(file, os.O_RDONLY)
    yield opened
    os.close(opened)


@pytest.mark.parametrize(("first", "end"), [(0, len(CONTENT)), (0, 0), (7, 8), (1_048_575, 2_097_153)])
@pytest.mark.parametrize("name", HASHES)
def test_a_part_has_the_digest_that_others_tell(fd: int, name: str, first: int, end: int) -> None:
    part = CONTENT[first:end]
    if name == "CRC32":
        expected = f"{zlib.crc32(part):08X}"
    else:
        expected = hashlib.new(name.replace("-", "").lower(), part).hexdigest()
    assert digest(name, fd, first, end, lambda: None) == (expected, end)


def test_a_file_that_became_shorter_ends_before(fd: int) -> None:
    told = digest("SHA-256", fd, 5, len(CONTENT) + 100, lambda: None)
    assert told == (hashlib.sha256(CONTENT[5:]).hexdigest(), len(CONTENT))


def test_it_ends_between_two_chunks_when_it_is_told_to(fd: int) -> None:
    def end() -> None:
        raise Ended

    with pytest.raises(Ended):
        digest("MD5", fd, 0, len(CONTENT), end)

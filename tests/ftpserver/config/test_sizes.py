"""Sizes: what people write, exactly, and back for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpserver.config.sizes import LARGEST, format_size, parse_size


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (0, 0),
        (1048576, 1048576),
        ("0", 0),
        ("1048576", 1048576),
        ("10MiB", 10 * 2**20),
        ("10 MiB", 10 * 2**20),
        ("10mib", 10 * 2**20),
        ("1GB", 10**9),
        ("1kB", 1000),
        ("1KB", 1000),
        ("512B", 512),
        ("1.5GiB", 3 * 2**29),
        ("0.1 KiB", 102),
        ("7EiB", 7 * 2**60),
        (LARGEST, LARGEST),
    ],
)
def test_sizes(written: object, size: int) -> None:
    assert parse_size(written) == size


@pytest.mark.parametrize(
    "written",
    [
        "", " ", "10M", "10 Mib/s", "-1", -1, "+1", "1_000", "\u0661", "1.5", "1.5 B", "1e6", "MiB", "0x10",
        "10\nMiB", "10MiB ", "1.GiB", ".5GiB", True, None, 1.5, [], "8EiB", LARGEST + 1, "9" * 20,
    ],
)  # fmt: skip
def test_refused(written: object) -> None:
    with pytest.raises(ValueError, match=r"size|unit|whole|between"):
        parse_size(written)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536, "1.5 KiB"),
        (2**20 - 1, "1.0 MiB"),
        (2**20, "1.0 MiB"),
        (10**9, "953.7 MiB"),
        (2**30 * 5, "5.0 GiB"),
        (LARGEST, "8.0 EiB"),
    ],
)
def test_shown_to_people(size: int, shown: str) -> None:
    assert format_size(size) == shown


@given(st.integers(0, LARGEST))
def test_what_is_shown_can_be_written(size: int) -> None:
    shown = format_size(size)
    if size < 2**62:  # "8.0 EiB" itself is one byte too many
        assert abs(parse_size(shown) - size) <= size / 20

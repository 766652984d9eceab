"""ftpwire.line: lines end at LF, Telnet is gone, a long line is one None, and chunks do not matter."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ftpwire.line import MAX_LINE, LineReader

LIMIT = 8
SALIENT = st.lists(
    st.sampled_from(
        [b"\n", b"\r", b"\xff", b"\xfb", b"\xfe", b"\xf0", b"\xf4", b"\xef", b"\0", b"a", b"bcdefg", b" "]
    ),
    max_size=40,
).map(b"".join)


def whole(data: bytes, limit: int = LIMIT) -> list[bytes | None]:
    return LineReader(limit).feed(data)


def model(data: bytes, limit: int) -> list[bytes | None]:
    """The rules once more, a byte at a time and without chunks: Telnet first, then lines."""
    plain, at = bytearray(), 0
    while at < len(data):
        following = data[at + 1 : at + 2]
        if data[at] != 0xFF or (following and following[0] < 0xF0):
            plain.append(data[at])
            at += 1
        elif following == b"\xff":
            plain.append(0xFF)
            at += 2
        else:
            at += 3 if following and following[0] >= 0xFB else 2
    *ended, rest = bytes(plain).split(b"\n")
    lines = [line[:-1] if line.endswith(b"\r") else line for line in ended]
    found: list[bytes | None] = [line if len(line) <= limit else None for line in lines]
    if len(rest) > limit + (1 if rest[limit:] == b"\r" else 0):
        found.append(None)
    return found


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"NOOP\r\n", [b"NOOP"]),
        (b"NOOP\n", [b"NOOP"]),
        (b"\r\n", [b""]),
        (b"\n", [b""]),
        (b"A\r\r\n", [b"A\r"]),
        (b"A\rB\r\n", [b"A\rB"]),
        (b"A\0B\r\n", [b"A\0B"]),
        (b" A \r\n", [b" A "]),
        (b"A\r\nB\nC\r\n", [b"A", b"B", b"C"]),
        (b"", []),
        (b"A", []),
        (b"A\r", []),
    ],
)
def test_a_line_ends_at_lf_and_at_most_one_cr_goes_with_it(data: bytes, lines: list[bytes]) -> None:
    assert whole(data) == lines
    reader = LineReader(LIMIT)
    assert [line for byte in data for line in reader.feed(bytes([byte]))] == lines


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"\xff\xf4\xff\xf2ABOR", b"ABOR"),  # IP and Synch before ABOR, as RFC 959 asks
        (b"A\xff\xffB", b"A\xffB"),
        (b"A\xff\xff\xff\xf1B", b"A\xffB"),
        (b"\xff\xff\xf4A", b"\xff\xf4A"),
        (b"\xff\xfd\x01A", b"A"),
        (b"\xff\xfb\xffA", b"A"),
        (b"\xff\xfe\nA", b"A"),  # the option is a byte like any other
        (b"\xff\xefA", b"\xff\xefA"),
        (b"\xffA", b"\xffA"),
        (b"A\xff", b"A\xff"),
        (b"\xff\r", b"\xff"),
    ],
)
def test_telnet_is_removed_wherever_it_is_cut(data: bytes, line: bytes) -> None:
    data += b"\n"
    assert whole(data) == [line]
    for cut in range(len(data) + 1):
        reader = LineReader(LIMIT)
        assert reader.feed(data[:cut]) + reader.feed(data[cut:]) == [line]
        assert reader.pending == 0
    reader = LineReader(LIMIT)
    assert [line for byte in data for line in reader.feed(bytes([byte]))] == [line]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("step", [1, 2, 3, 1000])
def test_the_limit_counts_the_line_without_its_end(end: bytes, step: int) -> None:
    for length, expected in ((LIMIT - 1, b"x" * (LIMIT - 1)), (LIMIT, b"x" * LIMIT), (LIMIT + 1, None)):
        data = b"x" * length + end + b"NOOP\r\n"
        reader = LineReader(LIMIT)
        lines = [line for at in range(0, len(data), step) for line in reader.feed(data[at : at + step])]
        assert lines == [expected, b"NOOP"]
        assert whole(b"x" * length + end) == [expected]


def test_an_endless_line_is_one_none_at_once_and_holds_nothing() -> None:
    reader = LineReader()
    assert reader.feed(b"x" * (MAX_LINE + 1)) == [None]
    for _ in range(100):
        assert reader.feed(b"DELE precious \xff\xff" * 1000) == []
        assert reader.pending <= 1
    assert reader.feed(b"DELE precious\r\nNOOP\r\n") == [b"NOOP"]


def test_the_tail_of_a_long_line_is_never_a_line() -> None:
    assert whole(b"x" * 20 + b"\rQUIT\r\nNOOP\r\n") == [None, b"NOOP"]


def test_a_long_line_that_arrives_at_once_is_one_none() -> None:
    assert whole(b"x" * 20 + b"\n" + b"y" * 20 + b"\n") == [None, None]


def test_doubled_iac_counts_once() -> None:
    assert whole(b"\xff\xff" * LIMIT + b"\r\n") == [b"\xff" * LIMIT]


def test_pending_counts_what_is_held_and_clear_forgets_it() -> None:
    reader = LineReader(LIMIT)
    reader.feed(b"PASS\xff")
    assert reader.pending == 5
    reader.clear()
    assert reader.pending == 0
    assert reader.feed(b"\xf4\n") == [b"\xf4"]
    reader.feed(b"x" * 20)
    reader.clear()
    assert reader.feed(b"NOOP\r\n") == [b"NOOP"]


@given(SALIENT | st.binary(max_size=60), st.randoms(use_true_random=False))
@example(b"xxxxxxxx\r\n", random.Random(0))
@example(b"xxxxxxxx\rx\n", random.Random(0))
def test_chunks_do_not_matter_and_the_model_agrees(data: bytes, dice: random.Random) -> None:
    reader, lines, at = LineReader(LIMIT), [], 0
    while at < len(data):
        size = dice.randint(1, 5)
        lines += reader.feed(data[at : at + size])
        assert reader.pending <= LIMIT + 3
        at += size
    assert lines == whole(data) == model(data, LIMIT)

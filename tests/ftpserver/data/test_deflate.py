"""MODE Z: compressed chunks expand to what they were, in any pieces; what is broken or cut is told."""

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpserver.data.deflate import STEP, DeflatedChunks, Inflate
from ftpserver.data.text import FromNetwork


class Given:
    """Chunks that a test has given."""

    def __init__(self, chunks: list[bytes]) -> None:
        self.of_a_file = False
        self.blocking = False
        self._chunks = iter(chunks)

    def next(self) -> bytes:
        return next(self._chunks, b"")


def drawn(chunks: DeflatedChunks) -> list[bytes]:
    """Every chunk until the empty one."""
    return list(iter(chunks.next, b""))


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=10), st.integers(1, 9))
def test_what_is_compressed_is_one_zlib_stream(parts: list[bytes], level: int) -> None:
    chunks = DeflatedChunks(Given(parts), level)
    assert zlib.decompress(b"".join(drawn(chunks))) == b"".join(parts)
    assert chunks.next() == b""


def test_no_chunk_of_a_compressor_that_still_collects_is_the_end() -> None:
    """zlib swallows small chunks whole; an empty chunk would end the transfer."""
    chunks = drawn(DeflatedChunks(Given([b"a"] * 5000)))
    assert all(chunks)
    assert zlib.decompress(b"".join(chunks)) == b"a" * 5000


def test_compressing_is_work_for_a_thread() -> None:
    assert DeflatedChunks(Given([])).blocking


@given(data=st.binary(max_size=2000), cuts=st.lists(st.integers(0, 2000), max_size=8))
def test_expanding_does_not_depend_on_the_pieces(data: bytes, cuts: list[int]) -> None:
    expand = Inflate()
    told = b"".join(expand.convert(piece) for piece in pieces(zlib.compress(data), cuts))
    assert told + expand.finish() == data


@given(data=st.binary(max_size=400), cut=st.integers(0, 400))
def test_a_stream_that_was_cut_is_told(data: bytes, cut: int) -> None:
    whole = zlib.compress(data)
    expand = Inflate()
    if cut:
        expand.convert(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(ConnectionAbortedError, match="cut"):
        expand.finish()


def test_what_is_no_stream_is_told() -> None:
    with pytest.raises(ConnectionAbortedError, match="broken"):
        Inflate().convert(b"plain text, as a client that forgot MODE Z sends it")


def test_a_damaged_stream_is_told() -> None:
    whole = bytearray(zlib.compress(b"something" * 100))
    whole[-1] ^= 1
    with pytest.raises(ConnectionAbortedError, match="broken"):
        Inflate().convert(bytes(whole))


@pytest.mark.parametrize("together", [True, False])
def test_nothing_may_follow_the_end_of_the_stream(together: bool) -> None:
    expand, whole = Inflate(), zlib.compress(b"all")
    last = whole + b"more"
    if not together:
        expand.convert(whole)
        last = b"more"
    with pytest.raises(ConnectionAbortedError, match="more after the end"):
        expand.convert(last)


def test_text_is_converted_after_it_is_expanded() -> None:
    expand = Inflate(FromNetwork())
    told = b"".join(expand.convert(bytes([byte])) for byte in zlib.compress(b"one\r\ntwo\rthree\r"))
    assert told + expand.finish() == b"one\ntwo\rthree\r"


def test_a_step_of_a_bomb_is_a_few_megabytes() -> None:
    bomb = zlib.compress(bytes(16 * 1024 * 1024))
    expand = Inflate()
    assert expand.step == STEP
    most = max(len(expand.convert(bomb[i : i + STEP])) for i in range(0, len(bomb), STEP))
    assert most < 5 * 1024 * 1024

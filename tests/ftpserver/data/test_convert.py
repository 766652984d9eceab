"""What every inbound converter promises its receiver, proved on each of them."""

import zlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpserver.data.convert import Converter
from ftpserver.data.deflate import Inflate
from ftpserver.data.mover import STEP
from ftpserver.data.text import FromNetwork

CONVERTERS: dict[str, tuple[Callable[[], Converter], Callable[[bytes], bytes]]] = {
    "text": (FromNetwork, lambda data: data.replace(b"\n", b"\r\n")),
    "deflate": (Inflate, zlib.compress),
    "deflated text": (
        lambda: Inflate(FromNetwork()),
        lambda data: zlib.compress(data.replace(b"\n", b"\r\n")),
    ),
}


@pytest.mark.parametrize("kind", CONVERTERS)
@given(
    data=st.lists(st.sampled_from([b"a", b"\n", b"\0", b"\xff\xfe"]), max_size=60).map(b"".join),
    cuts=st.lists(st.integers(0, 80), max_size=6),
)
def test_the_file_is_the_same_however_the_network_cuts_it(kind: str, data: bytes, cuts: list[int]) -> None:
    make, encode = CONVERTERS[kind]
    wire, converter = encode(data), make()
    edges = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    told = [converter.convert(wire[a:b]) for a, b in pairwise(edges) if a < b]
    assert b"".join(told) + converter.finish() == data


@pytest.mark.parametrize("kind", CONVERTERS)
def test_a_converter_says_how_much_to_read_at_a_time(kind: str) -> None:
    assert 0 < CONVERTERS[kind][0]().step <= STEP

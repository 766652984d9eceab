"""TYPE A: conversion by any chunks, and positions in both directions."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ftpserver.data.text as text
from ftpserver.data.text import FromNetwork, ToNetwork, file_offset, network_size

LINES = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\0", b"\xff"]), max_size=30).map(b"".join)


def go_on() -> None:
    """Nothing ends it."""


@contextmanager
def _file(data: bytes) -> Iterator[int]:
    fd = os.memfd_create("text")
    try:
        os.write(fd, data)
        yield fd
    finally:
        os.close(fd)


def _plain(data: bytes) -> bytes:
    """The network form, the slow way: a CR before every LF that has none."""
    out = bytearray()
    for i, byte in enumerate(data):
        if byte == 10 and (i == 0 or data[i - 1] != 13):
            out.append(13)
        out.append(byte)
    return bytes(out)


def _pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(data=LINES, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_outbound_does_not_depend_on_the_chunks(data: bytes, cuts: list[int]) -> None:
    converter = ToNetwork()
    assert b"".join(converter.convert(piece) for piece in _pieces(data, cuts)) == _plain(data)


@given(data=LINES, cuts=st.lists(st.integers(0, 60), max_size=8))
def test_inbound_does_not_depend_on_the_chunks(data: bytes, cuts: list[int]) -> None:
    converter = FromNetwork()
    converted = b"".join(converter.convert(piece) for piece in _pieces(data, cuts)) + converter.finish()
    assert converted == data.replace(b"\r\n", b"\n")
    assert converter.finish() == b""


@given(lines=st.lists(st.sampled_from([b"a", b"", b"b\0", b"\xff"]), max_size=20))
def test_a_file_with_line_feeds_survives_both_ways(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    assert FromNetwork().convert(ToNetwork().convert(data)) == data


@pytest.mark.parametrize(
    ("file", "network"),
    [
        (b"a\nb\n", b"a\r\nb\r\n"),
        (b"a\r\nb", b"a\r\nb"),
        (b"a\rb\n\n", b"a\rb\r\n\r\n"),
        (b"\n", b"\r\n"),
        (b"\r\r\n\n", b"\r\r\n\r\n"),
    ],
)
def test_examples(file: bytes, network: bytes) -> None:
    assert ToNetwork().convert(file) == network


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
@given(data=LINES)
def test_the_size_is_that_of_the_converted_file(chunk: int, data: bytes) -> None:
    with _file(data) as fd, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_CHUNK", chunk)
        assert network_size(fd, go_on) == len(_plain(data))


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
@given(data=LINES)
def test_a_resume_gives_exactly_the_tail_for_every_offset(chunk: int, data: bytes) -> None:
    network = _plain(data)
    with _file(data) as fd, pytest.MonkeyPatch.context() as patch:
        patch.setattr(text, "_CHUNK", chunk)
        for offset in range(len(network) + 1):
            position, after_cr = file_offset(fd, offset, len(data), go_on)
            assert position <= len(data)
            assert ToNetwork(after_cr).convert(data[position:]) == network[offset:]
        for beyond in (1, 5):
            assert file_offset(fd, len(network) + beyond, len(data), go_on)[0] > len(data)


@given(lines=st.lists(st.sampled_from([b"a", b"", b"bc"]), max_size=12), data=st.data())
def test_an_upload_that_is_cut_anywhere_and_resumed_at_its_size_makes_the_same_file(
    lines: list[bytes], data: st.DataObject
) -> None:
    whole = b"\n".join(lines)
    network = _plain(whole)
    kept = FromNetwork().convert(
        network[: data.draw(st.integers(0, len(network)))]
    )  # a cut one has no finish
    with _file(kept) as fd:
        size = network_size(fd, go_on)
        position, _ = file_offset(fd, size, len(kept), go_on)
        resumed = FromNetwork()
        assert kept[:position] + resumed.convert(network[size:]) + resumed.finish() == whole


def test_a_large_file_crosses_chunks() -> None:
    data = b"line\n" * 300_000
    with _file(data) as fd:
        assert network_size(fd, go_on) == 6 * 300_000
        position, after_cr = file_offset(fd, 6 * 250_000 + 5, len(data), go_on)
        assert (position, after_cr) == (5 * 250_000 + 4, True)


def test_what_reads_a_whole_file_could_not_be_ended() -> None:
    chunks = []

    def ends() -> None:
        chunks.append(1)
        if len(chunks) == 2:
            raise InterruptedError

    with _file(b"line\n" * 900_000) as fd:
        for read in (lambda: network_size(fd, ends), lambda: file_offset(fd, 10**9, 10**9, ends)):
            chunks.clear()
            with pytest.raises(InterruptedError):
                read()

"""PROXY headers: both versions, whole, in pieces, wrong; and a reader that takes not a byte too many."""

import asyncio
import socket
import struct
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import ftpserver.data.proxy as proxy
from ftpserver.data.proxy import BadHeader, Header, HeaderReader, Trusted, read_header
from tests.ftpserver.data.conftest import Pair, turn, until

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V1 = b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 21\r\n"
V1_V6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 40000 21\r\n"


def v2(
    source: str, target: str, ports: tuple[int, int] = (40000, 21), more: bytes = b"", command: int = 1
) -> bytes:
    """A version 2 header; `more` are its type-length-values."""
    one, other = ip_address(source), ip_address(target)
    body = one.packed + other.packed + struct.pack("!HH", *ports) + more
    family = 0x11 if one.version == 4 else 0x21
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


V2 = v2("198.51.100.7", "192.0.2.1")
V2_V6 = v2("2001:db8::7", "2001:db8::1", more=b"\x04\0\x03abc")
WHOLE = [V1, V1_V6, V2, V2_V6, b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff::1 ::1 1 2\r\n"]


@pytest.mark.parametrize("header", [V1, V2])
def test_it_says_where_the_client_comes_from_and_goes_to(header: bytes) -> None:
    read = read_header(header)
    assert read == Header(("198.51.100.7", 40000), ("192.0.2.1", 21), len(header))


@pytest.mark.parametrize("header", [V1_V6, V2_V6])
def test_over_ipv6_too_and_what_else_a_header_tells_is_passed_over(header: bytes) -> None:
    read = read_header(header + b"USER ada\r\n")
    assert read == Header(("2001:db8::7", 40000), ("2001:db8::1", 21), len(header))


@pytest.mark.parametrize("header", WHOLE)
def test_every_piece_of_a_header_is_waited_with(header: bytes) -> None:
    for length in range(len(header)):
        assert read_header(header[:length]) is None
    assert read_header(header) is not None


@pytest.mark.parametrize(
    "header",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN whatever stands here\r\n",
        v2("192.0.2.1", "192.0.2.1", command=0),
        SIGNATURE + struct.pack("!BBH", 0x20, 0, 0),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x31, 216) + bytes(216),  # a Unix socket
        SIGNATURE + struct.pack("!BBH", 0x21, 0x12, 12) + bytes(12),  # UDP
    ],
)
def test_a_balancer_may_speak_for_itself(header: bytes) -> None:
    assert read_header(header) == Header(None, None, len(header))


def test_an_address_in_ipv6_s_clothes_is_what_it_is() -> None:
    """haproxy that listens on :: says so; bans, limits and PORT know the client by its IPv4 address."""
    for header in (
        v2("::ffff:198.51.100.7", "::ffff:192.0.2.1"),
        b"PROXY TCP6 ::ffff:198.51.100.7 ::ffff:192.0.2.1 40000 21\r\n",
    ):
        read = read_header(header)
        assert read is not None
        assert (read.source, read.destination) == (("198.51.100.7", 40000), ("192.0.2.1", 21))


@pytest.mark.parametrize(
    "data",
    [
        b"USER ada\r\n",
        b"PROXY\r\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 40000\r\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 21\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 21 \r\n",
        b"PROXY TCP4 198.51.100.7 192.0.2.1 70000 21\r\n",
        b"PROXY TCP4 localhost 192.0.2.1 40000 21\r\n",
        b"PROXY TCP4 198.51.100.7\xff 192.0.2.1 40000 21\r\n",
        b"PROXY TCP5 198.51.100.7 192.0.2.1 40000 21\r\n",
        b"PROXY " + b"x" * 200,
        SIGNATURE[:-1] + b"?",
        SIGNATURE + struct.pack("!BBH", 0x11, 0x11, 12) + bytes(12),  # version 1 in the clothes of 2
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 11) + bytes(11),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x21, 12) + bytes(12),
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 65535),
    ],
)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadHeader):
        read_header(data)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda tail: SIGNATURE + tail)))
@example(b"PROXY TCP4 " + b"9" * 50 + b" 1.1.1.1 1 1\r\n")
def test_nothing_else_than_a_refusal_comes_of_noise(data: bytes) -> None:
    try:
        read = read_header(data)
    except BadHeader:
        return
    assert read is None or read.length <= len(data)


def test_only_those_named_are_trusted() -> None:
    trusted = Trusted((ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
    assert "10.1.2.3" in trusted
    assert "fd00::1" in trusted
    assert "fe80::1%eth0" not in trusted
    assert "11.0.0.1" not in trusted
    assert "10.1.2.3" not in Trusted(())


class Told:
    """Notes what a reader hands on."""

    def __init__(self) -> None:
        self.calls: list[tuple[socket.socket, Header]] = []

    def __call__(self, connection: socket.socket, header: Header) -> None:
        self.calls.append((connection, header))


@pytest.mark.parametrize("header", WHOLE)
def test_the_reader_takes_the_header_and_not_a_byte_more(
    loop: asyncio.AbstractEventLoop, pair: Pair, header: bytes
) -> None:
    ours, client = pair()
    told = Told()
    HeaderReader(loop, ours, told)
    client.sendall(header + b"USER ada\r\n")
    until(loop, lambda: told.calls)
    assert told.calls[0][1] == read_header(header)
    assert ours.recv(100) == b"USER ada\r\n"


class Counted(socket.socket):
    """A socket that counts how often it was looked at."""

    looks = 0

    def recv(self, *arguments: int) -> bytes:
        self.looks += 1
        return super().recv(*arguments)


@pytest.mark.parametrize("header", [V1, V2_V6])
def test_a_header_that_comes_byte_by_byte_is_waited_for_without_a_spin(
    loop: asyncio.AbstractEventLoop, pair: Pair, header: bytes
) -> None:
    ours, client = pair()
    counted = Counted(fileno=ours.detach())
    with counted:
        told = Told()
        HeaderReader(loop, counted, told)
        for byte in header[:-1]:
            client.send(bytes([byte]))
            turn(loop)
        assert told.calls == []
        assert counted.looks < 2 * len(header)
        client.send(header[-1:] + b"U")
        until(loop, lambda: told.calls)
        assert told.calls[0][0].recv(10) == b"U"
        client.send(b"S")
        told.calls[0][0].settimeout(20)
        assert told.calls[0][0].recv(10) == b"S"  # what it took to wait is undone


@pytest.mark.parametrize("data", [b"USER ada\r\n", b"\x16\x03\x01", b"PROXY nonsense\r\n"])
def test_who_sends_no_header_is_closed(loop: asyncio.AbstractEventLoop, pair: Pair, data: bytes) -> None:
    ours, client = pair()
    told = Told()
    HeaderReader(loop, ours, told)
    client.sendall(data)
    until(loop, lambda: ours.fileno() < 0)
    assert told.calls == []


@pytest.mark.parametrize("said", [b"", b"PROXY TCP4 198."])
def test_who_ends_before_the_header_does_is_closed(
    loop: asyncio.AbstractEventLoop, pair: Pair, said: bytes
) -> None:
    ours, client = pair()
    told = Told()
    HeaderReader(loop, ours, told)
    client.sendall(said)
    client.close()
    until(loop, lambda: ours.fileno() < 0)
    assert told.calls == []


def test_who_says_nothing_is_closed_in_the_end(
    loop: asyncio.AbstractEventLoop, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy, "_SECONDS", 0.05)
    ours, client = pair()
    told = Told()
    HeaderReader(loop, ours, told)
    until(loop, lambda: ours.fileno() < 0)
    assert client.recv(1) == b""
    assert told.calls == []

"""Handshakes before the command: who gets one, who is left alone, and what is left of one that is given up."""

import asyncio
import contextlib
import select
import socket
import ssl

import pytest

import ftpserver.data.early as early_module
from ftpserver.data.early import EarlyHandshake
from tests.certificates import pair as certificate
from tests.ftpserver.data.conftest import Pair, read_all, turn, until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Shield:
    """A Guard that can be turned off, and notes what it was asked."""

    def __init__(self) -> None:
        self.private = True
        self.reuse_required = False
        self.asked: list[bool] = []

    def of_data(self, connection: socket.socket, upload: bool) -> ssl.SSLSocket:
        self.asked.append(upload)
        connection.getpeername()
        return certificate().server().wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


@pytest.fixture
def shield() -> Shield:
    return Shield()


@pytest.fixture
def long_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command is ever late."""
    monkeypatch.setattr(early_module, "_GRACE", 3600.0)


def greeting(client: socket.socket, version: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
    """The client's side, its ClientHello sent."""
    client.setblocking(False)
    secure = (
        certificate()
        .client(version)
        .wrap_socket(client, server_hostname="localhost", do_handshake_on_connect=False)
    )
    go_on(secure)
    return secure


def go_on(secure: ssl.SSLSocket) -> bool:
    """A step of the client's handshake; whether it is at its end."""
    try:
        secure.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def has_come(connection: socket.socket) -> bool:
    return bool(select.select([connection], [], [], 0)[0])


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("version", VERSIONS)
def test_who_waits_for_the_handshake_gets_it(
    loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield, version: ssl.TLSVersion, at_once: bool
) -> None:
    ours, client = pair()
    shield.reuse_required = not at_once
    early = EarlyHandshake(loop, ours, shield, at_once)
    with greeting(client, version) as secure:
        until(loop, lambda: go_on(secure))
        until(loop, lambda: early.made)
        with early.take() as taken:
            assert isinstance(taken, ssl.SSLSocket)
            assert shield.asked == [at_once], "a ticket is given where it is needed for the next"
            taken.setblocking(True)
            taken.sendall(b"in private")
            secure.setblocking(True)
            assert secure.recv(100) == b"in private"


def test_who_is_known_to_wait_does_not_wait_for_the_grace(
    loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield, long_grace: None
) -> None:
    ours, client = pair()
    early = EarlyHandshake(loop, ours, shield, True)
    with greeting(client) as secure:
        until(loop, lambda: go_on(secure))
    early.stop()
    early.connection.close()


@pytest.mark.parametrize("greets", [False, True])
def test_who_sends_the_command_is_met_after_it(
    loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield, long_grace: None, greets: bool
) -> None:
    """His ClientHello, if he has sent it, waits in the socket."""
    ours, client = pair()
    early = EarlyHandshake(loop, ours, shield, False)
    with greeting(client) if greets else client:
        turn(loop)
        assert early.take() is ours
        assert not early.begun
        turn(loop)
        assert has_come(ours) is greets
        assert shield.asked == []


def test_the_grace_ends_with_the_command(
    loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early_module, "_GRACE", 0.05)
    ours, client = pair()
    early = EarlyHandshake(loop, ours, shield, False)
    with greeting(client):
        turn(loop)
        with early.take():
            begun = early.begun  # on a slow machine
            loop.run_until_complete(asyncio.sleep(0.1))  # past the moment at which it would begin
            assert early.begun is begun


def test_data_in_clear_is_left_alone(loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield) -> None:
    """PROT C was said after the connection had come."""
    ours, client = pair()
    early = EarlyHandshake(loop, ours, shield, True)
    shield.private = False
    client.sendall(b"an upload that does not wait for the 150")
    turn(loop)
    assert early.take() is ours
    assert ours.recv(9) == b"an upload"


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\0" * 64, b""])
def test_nothing_but_a_handshake_is_taken(
    loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield, garbage: bytes
) -> None:
    ours, client = pair()
    early = EarlyHandshake(loop, ours, shield, True)
    client.sendall(garbage)
    client.shutdown(socket.SHUT_WR)
    until(loop, lambda: early.broken)
    with contextlib.suppress(ConnectionResetError):
        assert len(read_all(client)) < 20, "at most a TLS alert"
    assert early.take().fileno() == -1
    assert not early.made


def test_what_is_given_up_leaves_nothing_behind(
    loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield, long_grace: None
) -> None:
    for at_once in (False, True):
        ours, client = pair()
        early = EarlyHandshake(loop, ours, shield, at_once)
        client.sendall(b"\x16\x03\x01")  # and no more of it
        turn(loop)
        assert early.begun is at_once
        assert not early.made
        early.stop()
        with early.connection as left:
            client.sendall(b"\0\5hello")
            turn(loop)
            assert has_come(left), "nobody reads it any more"
    assert shield.asked == [True]


def test_who_is_gone_is_left_to_the_command(
    loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield
) -> None:
    ours, client = pair()
    early = EarlyHandshake(loop, ours, shield, True)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    until(loop, lambda: shield.asked)
    assert early.take() is ours
    assert not early.broken


def test_the_last_bytes_count_that_come_with_the_command(
    loop: asyncio.AbstractEventLoop, pair: Pair, shield: Shield
) -> None:
    """The command may be read before them, in the same turn of the loop."""
    ours, client = pair()
    early = EarlyHandshake(loop, ours, shield, True)
    with greeting(client, ssl.TLSVersion.TLSv1_3) as secure:
        until(loop, lambda: has_come(secure))
        assert go_on(secure)
        assert not early.made
        with early.take():
            assert early.made

"""Handshake, farewell and polite ends of TLS on raw sockets, with Python's own ssl at the other end."""

import asyncio
import fcntl
import socket
import ssl
import sys
import termios
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

import ftpserver.data.secure as secure
from ftpserver.data.secure import Drainage, Farewell, Handshake, drain, finish
from tests.certificates import pair as certificate
from tests.ftpserver.data.conftest import Ends, Pair, read_all, turn, until
from tests.wire import reset

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Where the client's blocking side runs."""
    with ThreadPoolExecutor(1) as running:
        yield running


def wrapped(connection: socket.socket) -> ssl.SSLSocket:
    """Our side, before its handshake; an end without close_notify is an error, as on data connections."""
    return (
        certificate()
        .server()
        .wrap_socket(connection, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False)
    )


def greet(
    pool: ThreadPoolExecutor, client: socket.socket, version: ssl.TLSVersion | None = None
) -> Future[ssl.SSLSocket]:
    """The client's handshake, on its thread."""
    context = certificate().client(version)
    return pool.submit(context.wrap_socket, client, server_hostname="localhost", suppress_ragged_eofs=False)


def shaken(
    loop: asyncio.AbstractEventLoop,
    pool: ThreadPoolExecutor,
    pair: Pair,
    version: ssl.TLSVersion | None = None,
) -> tuple[ssl.SSLSocket, ssl.SSLSocket]:
    """Both sides after a handshake."""
    ours, client = pair()
    ends = Ends()
    inside = wrapped(ours)
    coming = greet(pool, client, version)
    Handshake(loop, inside, ends).start()
    until(loop, lambda: ends.calls)
    assert ends.calls == [None]
    return inside, coming.result()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_ends_once_and_then_both_can_talk(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair, version: ssl.TLSVersion
) -> None:
    ours, client = shaken(loop, pool, pair, version)
    with ours, client:
        assert ours.version() == client.version() == version.name.replace("v1_", "v1.")
        client.sendall(b"in private")
        ours.setblocking(True)
        assert ours.recv(100) == b"in private"


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\0\x05hello", b"\0" * 64])
def test_garbage_ends_a_handshake_with_the_reason(
    loop: asyncio.AbstractEventLoop, pair: Pair, garbage: bytes
) -> None:
    ours, client = pair()
    ends = Ends()
    with wrapped(ours) as inside:
        client.sendall(garbage)
        Handshake(loop, inside, ends).start()
        until(loop, lambda: ends.calls)
    assert len(ends.calls) == 1
    assert isinstance(ends.calls[0], ssl.SSLError)


@pytest.mark.parametrize("how", [socket.socket.close, reset])
def test_a_client_that_leaves_ends_a_handshake(
    loop: asyncio.AbstractEventLoop, pair: Pair, how: object
) -> None:
    ours, client = pair()
    ends = Ends()
    with wrapped(ours) as inside:
        Handshake(loop, inside, ends).start()
        turn(loop)
        assert ends.calls == []
        assert callable(how)
        how(client)
        until(loop, lambda: ends.calls)
    assert len(ends.calls) == 1
    assert isinstance(ends.calls[0], OSError)


def test_a_handshake_that_is_stopped_says_nothing_any_more(
    loop: asyncio.AbstractEventLoop, pair: Pair
) -> None:
    ours, client = pair()
    ends = Ends()
    with wrapped(ours) as inside:
        handshake = Handshake(loop, inside, ends)
        handshake.start()
        turn(loop)
        handshake.stop()
        client.sendall(b"\0" * 64)
        turn(loop)
    assert ends.calls == []


@pytest.mark.parametrize("version", VERSIONS)
def test_after_a_farewell_both_talk_in_clear(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair, version: ssl.TLSVersion
) -> None:
    ours, client = shaken(loop, pool, pair, version)
    ends = Ends()
    Farewell(loop, ours, ends).start()
    parting = pool.submit(client.unwrap)
    until(loop, lambda: ends.calls)
    assert ends.calls == [None]
    with parting.result() as clear, ours:
        clear.sendall(b"in clear")
        ours.setblocking(True)
        assert ours.recv(100) == b"in clear"
        ours.sendall(b"so do I")
        assert clear.recv(100) == b"so do I"


def test_a_farewell_that_is_not_answered_is_an_error(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair
) -> None:
    ours, client = shaken(loop, pool, pair)
    ends = Ends()
    with ours:
        Farewell(loop, ours, ends).start()
        reset(client)
        until(loop, lambda: ends.calls)
    assert isinstance(ends.calls[0], OSError)


@pytest.mark.parametrize("version", VERSIONS)
def test_finish_says_close_notify_and_waits_for_the_client_to_read_all(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair, version: ssl.TLSVersion
) -> None:
    ours, client = shaken(loop, pool, pair, version)
    sent = ours.send(b"x" * 50_000)
    finish(loop, ours)
    with client:
        reading = pool.submit(read_all, client)  # an end without close_notify raises here
        until(loop, reading.done)
        assert len(reading.result()) == sent
        assert ours.fileno() >= 0
    until(loop, lambda: ours.fileno() < 0)


def full(ours: ssl.SSLSocket) -> int:
    """Leave no room in our socket, with nothing half sent; returns how many bytes are on their way."""
    sent = 0
    while int.from_bytes(fcntl.ioctl(ours.fileno(), termios.TIOCOUTQ, bytes(4)), sys.byteorder) < 100_000:
        sent += ours.send(b"x" * 10_000)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    return sent


def test_finish_says_close_notify_when_the_client_has_made_room_for_it(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair
) -> None:
    ours, client = shaken(loop, pool, pair)
    sent = full(ours)
    finish(loop, ours)
    turn(loop)
    with client:
        reading = pool.submit(read_all, client)  # an end without close_notify raises here
        until(loop, reading.done)
        assert len(reading.result()) == sent
    until(loop, lambda: ours.fileno() < 0)


def test_finish_gives_up_on_a_client_that_makes_no_room(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secure, "_NO_ROOM", 0.05)
    ours, client = shaken(loop, pool, pair)
    with client:
        full(ours)
        finish(loop, ours)
        assert ours.fileno() >= 0
        until(loop, lambda: ours.fileno() < 0)


def test_finish_after_the_client_s_own_close_notify_closes_at_once(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair
) -> None:
    ours, client = shaken(loop, pool, pair)
    client.settimeout(0)
    with client, pytest.raises(ssl.SSLWantReadError):
        client.unwrap()
    assert ours.recv(1) == b""
    finish(loop, ours)
    assert ours.fileno() < 0


def test_finish_gives_up_on_a_client_that_stays(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secure, "_LINGER", 0.05)
    ours, client = shaken(loop, pool, pair)
    with client:
        finish(loop, ours)
        until(loop, lambda: ours.fileno() < 0)


def test_finish_of_a_broken_connection_closes_it(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair
) -> None:
    ours, client = shaken(loop, pool, pair)
    reset(client)
    finish(loop, ours)
    until(loop, lambda: ours.fileno() < 0)


def test_a_drain_lets_the_client_come_to_its_end(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair
) -> None:
    ours, client = pair()
    drain(loop, ours, 20)

    def tell_all() -> bytes:
        client.sendall(b"unwanted" * 1_000_000)
        client.shutdown(socket.SHUT_WR)
        return read_all(client)  # the end, not a reset

    telling = pool.submit(tell_all)
    until(loop, telling.done)
    assert telling.result() == b""
    assert ours.fileno() < 0


def test_a_drain_has_an_end(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, client = pair()
    drain(loop, ours, 0.05)
    until(loop, lambda: ours.fileno() < 0)
    assert client.recv(1) == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_a_drain_answers_the_client_s_farewell(
    loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, pair: Pair, version: ssl.TLSVersion
) -> None:
    """Python's ftplib ends an upload by `unwrap`, which fails without an answer and hides the reply."""
    ours, client = shaken(loop, pool, pair, version)
    drain(loop, ours, 20)

    def tell_all() -> socket.socket:
        client.sendall(b"unwanted" * 100_000)
        return client.unwrap()

    telling = pool.submit(tell_all)
    until(loop, telling.done)
    telling.result().close()
    assert ours.fileno() < 0


def test_one_client_has_one_refused_upload_read_from(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    drainage = Drainage()
    (first, its_client), (second, other_client) = pair(), pair()
    drainage.drain(loop, first, 20)
    drainage.drain(loop, second, 20)
    assert first.fileno() < 0 <= second.fileno()
    assert its_client.recv(1) == b""
    other_client.close()
    until(loop, lambda: second.fileno() < 0)
    third, _ = pair()
    drainage.drain(loop, third, 0.01)  # that the one before has ended already is no matter
    until(loop, lambda: third.fileno() < 0)

"""A session's data port: passive or active, early or late, dropped or not."""

import asyncio
import contextlib
import resource
import selectors
import socket
import ssl
from collections.abc import Iterator

import pytest

import ftpserver.data.early as early_module
from ftpserver.data.passive import NoPort, PassivePorts
from ftpserver.data.port import SessionPort
from tests.ftpserver.data.conftest import turn, until
from tests.ftpserver.data.test_early import Shield, go_on, greeting

HERE = "127.0.0.1"


class Opened:
    def __init__(self) -> None:
        self.calls: list[tuple[socket.socket | None, str]] = []

    def __call__(self, connection: socket.socket | None, why: str) -> None:
        self.calls.append((connection, why))

    @property
    def connection(self) -> socket.socket:
        (call,) = self.calls
        assert call[0] is not None
        return call[0]


@pytest.fixture
def opened() -> Iterator[Opened]:
    made = Opened()
    yield made
    for connection, _ in made.calls:
        if connection is not None:
            connection.close()


@pytest.fixture
def passive(loop: asyncio.AbstractEventLoop) -> Iterator[PassivePorts]:
    made = PassivePorts(loop, None)
    yield made
    made.close()


def local_one(peer: str, local: str) -> str:
    """What is announced where nothing else is said."""
    return local


@pytest.fixture
def port(loop: asyncio.AbstractEventLoop, passive: PassivePorts) -> Iterator[SessionPort]:
    made = SessionPort(loop, passive, HERE, HERE, lambda peer, local: f"public-of-{local}")
    yield made
    made.drop()


@pytest.fixture
def client() -> Iterator[socket.socket]:
    """A client's listening data port."""
    with socket.create_server((HERE, 0)) as listener:
        listener.settimeout(20)
        yield listener


def test_nothing_was_said(port: SessionPort, opened: Opened) -> None:
    assert not port.ready
    port.open(opened)
    assert opened.calls == [(None, "Send PASV, EPSV, PORT or EPRT first.")]


@pytest.mark.parametrize("early", [True, False])
def test_a_passive_connection_before_or_after_the_command(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened, early: bool
) -> None:
    host, number = port.listen()
    assert host == f"public-of-{HERE}"
    assert port.ready
    if not early:
        port.open(opened)
        assert opened.calls == []
    with socket.create_connection((HERE, number)) as client:
        turn(loop)
        if early:
            port.open(opened)
        until(loop, lambda: opened.calls)
        assert opened.connection.getpeername() == client.getsockname()
    assert not port.ready


def test_the_next_pasv_drops_the_one_before(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened
) -> None:
    _, first = port.listen()
    with socket.create_connection((HERE, first)) as stale:
        turn(loop)
        _, second = port.listen()
        stale.settimeout(20)
        assert stale.recv(1) == b""
        with socket.create_connection((HERE, second)) as client:
            port.open(opened)
            until(loop, lambda: opened.calls)
            assert opened.connection.getpeername() == client.getsockname()


def test_dropping_ends_the_wait_without_a_call(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened
) -> None:
    _, number = port.listen()
    port.open(opened)
    port.drop()
    assert not port.ready
    with socket.create_connection((HERE, number)) as client:
        client.settimeout(20)
        turn(loop)
        assert client.recv(1) == b""
    assert opened.calls == []


def test_no_port_is_said_and_leaves_nothing(loop: asyncio.AbstractEventLoop) -> None:
    empty = PassivePorts(loop, [])
    port = SessionPort(loop, empty, HERE, HERE, local_one)
    with pytest.raises(NoPort):
        port.listen()
    assert not port.ready
    empty.close()


def test_an_active_connection_comes_from_our_address(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened, client: socket.socket
) -> None:
    port.aim(client.getsockname())
    assert port.ready
    port.open(opened)
    until(loop, lambda: opened.calls)
    assert not opened.connection.getblocking()
    arrived, peer = client.accept()
    assert peer == opened.connection.getsockname()
    arrived.close()
    assert not port.ready


def test_an_active_connection_that_is_refused_says_why(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened
) -> None:
    with socket.create_server((HERE, 0)) as gone:
        address = gone.getsockname()
    port.aim(address)
    port.open(opened)
    until(loop, lambda: opened.calls)
    assert opened.calls == [(None, "Cannot connect to your data port: Connection refused.")]


def test_an_active_connection_without_a_descriptor_says_why(port: SessionPort, opened: Opened) -> None:
    port.aim((HERE, 9))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        port.open(opened)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert opened.calls == [(None, "Cannot connect to your data port: Too many open files.")]
    assert not port.ready


def test_dropping_an_active_connection_under_way(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened
) -> None:
    with socket.create_server((HERE, 0), backlog=0) as full:
        waiting = []
        for _ in range(4):  # a full backlog lets the next connection hang
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        turn(loop)
        port.aim(full.getsockname())
        port.open(opened)
        turn(loop)
        port.drop()
        turn(loop)
        assert not port.ready
        for one in waiting:
            one.close()
    assert all(connection is not None for connection, _ in opened.calls)


def test_aiming_and_listening_replace_each_other(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened, client: socket.socket
) -> None:
    _, number = port.listen()
    port.aim(client.getsockname())
    with socket.create_connection((HERE, number)) as stale:
        stale.settimeout(20)
        turn(loop)
        assert stale.recv(1) == b""
    port.open(opened)
    until(loop, lambda: opened.calls)
    assert opened.connection.getpeername() == client.getsockname()


def test_ipv6(loop: asyncio.AbstractEventLoop, passive: PassivePorts, opened: Opened) -> None:
    port = SessionPort(loop, passive, "::1", "::1", local_one)
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        port.aim(listener.getsockname()[:2])
        port.open(opened)
        until(loop, lambda: opened.calls)
        assert opened.connection.getpeername()[0] == "::1"


@pytest.fixture
def shield(port: SessionPort) -> Shield:
    """Data connections of the port are private."""
    port.guard = made = Shield()
    return made


def test_who_waits_for_the_handshake_has_it_before_the_command(
    loop: asyncio.AbstractEventLoop,
    port: SessionPort,
    opened: Opened,
    shield: Shield,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(2):
        _, number = port.listen()
        with greeting(socket.create_connection((HERE, number))) as secure:
            until(loop, lambda secure=secure: go_on(secure))
            port.open(opened)
            assert isinstance(opened.connection, ssl.SSLSocket)
            assert opened.connection.version() == secure.version()
        assert not port.ready
        opened.calls.pop()[0].close()
        monkeypatch.setattr(early_module, "_GRACE", 3600.0)  # he is known now


def test_who_sends_the_command_with_the_handshake_is_given_no_early_one(
    loop: asyncio.AbstractEventLoop,
    port: SessionPort,
    opened: Opened,
    shield: Shield,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(early_module, "_GRACE", 3600.0)
    _, number = port.listen()
    with greeting(socket.create_connection((HERE, number))):
        turn(loop)
        port.open(opened)
        until(loop, lambda: opened.calls)
        assert not isinstance(opened.connection, ssl.SSLSocket)
    assert shield.asked == []


def test_a_guess_that_the_client_waits_is_taken_back(
    loop: asyncio.AbstractEventLoop,
    port: SessionPort,
    opened: Opened,
    shield: Shield,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its command was late, and came before the handshake was at its end."""
    _, number = port.listen()
    with greeting(socket.create_connection((HERE, number))):
        until(loop, lambda: shield.asked)
        port.open(opened)
        assert isinstance(opened.connection, ssl.SSLSocket)
        assert opened.connection.version() is None
        opened.calls.pop()[0].close()
    monkeypatch.setattr(early_module, "_GRACE", 3600.0)
    _, number = port.listen()
    with greeting(socket.create_connection((HERE, number))):
        turn(loop)
        port.open(opened)
        until(loop, lambda: opened.calls)
        assert not isinstance(opened.connection, ssl.SSLSocket)


def test_a_handshake_that_fails_before_the_command_is_told_by_it(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened, shield: Shield
) -> None:
    _, number = port.listen()
    with socket.create_connection((HERE, number)) as client:
        client.sendall(b"no handshake")
        until(loop, lambda: shield.asked)
        port.open(opened)
    assert opened.calls == [(None, "The TLS handshake on the data connection failed.")]
    assert not port.ready


def test_what_began_tls_is_not_used_in_clear(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened, shield: Shield
) -> None:
    _, number = port.listen()
    with greeting(socket.create_connection((HERE, number))) as secure:
        until(loop, lambda: go_on(secure))
        shield.private = False
        port.open(opened)
        secure.setblocking(True)
        assert secure.recv(1) == b""
    assert opened.calls == [(None, "The data connection began TLS, and is to be clear now.")]


@pytest.mark.parametrize("begun", [False, True])
def test_a_new_arrangement_drops_a_handshake(begun: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loop that tells what it watches."""
    monkeypatch.setattr(early_module, "_GRACE", 0.0 if begun else 3600.0)
    selector = selectors.EpollSelector()
    loop = asyncio.SelectorEventLoop(selector)
    passive = PassivePorts(loop, None)
    port = SessionPort(loop, passive, HERE, HERE, local_one)
    port.guard = shield = Shield()
    _, number = port.listen()
    watched = set(selector.get_map())
    with socket.create_connection((HERE, number), 20) as client:
        until(loop, lambda: set(selector.get_map()) > watched)
        if begun:
            client.sendall(b"\x16\x03\x01")  # and no more of it
            until(loop, lambda: shield.asked)
        port.drop()
        assert set(selector.get_map()) == watched
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
    passive.close()
    loop.close()


def test_in_clear_nothing_is_watched(
    loop: asyncio.AbstractEventLoop, port: SessionPort, opened: Opened, shield: Shield
) -> None:
    shield.private = False
    _, number = port.listen()
    with socket.create_connection((HERE, number)) as client:
        client.sendall(b"an upload that does not wait for the 150")
        turn(loop)
        port.open(opened)
        until(loop, lambda: opened.calls)
        assert opened.connection.recv(9) == b"an upload"
    assert shield.asked == []

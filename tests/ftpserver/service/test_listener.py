"""The control listener: binding, addresses, accepting, and running out of descriptors."""

import asyncio
import errno
import itertools
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ftpserver.data.listening import ListeningSocket
from ftpserver.service.listener import ControlListener, OnConnection, bind, plain, shown
from tests.service import ROOT, Service
from tests.wire import Wire


def close(sockets: list[socket.socket]) -> None:
    for one in sockets:
        one.close()


def test_bind_listens_on_what_the_host_means() -> None:
    sockets = bind("127.0.0.1", 0)
    try:
        assert len(sockets) == 1
        assert sockets[0].getsockname()[0] == "127.0.0.1"
        socket.create_connection(sockets[0].getsockname()).close()
    finally:
        close(sockets)


def test_bind_of_a_name_takes_every_address_of_it() -> None:
    sockets = bind("localhost", 0)
    try:
        meant = {info[4][0] for info in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
        assert {one.getsockname()[0] for one in sockets} == meant
    finally:
        close(sockets)


def test_every_address_of_ipv6_takes_ipv4_too_and_calls_it_what_it_is() -> None:
    try:
        sockets = bind("::", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    try:
        port = sockets[0].getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            sockets[0].setblocking(True)
            connection, peer = sockets[0].accept()
            connection.close()
            assert peer[0].startswith("::ffff:")
            assert plain(peer) == client.getsockname()
    finally:
        close(sockets)


def test_a_port_in_use_is_told_and_nothing_stays_open() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        before = len(os.listdir("/proc/self/fd"))
        port = taken.getsockname()[1]
        said = f"listen 127.0.0.1 port {port}: Address already in use; another program listens there"
        with pytest.raises(OSError, match=said):
            bind("127.0.0.1", port)
        assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (
            "192.0.2.1",
            "listen 192.0.2.1 port 2121: Cannot assign .*; this machine does not have that address",
        ),
        ("no.such.invalid", "listen no.such.invalid port 2121: .*; write an address of this machine"),
    ],
)
def test_an_address_that_is_not_ours_is_named(host: str, said: str) -> None:
    with pytest.raises(OSError, match=said):
        bind(host, 2121)


def test_a_port_that_needs_a_right_is_named_with_what_gives_it() -> None:
    # Imported first: the checkout may be closed to the other user.
    program = (
        "import encodings.idna, os; from ftpserver.service.listener import bind\n"
        "os.getuid() or os.setuid(12345); bind('127.0.0.1', 21)\n"
    )
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if int(first.read_text()) <= 21:
        pytest.skip("every user may listen on port 21 here")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (
        "listen 127.0.0.1 port 21: Permission denied; ports below 1024 need CAP_NET_BIND_SERVICE"
        in done.stderr
    )


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        (("127.0.0.1", 21), ("127.0.0.1", 21)),
        (("::1", 21, 0, 0), ("::1", 21)),
        (("::ffff:10.0.0.7", 21, 0, 0), ("10.0.0.7", 21)),
        (("fe80::1%lo", 21, 0, 1), ("fe80::1%lo", 21)),
    ],
)
def test_plain(address: tuple[str, int], meant: tuple[str, int]) -> None:
    assert plain(address) == meant


@pytest.mark.parametrize(
    ("address", "text"),
    [(("127.0.0.1", 21), "127.0.0.1:21"), (("::1", 21), "[::1]:21"), (("fe80::1%lo", 21), "[fe80::1%lo]:21")],
)
def test_shown(address: tuple[str, int], text: str) -> None:
    assert shown(address) == text


def test_each_connection_is_handed_over_with_both_addresses() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        (listening,) = bind("127.0.0.1", 0)
        come: asyncio.Queue[tuple[socket.socket, object, object]] = asyncio.Queue()
        listener = ControlListener(loop, listening, lambda *what: come.put_nowait(what))
        clients = [socket.create_connection(listener.address) for _ in range(100)]
        seen = set()
        for _ in clients:
            connection, peer, local = await come.get()
            assert connection.getblocking() is False
            assert local == listener.address
            seen.add(peer)
            connection.close()
        assert seen == {client.getsockname() for client in clients}
        for client in clients:
            client.close()
        listener.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(listener.address)

    asyncio.run(scene())


def test_one_that_fails_to_be_welcomed_is_closed_and_the_next_is_not() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        (listening,) = bind("127.0.0.1", 0)
        come: asyncio.Queue[socket.socket] = asyncio.Queue()

        def welcome(connection: socket.socket, peer: object, local: object) -> None:
            if not welcomed:
                welcomed.append(1)
                raise OSError(errno.EINVAL, "it was reset")
            come.put_nowait(connection)

        welcomed: list[int] = []
        listener = ControlListener(loop, listening, welcome)
        with socket.create_connection(listener.address) as first, socket.create_connection(listener.address):
            (await come.get()).close()
            first.settimeout(10)
            assert await loop.run_in_executor(None, first.recv, 1) == b""
        listener.close()

    asyncio.run(scene())


def test_the_busier_of_two_lets_the_other_accept() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        (listening,) = bind("127.0.0.1", 0)
        other = ListeningSocket(socket.AF_INET, os.dup(listening.fileno()))
        come: asyncio.Queue[str] = asyncio.Queue()

        def into(name: str) -> OnConnection:
            def welcome(connection: socket.socket, peer: object, local: object) -> None:
                come.put_nowait(name)
                connection.close()

            return welcome

        first = ControlListener(loop, listening, into("busier"), lambda: True)
        second = ControlListener(loop, other, into("idler"), lambda: False)
        for _ in range(5):
            with socket.create_connection(first.address):
                assert await come.get() == "idler"
        second.close()
        for _ in range(5):  # nobody else takes it
            with socket.create_connection(first.address):
                assert await come.get() == "busier"
        first.close()

    asyncio.run(scene())


def test_one_that_is_closed_while_it_rests_accepts_nobody() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        (listening,) = bind("127.0.0.1", 0)
        rests = asyncio.Event()
        listener = ControlListener(loop, listening, pytest.fail, lambda: rests.set() or True)
        with socket.create_connection(listener.address):
            await rests.wait()
            rested = asyncio.Event()
            loop.call_later(0.01, rested.set)  # after the listener's own rest, whatever else is late
            listener.close()
            await rested.wait()

    asyncio.run(scene())


def test_without_descriptors_a_client_waits_and_is_served_when_there_are(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        service.add_user("ada")
        with Wire.member(service, "ada") as member:
            assert service.process is not None
            pid = service.process.pid
            free = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
            lowest = next(number for number in itertools.count() if number not in used)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, free[1]))
            with Wire(service.addresses[0]) as waiting:
                service.wait_for_log("not accepted")
                for _ in range(1000):
                    member.say("NOOP") >> 200
                resource.prlimit(pid, resource.RLIMIT_NOFILE, free)
                waiting.hear() >> 220
                waiting.login("ada")
        assert service.log.count("not accepted") < 100, "it does not spin"

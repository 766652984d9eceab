"""Passive ports: the range, the match by peer address, and what is left to nobody."""

import asyncio
import os
import resource
import socket
from collections.abc import Callable, Iterator

import pytest

from ftpserver.data.passive import NoPort, PassivePorts
from tests.ftpserver.data.conftest import turn, until

HERE = "127.0.0.1"


class Arrivals:
    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []

    def __call__(self, connection: socket.socket) -> None:
        self.sockets.append(connection)

    def close(self) -> None:
        for connection in self.sockets:
            connection.close()


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    made = Arrivals()
    yield made
    made.close()


def _free_ports(count: int) -> list[int]:
    """Ports nobody has now, next to each other or not."""
    held = [socket.create_server((HERE, 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def _connect(address: tuple[str, int], source: str = HERE) -> socket.socket:
    return socket.create_connection(address, timeout=20, source_address=(source, 0))


async def _without_descriptors(condition: Callable[[], bool]) -> None:
    """Let the loop run until something is so, and a little longer, while no descriptor can be had."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_a_connection_goes_to_who_awaits_its_address(
    loop: asyncio.AbstractEventLoop, arrivals: Arrivals
) -> None:
    ports = PassivePorts(loop, None)
    expectation = ports.expect(HERE, HERE, arrivals)
    assert expectation.address[0] == HERE
    with _connect(expectation.address) as client:
        until(loop, lambda: arrivals.sockets)
        assert not arrivals.sockets[0].getblocking()
        assert arrivals.sockets[0].getpeername() == client.getsockname()
    ports.close()


def test_another_address_is_refused_and_does_not_take_the_place(
    loop: asyncio.AbstractEventLoop, arrivals: Arrivals
) -> None:
    ports = PassivePorts(loop, None)
    expectation = ports.expect(HERE, HERE, arrivals)
    with _connect(expectation.address, "127.0.0.2") as thief:
        turn(loop)
        assert _is_closed(thief)
    assert arrivals.sockets == []
    with _connect(expectation.address):
        until(loop, lambda: arrivals.sockets)
    ports.close()


def test_a_second_connection_is_closed(loop: asyncio.AbstractEventLoop, arrivals: Arrivals) -> None:
    ports = PassivePorts(loop, None)
    expectation = ports.expect(HERE, HERE, arrivals)
    with _connect(expectation.address), _connect(expectation.address) as second:
        until(loop, lambda: arrivals.sockets)
        turn(loop)
        assert _is_closed(second)
    assert len(arrivals.sockets) == 1
    ports.close()


def test_what_is_cancelled_is_not_delivered_and_nothing_stale_waits_for_the_next(
    loop: asyncio.AbstractEventLoop, arrivals: Arrivals
) -> None:
    ports = PassivePorts(loop, _free_ports(1))
    first = ports.expect(HERE, HERE, arrivals)
    first.cancel()
    first.cancel()
    with _connect(first.address) as stale:
        turn(loop)
        assert _is_closed(stale)
    second = ports.expect(HERE, HERE, arrivals)
    first.cancel()  # of an old one does not touch the new one
    assert second.address == first.address
    with _connect(second.address) as client:
        until(loop, lambda: arrivals.sockets)
        assert arrivals.sockets[0].getpeername() == client.getsockname()
    ports.close()


def test_the_range_is_never_left_and_one_peer_may_await_as_many_as_it_has(
    loop: asyncio.AbstractEventLoop, arrivals: Arrivals
) -> None:
    range_ = _free_ports(3)
    ports = PassivePorts(loop, range_)
    mine = [ports.expect(HERE, HERE, arrivals) for _ in range(3)]
    assert sorted(one.address[1] for one in mine) == sorted(range_)
    with pytest.raises(NoPort):
        ports.expect(HERE, HERE, arrivals)
    others = [ports.expect(HERE, "127.0.0.2", arrivals) for _ in range(3)]
    assert sorted(one.address[1] for one in others) == sorted(range_)
    mine[1].cancel()
    assert ports.expect(HERE, HERE, arrivals).address == mine[1].address
    ports.close()


def test_two_peers_share_a_port_and_each_gets_its_own(
    loop: asyncio.AbstractEventLoop,
) -> None:
    ports = PassivePorts(loop, _free_ports(1))
    got: dict[str, socket.socket] = {}
    one = ports.expect(HERE, HERE, lambda connection: got.update(one=connection))
    two = ports.expect(HERE, "127.0.0.2", lambda connection: got.update(two=connection))
    assert one.address == two.address
    with _connect(two.address, "127.0.0.2"), _connect(one.address):
        until(loop, lambda: len(got) == 2)
    assert got["one"].getpeername()[0] == HERE
    assert got["two"].getpeername()[0] == "127.0.0.2"
    for connection in got.values():
        connection.close()
    ports.close()


def test_ten_thousand_expectations_without_a_connection_cost_a_few_descriptors(
    loop: asyncio.AbstractEventLoop, arrivals: Arrivals
) -> None:
    ports = PassivePorts(loop, None)
    before = len(os.listdir("/proc/self/fd"))
    for i in range(10_000):
        ports.expect(HERE, f"10.0.{i // 250}.{i % 250}", arrivals)
    assert len(os.listdir("/proc/self/fd")) - before <= 64
    ports.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_port_that_another_program_has_is_skipped(
    loop: asyncio.AbstractEventLoop, arrivals: Arrivals
) -> None:
    range_ = _free_ports(2)
    with socket.create_server((HERE, range_[0])):
        ports = PassivePorts(loop, range_)
        assert ports.expect(HERE, HERE, arrivals).address[1] == range_[1]
        with pytest.raises(NoPort):
            ports.expect(HERE, HERE, arrivals)
        ports.close()


def test_a_descriptor_too_few_loses_no_port(loop: asyncio.AbstractEventLoop, arrivals: Arrivals) -> None:
    range_ = _free_ports(2)
    ports = PassivePorts(loop, range_)
    first = ports.expect(HERE, HERE, arrivals)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        # An open port serves a peer that awaits nothing on it; for one more nothing can be opened.
        assert ports.expect(HERE, "127.0.0.2", arrivals).address == first.address
        with pytest.raises(NoPort):
            ports.expect(HERE, HERE, arrivals)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {first.address[1], ports.expect(HERE, HERE, arrivals).address[1]} == set(range_)
    ports.close()


def test_a_connection_that_cannot_be_accepted_is_accepted_later(
    loop: asyncio.AbstractEventLoop, arrivals: Arrivals, caplog: pytest.LogCaptureFixture
) -> None:
    ports = PassivePorts(loop, None)
    expectation = ports.expect(HERE, HERE, arrivals)
    with _connect(expectation.address):
        loop.run_until_complete(_without_descriptors(lambda: "was not accepted" in caplog.text))
        assert caplog.text.count("was not accepted") == 1  # it rests and does not spin
        until(loop, lambda: arrivals.sockets)
    ports.close()


def test_closing_while_it_rests_is_quiet(
    loop: asyncio.AbstractEventLoop, arrivals: Arrivals, caplog: pytest.LogCaptureFixture
) -> None:
    ports = PassivePorts(loop, None)
    expectation = ports.expect(HERE, HERE, arrivals)
    with _connect(expectation.address):
        loop.run_until_complete(_without_descriptors(lambda: "was not accepted" in caplog.text))
    ports.close()
    loop.run_until_complete(asyncio.sleep(0.15))  # past the moment at which it would go on
    assert arrivals.sockets == []


def test_ipv6(loop: asyncio.AbstractEventLoop, arrivals: Arrivals) -> None:
    ports = PassivePorts(loop, None)
    expectation = ports.expect("::1", "::1", arrivals)
    with socket.create_connection(expectation.address, timeout=20):
        until(loop, lambda: arrivals.sockets)
    ports.close()

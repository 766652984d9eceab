"""Behind a balancer: a relay that speaks PROXY, v1 and v2, before control and data; and clients that do not.

The balancer has an address of its own, 127.0.0.9, and listens there on the ports that the service has on 127.0.0.1:
the control port and every passive port. Clients connect to it from 127.0.0.7.
"""

import contextlib
import json
import random
import socket
import struct
import threading
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.secure_wire import SecureWire, client_context
from tests.service import PATIENCE, Service
from tests.wire import Wire, everything

BALANCER = "127.0.0.9"
CLIENT = "127.0.0.7"
OTHER = "127.0.0.8"


def version_1(source: tuple[str, int], target: tuple[str, int]) -> bytes:
    return f"PROXY TCP4 {source[0]} {target[0]} {source[1]} {target[1]}\r\n".encode()


def version_2(source: tuple[str, int], target: tuple[str, int]) -> bytes:
    addresses = ip_address(source[0]).packed + ip_address(target[0]).packed
    body = addresses + struct.pack("!HH", source[1], target[1])
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, len(body)) + body


class Relay:
    """Listens on ports of its own address and forwards each connection with a header before it."""

    def __init__(self, header: object) -> None:
        self.header = header
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def forward(self, port: int) -> None:
        """Take connections to this port."""
        listening = socket.create_server((BALANCER, port))
        self._open.append(listening)
        self._start(self._accept, listening)

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                outside, source = listening.accept()
                target = outside.getsockname()
                inside = socket.create_connection(("127.0.0.1", target[1]), PATIENCE, (BALANCER, 0))
                self._open += [outside, inside]
                assert callable(self.header)
                inside.sendall(self.header(source, target))
                self._start(self._copy, outside, inside)
                self._start(self._copy, inside, outside)

    @staticmethod
    def _copy(one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close every socket and wait for the threads."""
        for opened in self._open:
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(PATIENCE)


def free_ports(count: int) -> list[int]:
    """Neighbouring ports that nobody listens on now, below those that the system gives out to other tests."""
    while True:
        first = random.randrange(3000, 9000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + count):
                for host in ("127.0.0.1", BALANCER):
                    held.enter_context(socket.create_server((host, port)))
            return list(range(first, first + count))


@pytest.fixture(params=[version_1, version_2], ids=["v1", "v2"])
def balanced(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service that trusts the balancer, and the balancer before it."""
    own, *ports = free_ports(5)
    settings = {
        "listen": [{"host": "127.0.0.1", "port": own}],
        "trusted_proxies": [f"{BALANCER}/32"],
        "passive": {"ports": f"{ports[0]}-{ports[-1]}"},
        "log": {"format": "json", "level": "debug"},
    }
    relay = Relay(request.param)
    with Service(tmp_path / "service", settings, tls="optional") as service:
        service.add_user("ada")
        (service.home("ada") / "file").write_bytes(b"through the balancer" * 10_000)
        try:
            relay.forward(service.port)
            for port in ports:
                relay.forward(port)
            yield service
        finally:
            relay.close()


def through(service: Service, kind: type[Wire] = Wire) -> Wire:
    wire = kind((BALANCER, service.port), source=CLIENT)
    wire.hear() >> 220
    return wire


def fetch(wire: Wire, port: int) -> bytes:
    with wire.join(port) as data:
        wire.say("RETR file") >> 150
        content = everything(data)
    wire.hear() >> 226
    return content


def test_the_client_is_who_the_balancer_says(balanced: Service) -> None:
    with through(balanced) as wire:
        wire.login("ada")
        assert f"from {CLIENT} port {wire.socket.getsockname()[1]}" in wire.say("STAT").text
    balanced.wait_for_log('"login"')
    events = [json.loads(line) for line in balanced.log.splitlines() if line.startswith("{")]
    assert {event["address"] for event in events if event.get("event") == "login"} <= {CLIENT}
    assert f'"{CLIENT}"' in balanced.log


def test_data_goes_through_the_balancer_by_its_own_address(balanced: Service) -> None:
    with through(balanced) as wire:
        wire.login("ada")
        wire.say("TYPE I") >> 200
        for _ in range(6):
            host, port = wire.passive()
            assert host == BALANCER
            assert fetch(wire, port) == b"through the balancer" * 10_000
            assert wire.fetch("NLST") == b"file\r\n"
        wire.store("STOR up", b"up" * 100_000) >> 226
    assert (balanced.home("ada") / "up").read_bytes() == b"up" * 100_000


def test_tls_goes_through_too(balanced: Service) -> None:
    wire = through(balanced, SecureWire)
    assert isinstance(wire, SecureWire)
    with wire:
        wire.say("AUTH TLS") >> 234
        wire.shake(client_context(balanced))
        wire.login("ada")
        wire.protect()
        assert wire.fetch("RETR file") == b"through the balancer" * 10_000


def test_another_client_of_the_balancer_cannot_take_the_data(balanced: Service) -> None:
    """Both come from the balancer's address; what tells them apart is the header of the data connection."""
    with through(balanced) as wire:
        wire.login("ada")
        wire.say("TYPE I") >> 200
        _, port = wire.passive()
        with wire.join(port, source=OTHER) as thief:
            wire.tell("RETR file")
            assert everything(thief) == b""
        with wire.join(port) as data:
            wire.hear() >> 150
            assert everything(data) == b"through the balancer" * 10_000
        wire.hear() >> 226


def test_who_is_not_trusted_needs_no_header_and_is_believed_none(balanced: Service) -> None:
    with Wire.member(balanced, "ada") as wire:
        assert wire.fetch("NLST") == b"file\r\n"
    with Wire.greeted(balanced) as liar:
        liar.tell(version_1((OTHER, 1), (BALANCER, 21))[:-2])
        liar.hear() >> 500
        assert OTHER not in liar.say("STAT").text


@pytest.mark.parametrize("said", [b"USER ada\r\n", b"PROXY TCP4 nonsense\r\n", b"\0" * 20])
def test_the_balancer_itself_must_send_a_header(balanced: Service, said: bytes) -> None:
    with socket.create_connection(balanced.addresses[0], PATIENCE, (BALANCER, 0)) as connection:
        connection.sendall(said)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""
    with through(balanced) as wire:
        wire.login("ada")


@pytest.mark.parametrize("look", [b"", b"PROXY UNKNOWN\r\n", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"])
def test_a_balancer_that_only_looks_whether_we_are_there_gets_an_end(balanced: Service, look: bytes) -> None:
    with socket.create_connection(balanced.addresses[0], PATIENCE, (BALANCER, 0)) as connection:
        connection.sendall(look)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""


def test_clients_of_one_balancer_are_counted_by_their_own_addresses(tmp_path: Path) -> None:
    settings = {"trusted_proxies": [f"{BALANCER}/32"], "limits": {"sessions_per_address": 1}}
    relay = Relay(version_2)
    with Service(tmp_path / "service", settings) as service:
        try:
            relay.forward(service.port)
            with (
                Wire((BALANCER, service.port), source=CLIENT) as one,
                Wire((BALANCER, service.port), source=OTHER) as two,
                Wire((BALANCER, service.port), source=CLIENT) as three,
            ):
                one.hear() >> 220
                two.hear() >> 220
                three.hear() >> 421
        finally:
            relay.close()

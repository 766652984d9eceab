"""How clients reach data ports: a range that is full, the address that a 227 tells, both families on one listener."""

import select
import socket
from pathlib import Path

import pytest

from tests.ftpserver.test_balancer import free_ports
from tests.service import Service
from tests.wire import Wire, everything


def test_pasv_waits_for_a_port_where_the_range_is_full(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with Service(tmp_path / "service", {"passive": {"ports": f"{port}"}}) as service:
        service.add_user("ada")
        (service.home("ada") / "file").write_bytes(b"x" * 100_000)
        with Wire.member(service, "ada") as one, Wire.member(service, "ada") as two:
            assert one.passive()[1] == port
            two.tell("EPSV")  # the same address awaits a connection on the only port already
            one.say("NOOP") >> 200
            assert select.select([two.socket], [], [], 0)[0] == []
            with one.join(port) as data:
                one.say("RETR file") >> 150
                assert len(everything(data)) == 100_000
            one.hear() >> 226
            assert f"|||{port}|" in (two.hear() >> 229).text
            with two.join(port) as data:
                two.say("NLST") >> 150
                assert everything(data) == b"file\r\n"
            two.hear() >> 226


def test_clients_of_other_addresses_share_the_only_port(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with Service(tmp_path / "service", {"passive": {"ports": f"{port}"}}) as service:
        for number in range(2, 6):
            service.add_user(f"user{number}")
            (service.home(f"user{number}") / f"{number}").touch()
        wires = [Wire(service.addresses[0], source=f"127.0.0.{number}") for number in range(2, 6)]
        for number, wire in enumerate(wires, 2):
            wire.hear() >> 220
            wire.login(f"user{number}")
            assert wire.passive()[1] == port
        for number, wire in reversed(list(enumerate(wires, 2))):
            with wire.join(port) as data:
                wire.say("NLST") >> 150
                assert everything(data) == b"%d\r\n" % number
            wire.hear() >> 226
            wire.close()


NAME = "0x7f000005"
"""A host name for the settings, which every resolver knows without asking anybody: 127.0.0.5."""


@pytest.mark.parametrize(
    ("public", "told"),
    [
        (None, "127.0.0.1"),
        ("203.0.113.9", "127.0.0.1"),  # a client on this side of the NAT
        ({"127.0.0.0/8": "203.0.113.9"}, "203.0.113.9"),
        ({"127.0.0.0/8": "203.0.113.9", "127.0.0.1/32": "203.0.113.10"}, "203.0.113.10"),
        ({"127.0.0.0/8": "203.0.113.9", "127.0.0.1/32": None}, "127.0.0.1"),
        ({"10.0.0.0/8": "203.0.113.9"}, "127.0.0.1"),
        ({"127.0.0.0/8": NAME}, "127.0.0.5"),
    ],
)
def test_the_address_that_pasv_tells(tmp_path: Path, public: object, told: str) -> None:
    settings = {"passive": {"public_address": public}, "log": {"level": "debug"}}
    with Service(tmp_path / "service", settings) as service:
        service.add_user("ada")
        with Wire.member(service, "ada") as wire:
            host, port = wire.passive()
            while host != told and public == {
                "127.0.0.0/8": NAME
            }:  # looked up on a thread, right after the start
                host, port = wire.passive()
            assert host == told
            with wire.join(port) as data:  # a client that ignores it, as curl does, gets through as well
                wire.say("NLST") >> 150
                assert everything(data) == b""
            wire.hear() >> 226


@pytest.mark.parametrize(
    ("name", "code"),
    [("ftp.example.org", 220), ("[::1]", 220), ("::1", 220), ("127.0.0.1", 220), ("a b", 501), ("x/y", 501)],
)
def test_host_takes_a_name_or_an_address(service: Service, name: str, code: int) -> None:
    """lftp says an IPv6 address without the brackets that RFC 7151 wants."""
    with Wire.greeted(service) as wire:
        wire.say(f"HOST {name}") >> code


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_one_listener_for_both_families(tmp_path: Path, family: socket.AddressFamily) -> None:
    with Service(tmp_path / "service", {"listen": [{"host": "::", "port": 0}]}) as service:
        service.add_user("ada")
        (service.home("ada") / "file").write_bytes(b"both")
        host = "127.0.0.1" if family == socket.AF_INET else "::1"
        with Wire((host, service.port)) as wire:
            wire.hear() >> 220
            wire.login("ada")
            wire.say("TYPE I") >> 200
            assert f"from {host} port" in wire.say("STAT").text
            assert wire.fetch("RETR file") == b"both"
            with wire.active() as listening:
                wire.say("RETR file") >> 150
                data, _ = listening.accept()
                with data:
                    assert everything(data) == b"both"
                wire.hear() >> 226
            if family == socket.AF_INET:
                told, port = wire.passive()
                assert told == "127.0.0.1"
                wire.join(port).close()
            else:
                wire.say("PASV") >> 522

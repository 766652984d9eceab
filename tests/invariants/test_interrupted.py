"""Interrupted uploads, in the clear and over TLS: invariant 6.

However an upload is cut, a file that was to be replaced is as it was; what came of a new name is kept for a resume
or dropped, as the settings say; the books agree with the disk, at once and after a crash; and nothing is left over.
"""

import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.books import agree, books, in_force, nothing_stray, until
from tests.secure_wire import SecureWire
from tests.service import Service
from tests.wire import Wire, reset

LIMIT = 200_000
OLD = b"old " * 10_000
HALF = b"half" * 5000


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from _serve(tmp_path_factory.mktemp("keeping") / "service", "keep")


@pytest.fixture(scope="module")
def discarding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from _serve(tmp_path_factory.mktemp("discarding") / "service", "discard")


def _serve(folder: Path, policy: str) -> Iterator[Service]:
    settings = {"uploads": {"interrupted": policy}, "limits": {"data_seconds": 1}}
    with Service(folder, settings, tls="optional") as service:
        yield service
        nothing_stray(service.homes)
        service.run("quota", "verify")
        before = service.run("quota", "show").stdout
        service.kill()
        service.start()
        for name in service.passwords:
            with Wire.member(service, name) as wire:
                agree(wire, service.home(name))
        nothing_stray(service.homes)
        assert service.run("quota", "show").stdout == before


def _abor(service: Service, wire: Wire, data: socket.socket, name: str) -> None:
    wire.tell("ABOR")
    wire.hear() >> 426
    wire.hear() >> 226


def _reset_of_the_data(service: Service, wire: Wire, data: socket.socket, name: str) -> None:
    reset(data)
    wire.hear() >> 426


def _end_of_the_control(service: Service, wire: Wire, data: socket.socket, name: str) -> None:
    wire.socket.shutdown(socket.SHUT_RDWR)
    wire.close()


def _reset_of_the_control(service: Service, wire: Wire, data: socket.socket, name: str) -> None:
    reset(wire.socket)


def _silence(service: Service, wire: Wire, data: socket.socket, name: str) -> None:
    assert "Timed out" in (wire.hear() >> 426).text


def _kick(service: Service, wire: Wire, data: socket.socket, name: str) -> None:
    service.run("kick", name)
    wire.hear() >> 426
    wire.hear() >> 421


def _account_that_is_disabled(service: Service, wire: Wire, data: socket.socket, name: str) -> None:
    service.add_user(name, quota={"bytes": LIMIT, "files": 20}, enabled=False)
    wire.hear() >> 426
    wire.hear() >> 421
    service.add_user(name, quota={"bytes": LIMIT, "files": 20})


def _cut_without_close_notify(service: Service, wire: Wire, data: socket.socket, name: str) -> None:
    """A client that has said close_notify before and now does not was cut, though the stream ends in order."""
    assert isinstance(data, ssl.SSLSocket)
    socket.socket(fileno=data.detach()).close()
    wire.hear() >> 426


HOW: dict[str, Callable[[Service, Wire, socket.socket, str], None]] = {
    "ABOR": _abor,
    "RST of the data": _reset_of_the_data,
    "FIN of the control": _end_of_the_control,
    "RST of the control": _reset_of_the_control,
    "silence": _silence,
    "kick": _kick,
    "disabled": _account_that_is_disabled,
}
_serial = iter(range(1, 1_000_000))


def _member(service: Service, name: str, private: bool) -> Wire:
    return SecureWire.member_over(service, name) if private else Wire.member(service, name)


def _begin(wire: Wire, line: str) -> socket.socket:
    """An upload of which HALF has been read."""
    data = wire.extended()
    wire.say(line) >> 150
    if isinstance(wire, SecureWire):
        data = wire.private(data)
    data.sendall(HALF)
    for _ in range(2):
        wire.say("STAT") >> 211
    return data


def _cut(
    service: Service, private: bool, how: Callable[[Service, Wire, socket.socket, str], None], kept: bool
) -> None:
    name = f"ada{next(_serial)}"
    service.add_user(name, quota={"bytes": LIMIT, "files": 20})
    home = service.home(name)
    for line, there in (
        ("STOR file", OLD),
        ("STOR new", HALF if kept else None),
        ("APPE file", OLD + HALF),  # what is written in place is there already
    ):
        with _member(service, name, private) as wire:
            wire.store("STOR file", OLD) >> 226  # over TLS: with close_notify
            data = _begin(wire, line)
            how(service, wire, data, name)
            data.close()
        with Wire.member(service, name) as after:
            until(partial(_nothing_promised, after), "the grant was never ended")
            target = home / line.split()[1]
            assert (target.read_bytes() if target.exists() else None) == there, line
            agree(after, home)
    with Wire.member(service, name) as after:
        if kept:
            after.say(f"REST {len(HALF)}") >> 350
            after.store("STOR new", b" and the rest") >> 226
            assert (home / "new").read_bytes() == HALF + b" and the rest"
        in_force(after, LIMIT)
        agree(after, home)


def _nothing_promised(wire: Wire) -> bool:
    return books(wire)[2:] == (0, 0)


@pytest.mark.parametrize("private", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("how", list(HOW))
def test_06_a_cut_upload_destroys_nothing_and_can_be_resumed(
    keeping: Service, how: str, private: bool
) -> None:
    _cut(keeping, private, HOW[how], kept=True)


@pytest.mark.parametrize("how", ["ABOR", "FIN of the control"])
def test_06_where_the_policy_discards_nothing_of_a_new_name_is_left(discarding: Service, how: str) -> None:
    _cut(discarding, False, HOW[how], kept=False)


def test_06_a_tls_stream_cut_by_somebody_on_the_way_is_no_end(keeping: Service) -> None:
    _cut(keeping, True, _cut_without_close_notify, kept=True)

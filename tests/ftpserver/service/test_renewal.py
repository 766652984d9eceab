"""ftpserver.service.renewal: accounts that change while their users are logged in, over the wire."""

import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.books import agree, books, until
from tests.service import Service
from tests.wire import Wire

LIMIT = 100_000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("renewal") / "service") as service:
        yield service
        service.run("quota", "verify", check=False)


_serial = iter(range(1, 1_000_000))


@pytest.fixture
def name(shared: Service) -> str:
    name = f"ada{next(_serial)}"
    shared.add_user(name, quota={"bytes": LIMIT})
    return name


def renewed(service: Service, name: str, times: int = 1) -> None:
    """Wait until sessions of this user were brought into line so many times."""
    line = re.compile(f'event="account renewed" session=\\d+ user={name}$', re.MULTILINE)
    until(lambda: len(line.findall(service.log)) >= times, f"{name} was never renewed")


def sent_off(wire: Wire) -> None:
    assert "account was changed" in (wire.hear() >> 421).text
    assert wire.hear_end() == b""


def test_permissions_change_under_a_session(shared: Service, name: str) -> None:
    with Wire.member(shared, name) as wire:
        wire.say("MKD a") >> 257
        shared.add_user(name, permissions="read-only")
        renewed(shared, name)
        wire.say("MKD b") >> 550
        shared.add_user(name)
        renewed(shared, name, 2)
        wire.say("MKD b") >> 257


def _disable(service: Service, name: str) -> None:
    service.add_user(name, enabled=False)


def _expire(service: Service, name: str) -> None:
    service.add_user(name, expires="2001-01-01")


def _set_password(service: Service, name: str) -> None:
    service.add_user(name, password="another one 8")


def _remove(service: Service, name: str) -> None:
    (service.accounts / f"{name}.yaml").unlink()


@pytest.mark.parametrize("how", [_disable, _expire, _set_password, _remove])
def test_who_may_no_longer_log_in_is_sent_off(
    shared: Service, name: str, how: Callable[[Service, str], None]
) -> None:
    shared.add_user(f"{name}-friend")
    with (
        Wire.member(shared, name) as one,
        Wire.member(shared, name) as two,
        Wire.member(shared, f"{name}-friend") as friend,
    ):
        how(shared, name)
        sent_off(one)
        sent_off(two)
        friend.say("NOOP") >> 200


def test_an_upload_of_somebody_who_is_sent_off_ends_as_any_that_is_cut(shared: Service, name: str) -> None:
    home = shared.home(name)
    with Wire.member(shared, name) as wire, wire.extended() as data:
        wire.say("STOR file") >> 150
        data.sendall(b"x" * 1000)
        for _ in range(2):
            wire.say("STAT") >> 211
        _disable(shared, name)
        wire.hear() >> 426
        sent_off(wire)
    until((home / "file").exists, "what came was not kept")
    assert (home / "file").read_bytes() == b"x" * 1000
    shared.add_user(name, quota={"bytes": LIMIT})
    with Wire.member(shared, name) as wire:
        agree(wire, home)


@pytest.mark.parametrize("text", ["quota: [", "password: nonsense\n", "quota: {bytes: much}\n"])
def test_a_file_that_cannot_be_used_changes_nothing(shared: Service, name: str, text: str) -> None:
    with Wire.member(shared, name) as wire:
        (shared.accounts / f"{name}.yaml").write_text(text)
        # Somebody else's renewal shows that the files have been looked at since.
        shared.add_user(f"{name}-witness")
        with Wire.member(shared, f"{name}-witness"):
            for times in (1, 2):
                shared.add_user(f"{name}-witness", quota={"bytes": times})
                renewed(shared, f"{name}-witness", times)
        wire.say("MKD still") >> 257
        assert f"limit {LIMIT} " in wire.say("SITE QUOTA").text
        shared.add_user(name, quota={"bytes": LIMIT * 2})
        renewed(shared, name)
        assert f"limit {LIMIT * 2} " in wire.say("SITE QUOTA").text


def test_a_group_that_changes_changes_its_members(shared: Service, name: str) -> None:
    groups = shared.accounts / "groups"
    groups.mkdir(exist_ok=True)
    file = groups / f"group-of-{name}.yaml"
    file.write_text("quota: {bytes: 1000}\n")
    shared.add_user(name, group=file.stem)
    with Wire.member(shared, name) as wire:
        wire.store("STOR file", b"x" * 1001) >> 552
        draft = file.with_name(".draft")
        draft.write_text("quota: {bytes: 2000}\n")
        draft.replace(file)
        renewed(shared, name)
        wire.store("STOR file", b"x" * 1001) >> 226


def test_a_limit_that_is_raised_is_seen_by_a_running_upload_and_a_lowered_one_too(
    shared: Service, name: str
) -> None:
    home = shared.home(name)
    with Wire.member(shared, name) as wire, Wire.member(shared, name) as other:
        with wire.extended() as data:
            wire.say("STOR file") >> 150
            data.sendall(b"x" * LIMIT)
            until(lambda: books(other)[2] >= LIMIT, "it did not come that far")
            shared.add_user(name, quota={"bytes": LIMIT + 50})
            renewed(shared, name, 2)
            data.sendall(b"y" * 50)
            data.shutdown(socket.SHUT_WR)
            wire.hear() >> 226
        with wire.extended() as data:
            wire.say("APPE log") >> 150
            shared.add_user(name, quota={"bytes": 10})
            renewed(shared, name, 4)
            data.sendall(b"z")
            data.shutdown(socket.SHUT_WR)
            wire.hear() >> 552
        assert agree(other, home) == (LIMIT + 50, 1)
        other.say("DELE file") >> 250
        other.store("STOR file", b"z" * 10) >> 226


def test_a_rate_that_is_lifted_lets_a_slow_download_end(shared: Service, name: str) -> None:
    """At one byte a second this would last for days."""
    home = shared.home(name)
    (home / "big").write_bytes(b"b" * 1_000_000)
    shared.add_user(name, limits={"download_rate": 1})
    with Wire.member(shared, name) as wire, wire.extended() as data:
        wire.say("RETR big") >> 150
        assert data.recv(1) == b"b"
        shared.add_user(name)
        rest = 1
        while part := data.recv(1 << 20):
            rest += len(part)
        assert rest == 1_000_000
        wire.hear() >> 226


def test_the_log_says_what_was_done(shared: Service, name: str) -> None:
    with Wire.member(shared, name) as wire:
        _disable(shared, name)
        sent_off(wire)
    shared.wait_for_log(f'event="session ended" session=\\d+ user={name}$')


def test_nobody_is_renewed_for_nothing(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        service.add_user("ada")
        service.add_user("witness")
        with Wire.member(service, "ada"), Wire.member(service, "witness"):
            for times in (1, 2):
                service.add_user("ada")  # the same again
                service.add_user("witness", quota={"bytes": times})
                renewed(service, "witness", times)
        assert service.log.count("account renewed") == 2

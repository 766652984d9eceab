"""What several share, and what is told: pools, transfer quotas, warnings, clients that never learn, counting."""

import fcntl
import hashlib
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.books import agree, books, until
from tests.ftpserver.workforce import only
from tests.sampler import Sampler
from tests.service import PATIENCE, Service
from tests.wire import Wire

LIMIT = 100_000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("pools") / "service", {"log": {"format": "json"}}) as service:
        yield service
        service.run("quota", "verify")


_serial = iter(range(1, 1_000_000))


def group(service: Service, name: str, **document: Any) -> None:
    """Write a group's file whole."""
    folder = service.accounts / "groups"
    folder.mkdir(exist_ok=True)
    draft = folder / f".{name}.draft"
    draft.write_text(yaml.safe_dump(document))
    draft.replace(folder / f"{name}.yaml")


def team(service: Service, pool: dict[str, Any], *quotas: dict[str, Any]) -> tuple[str, list[str]]:
    """A group with a pool and a member for each quota; their names."""
    number = next(_serial)
    name = f"staff{number}"
    group(service, name, pool=pool)
    members = [f"member{number}-{i}" for i in range(len(quotas))]
    for member, quota in zip(members, quotas, strict=True):
        service.add_user(member, group=name, quota=quota)
        service.home(member)
    return name, members


# Pools ------------------------------------------------------------------------------------------------------


def test_a_pool_and_each_quota_of_its_own_hold(shared: Service) -> None:
    name, (ann, bea) = team(shared, {"bytes": LIMIT, "files": 4}, {"bytes": 70_000}, {})
    with Wire.member(shared, ann) as a, Wire.member(shared, bea) as b:
        heard = a.store("STOR file", b"a" * 70_001) >> 552
        assert heard.text.startswith("Quota exceeded: ")
        a.store("STOR file", b"a" * 60_000) >> 226
        heard = b.store("STOR file", b"b" * 40_001) >> 552
        assert heard.text.startswith(f"Quota of the group {name} exceeded: "), heard
        b.store("STOR file", b"b" * 40_000) >> 226
        a.store("STOR more", b"x") >> 552
        b.say("DELE file") >> 250
        a.store("STOR more", b"x" * 10_000) >> 226
        a.store("STOR most", b"x") >> 552
        for i in range(2):
            b.say(f"MKD d{i}") >> 257
        assert "group" in (b.say("MKD d2") >> 552).text
        assert "Group" in b.say("SITE QUOTA").text
        agree(a, shared.home(ann))
        agree(b, shared.home(bea))


def test_parallel_uploads_of_members_never_pass_the_pool(shared: Service) -> None:
    _, members = team(shared, {"bytes": LIMIT}, {}, {"bytes": 50_000}, {})
    homes = [shared.home(member) for member in members]
    start = threading.Barrier(6)

    def one(number: int) -> int:
        with Wire.member(shared, members[number % 3]) as wire, wire.extended() as data:
            start.wait(PATIENCE)
            code = wire.say(f"STOR f{number}").code
            if code != 150:
                return code
            for _ in range(8):
                data.sendall(b"x" * 5000)
                sampler.next_look()
            data.shutdown(socket.SHUT_WR)
            return wire.hear().code

    with Sampler(shared, *homes) as sampler, ThreadPoolExecutor(6) as pool:
        codes = list(pool.map(one, range(6)))
    assert sampler.peak <= LIMIT
    assert set(codes) == {226, 552}, codes
    for member, home in zip(members, homes, strict=True):
        with Wire.member(shared, member) as wire:
            agree(wire, home)


def test_a_member_who_never_came_counts_from_the_start(shared: Service) -> None:
    _, (ann, bea) = team(shared, {"bytes": LIMIT}, {}, {})
    (shared.home(bea) / "theirs").write_bytes(b"t" * 80_000)
    with Wire.member(shared, ann) as a:
        a.store("STOR file", b"a" * 20_001) >> 552
        a.store("STOR file", b"a" * 20_000) >> 226


def in_pool(wire: Wire, bytes: int) -> None:
    """Wait until the homes of the pool hold so much."""
    until(
        lambda: f": {bytes} bytes used" in wire.say("SITE QUOTA").text, f"the pool never held {bytes} bytes"
    )


def test_who_joins_and_who_leaves_counts_and_counts_no_more(shared: Service) -> None:
    """By new account files and a new group, while another member is logged in."""
    name, (ann, bea) = team(shared, {"bytes": LIMIT}, {}, {})
    other, (cas,) = team(shared, {"bytes": LIMIT}, {})
    (shared.home(bea) / "theirs").write_bytes(b"t" * 10_000)
    (shared.home(cas) / "theirs").write_bytes(b"t" * 70_000)
    with Wire.member(shared, ann) as a:
        in_pool(a, 10_000)
        shared.add_user(cas, group=name)
        in_pool(a, 80_000)
        a.store("STOR file", b"a" * 20_001) >> 552
        shared.add_user(cas, group=other)
        in_pool(a, 10_000)
        shared.add_user(bea)
        in_pool(a, 0)
        shared.add_user(bea, group=name)
        in_pool(a, 10_000)
        (shared.accounts / f"{bea}.yaml").unlink()
        in_pool(a, 0)
        a.store("STOR file", b"a" * LIMIT) >> 226
    with Wire.member(shared, cas) as c:
        in_pool(c, 70_000)


def test_a_member_who_changes_the_group_draws_on_the_new_pool_at_once(shared: Service) -> None:
    _, (ann, bea) = team(shared, {"bytes": LIMIT}, {}, {})
    new, (cas,) = team(shared, {"bytes": 50_000}, {})
    (shared.home(cas) / "theirs").write_bytes(b"t" * 20_000)
    with Wire.member(shared, ann) as a, Wire.member(shared, bea) as b:
        a.store("STOR file", b"a" * 30_000) >> 226
        in_pool(b, 30_000)
        shared.add_user(ann, group=new)
        in_pool(a, 50_000)
        in_pool(b, 0)
        assert f"group {new}" in (a.store("STOR more", b"x") >> 552).text
        b.store("STOR file", b"b" * LIMIT) >> 226


def test_a_group_that_goes_and_comes_back(shared: Service) -> None:
    name, (ann, bea) = team(shared, {"bytes": LIMIT}, {}, {})
    (shared.home(bea) / "theirs").write_bytes(b"t" * 10_000)
    with Wire.member(shared, ann) as a:
        in_pool(a, 10_000)
        group(shared, name)
        until(lambda: "Group" not in a.say("SITE QUOTA").text, "the pool never went")
        a.store("STOR file", b"a" * LIMIT) >> 226
        group(shared, name, pool={"bytes": LIMIT + 10_001})
        in_pool(a, LIMIT + 10_000)
        a.store("STOR more", b"xx") >> 552
        a.store("STOR more", b"x") >> 226


def test_workers_share_the_pools_and_a_restart_knows_what_changed_meanwhile(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"workers": 2}) as service:
        group(service, "staff", pool={"bytes": LIMIT})
        for member in ("ann", "bea", "cas"):
            service.add_user(member, group="staff")
            (service.home(member) / "theirs").write_bytes(b"t" * 10_000)
        for number in (1, 2):
            with only(service, number), Wire.member(service, "ann") as a:
                in_pool(a, 30_000)
        service.stop()
        (service.accounts / "bea.yaml").unlink()
        service.add_user("dan", group="staff")
        (service.home("dan") / "theirs").write_bytes(b"t" * 40_000)
        service.start()
        with (
            only(service, 2),
            Wire.member(service, "ann") as a,
        ):  # the other one calls the rolls, but it stands still
            a.store("STOR file", b"a" * 40_001) >> 552
            a.store("STOR file", b"a" * 40_000) >> 226
        shown = json.loads(service.run("quota", "show", "--json").stdout)
        assert {row["name"]: row["pool"]["bytes"] for row in shown} == dict.fromkeys(
            ("ann", "cas", "dan"), LIMIT
        )
        assert "staff" in service.run("quota", "show").stdout
        (service.home("dan") / "more").write_bytes(b"m")
        service.run("quota", "repair", "dan")
        service.run("quota", "verify")
        [row] = json.loads(service.run("quota", "show", "ann", "--json").stdout)
        assert row["pool"]["bytes"] == LIMIT + 1


def test_the_home_of_a_member_that_cannot_be_counted_closes_the_pool_and_the_log_says_which(
    shared: Service,
) -> None:
    _, (ann, bea) = team(shared, {"bytes": LIMIT}, {}, {})
    home = shared.home(bea)
    home.rmdir()
    home.write_text("no directory")
    with Wire.member(shared, ann) as a:
        with a.extended():
            a.say("STOR file") >> 451
        shared.wait_for_log(f"{home}, of the pool .*cannot be counted")
        home.unlink()
        a.store("STOR file", b"a") >> 226


def test_a_pool_that_is_lowered_stops_a_running_upload(shared: Service) -> None:
    name, (ann,) = team(shared, {"bytes": LIMIT}, {})
    with Wire.member(shared, ann) as wire, Wire.member(shared, ann) as other, wire.extended() as data:
        wire.say("STOR file") >> 150
        data.sendall(b"x" * 10_000)
        until(lambda: books(other)[2] >= 10_000, "nothing was promised")
        group(shared, name, pool={"bytes": 15_000})
        until(lambda: "of 14.6 KiB" in other.say("SITE QUOTA").text, "the new pool never held")
        data.sendall(b"x" * 10_000)
        data.shutdown(socket.SHUT_WR)
        wire.hear() >> 552
        agree(other, shared.home(ann))


def test_a_group_gives_what_its_members_do_not_say(shared: Service) -> None:
    group(shared, "readers", permissions="read-only", quota={"bytes": 1000, "files": 2})
    shared.add_user("reader", group="readers")  # says its permissions itself
    with Wire.member(shared, "reader") as wire:
        wire.store("STOR file", b"x" * 1001) >> 552
        wire.store("STOR file", b"x" * 1000) >> 226


# Transfer quotas --------------------------------------------------------------------------------------------


def test_a_transfer_quota_ends_a_transfer_and_refuses_the_next_before_its_data(shared: Service) -> None:
    shared.add_user("mover", traffic={"upload_day": 50_000, "download_month": 30_000})
    home = shared.home("mover")
    (home / "file").write_bytes(b"f" * 20_000)
    with Wire.member(shared, "mover") as wire:
        wire.store("STOR a", b"a" * 30_000) >> 226
        heard = wire.store("STOR b", b"b" * 30_000) >> 552
        assert "Transfer quota of the day is used up: 48.8 KiB" in heard.text
        assert sorted(os.listdir(home)) == ["a", "file"]
        with wire.extended():
            assert "Transfer quota" in (wire.say("STOR c") >> 552).text
        assert wire.fetch("RETR file") == b"f" * 20_000
        with wire.extended() as data:
            wire.say("RETR file") >> 150
            try:
                while data.recv(1 << 16):
                    pass
            except ConnectionResetError:  # nobody takes the part for the whole
                pass
        assert "of the month" in (wire.hear() >> 552).text
        assert wire.fetch("LIST"), "a listing is no transfer"
        agree(wire, home)


def test_members_of_a_group_share_its_transfer_quota(shared: Service) -> None:
    _, (ann, bea) = team(shared, {"traffic": {"upload_month": 50_000}}, {}, {})
    with Wire.member(shared, ann) as a, Wire.member(shared, bea) as b:
        a.store("STOR file", b"a" * 30_000) >> 226
        b.store("STOR file", b"b" * 30_000) >> 552
        with b.extended():  # what came of the one before was moved, too
            b.say("STOR file") >> 552


# Warnings ---------------------------------------------------------------------------------------------------


def test_thresholds_are_told_to_the_user_and_to_the_operator(shared: Service) -> None:
    shared.add_user("warned", quota={"bytes": LIMIT, "files": 10})
    with Wire.member(shared, "warned") as wire:
        assert "%" not in (wire.store("STOR a", b"a" * 79_999) >> 226).text
        assert "80 % of the quota is used: 78.1 KiB of 97.7 KiB." in (wire.store("STOR b", b"b") >> 226).text
        assert "85 %" in (wire.store("STOR b", b"b" * 5001) >> 226).text
        assert "90 %" in (wire.store("STOR b", b"b" * 10_001) >> 226).text
        assert "100 %" in (wire.store("STOR b", b"b" * 20_001) >> 226).text
    with Wire.greeted(shared) as wire:
        wire.say("USER warned") >> 331
        assert "100 % of the quota is used" in (wire.say(f"PASS {shared.passwords['warned']}") >> 230).text
        wire.say("TYPE I") >> 200
        wire.say("DELE b") >> 250
        assert "%" not in (wire.store("STOR a", b"a") >> 226).text
        for i in range(8):
            heard = wire.store(f"STOR f{i}", b"") >> 226
        assert "90 % of the quota is used: 9 of 10 entries." in heard.text
    shared.wait_for_log('"percent": 90, "used": 9,')
    told = re.findall(r'"event": "(quota \w+(?: \w+)?)", "user": "warned", "percent": (\d+)', shared.log)
    assert told[:3] == [("quota nearly full", "80"), ("quota nearly full", "90"), ("quota full", "100")], told
    assert ("quota nearly full", "90") in told[3:]


# Clients that never learn -----------------------------------------------------------------------------------


def test_an_upload_that_is_refused_again_and_again_is_refused_before_its_data(shared: Service) -> None:
    shared.add_user("loop", quota={"bytes": LIMIT})
    home = shared.home("loop")
    with Wire.member(shared, "loop") as wire:
        for _ in range(2):
            wire.store("STOR file", b"x" * 150_000) >> 552
        for _ in range(3):
            with wire.extended():
                heard = wire.say("STOR file") >> 552
            assert "need " in heard.text
        wire.store("STOR other", b"x" * 1000) >> 226
        wire.say("ALLO 500") >> 200  # who says how much it is, is believed
        wire.store("STOR file", b"x" * 500) >> 226
        wire.store("STOR file", b"x" * 400) >> 226
        assert agree(wire, home) == (1400, 2)
        for _ in range(2):
            wire.store("STOR file", b"x" * 150_000) >> 552
        with wire.extended():
            wire.say("STOR file") >> 552
        assert (home / "file").read_bytes() == b"x" * 400
        shared.add_user("loop", quota={"bytes": LIMIT * 2})
        until(lambda: f"limit {LIMIT * 2} " in wire.say("SITE QUOTA").text, "the new limit never held")
        wire.store("STOR file", b"x" * 150_000) >> 226


# Counting ---------------------------------------------------------------------------------------------------


def test_a_home_that_is_being_counted_disturbs_nobody(shared: Service) -> None:
    """The count cannot end while we hold the home's lock; meanwhile everybody else works, and its user reads."""
    for name in ("counted", "other"):
        shared.add_user(name, quota={"bytes": LIMIT, "files": 5000})
    home = shared.home("counted")
    for i in range(3000):
        (home / f"f{i}").touch()
    path = shared.state / "homes" / hashlib.sha256(os.fsencode(home)).hexdigest()[:32]
    with (
        Wire.member(shared, "counted") as uploading,
        Wire.member(shared, "counted") as reading,
        Wire.member(shared, "other") as other,
        uploading.extended() as data,
    ):
        other.say("SITE QUOTA") >> 200
        with path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            uploading.tell("STOR new")
            for i in range(20):
                other.store(f"STOR f{i}", b"x" * 100) >> 226
                other.say(f"DELE f{i}") >> 250
            assert len(reading.fetch("NLST").splitlines()) == 3000
            assert reading.fetch("RETR f0") == b""
            Wire.member(shared, "counted").close()
            uploading.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                uploading.socket.recv(1)
            uploading.socket.settimeout(PATIENCE)
        uploading.hear() >> 150
        data.sendall(b"n" * 10)
        data.shutdown(socket.SHUT_WR)
        uploading.hear() >> 226
        assert agree(reading, home) == (10, 3001)

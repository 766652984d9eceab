"""who, kick and ban as an administrator uses them, beside a running service and without one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.state.presence import open_presence
from tests.ftpserver.cli.conftest import Run
from tests.ftpserver.workforce import only, pids
from tests.service import PASSWORD, Service
from tests.wire import Wire

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "service", {"workers": 2})
    service.add_user("ada")
    service.add_user("bob")
    with service:
        yield service


def everybody(service: Service) -> list[Wire]:
    """ada on each worker, and a visitor on the last."""
    wires = []
    for number in pids(service):
        with only(service, number):
            wires.append(Wire.member(service, "ada"))
    with only(service, number):
        return [*wires, Wire.greeted(service)]


def close(wires: list[Wire]) -> None:
    for wire in wires:
        wire.close()


# who ----------------------------------------------------------------------------------------------------------------


def test_who_shows_a_line_a_session(served: Service) -> None:
    wires = everybody(served)
    wires[0].say("CLNT a\x1b[31mb") >> 200
    with wires[1].extended() as data:
        wires[1].say("STOR some file") >> 150
        data.sendall(b"x" * 100)
        shown = served.run("who").stdout.splitlines()
    assert len(shown) == 4
    assert re.fullmatch(r"SESSION  USER  ADDRESS +SINCE +TLS  CLIENT +DIRECTORY  DOES", shown[0])
    assert re.match(rf"1 +ada +127\.0\.0\.1  {STAMP}  no +a\\x1b\[31mb +/ +idle \d+ s", shown[1])
    assert re.search(r"^2 +ada .* upload /some file \S+ i?\S*B .*/s$", shown[2])
    assert re.match(rf"4 +- +127\.0\.0\.1  {STAMP}  no +- +- +idle", shown[3])
    close(wires)


def test_who_as_json(served: Service) -> None:
    assert json.loads(served.run("who", "--json").stdout) == []
    wires = everybody(served)
    found = json.loads(served.run("who", "--json").stdout)
    assert [(one["session"], one["user"]) for one in found] == [(1, "ada"), (2, "ada"), (4, None)]
    assert re.fullmatch(STAMP, found[0]["since"])
    assert found[0].keys() == {
        "session", "user", "address", "port", "since", "secure", "client", "cwd", "doing", "command", "seconds"
    }  # fmt: skip
    close(wires)


@pytest.mark.parametrize("arguments", [("who",), ("who", "--json"), ("kick", "ada"), ("kick", "1")])
def test_without_a_service(run: Run, site: Path, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 1
    assert done.stderr == f"ftpserver: no service is running on {site}/state\n"
    assert done.stdout == ""


# kick ---------------------------------------------------------------------------------------------------------------


def test_kick_says_how_many(served: Service) -> None:
    wires = everybody(served)
    assert served.run("kick", "4").stdout == "ended 1 session\n"
    assert served.run("kick", "ada").stdout == "ended 2 sessions\n"
    for wire in wires:
        wire.hear() >> 421
    close(wires)


def test_kick_of_nobody(served: Service) -> None:
    for whom in ("99", "carol"):
        done = served.run("kick", whom, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"there is no session '{whom}'" in done.stderr


def test_a_user_may_be_called_like_a_number(served: Service) -> None:
    served.add_user("77")
    with Wire.member(served, "77") as wire:
        assert served.run("kick", "77").stdout == "ended 1 session\n"
        wire.hear() >> 421


# ban ----------------------------------------------------------------------------------------------------------------


def log_in(service: Service, number: int, name: str = "ada") -> int:
    with only(service, number), Wire.greeted(service) as wire:
        wire.say(f"USER {name}") >> 331
        return wire.say(f"PASS {PASSWORD}").code


def test_a_ban_holds_at_once_for_every_worker_and_until_it_is_removed(served: Service) -> None:
    assert [log_in(served, number) for number in (1, 2)] == [230, 230]
    served.run("ban", "add", "127.0.0.1", "--user", "ada", "--for", "1h")
    assert [log_in(served, number) for number in (1, 2)] == [421, 421]
    assert log_in(served, 1, "bob") == 230
    served.run("ban", "remove", "127.0.0.1", "--user", "ada")
    assert [log_in(served, number) for number in (1, 2)] == [230, 230]
    served.run("ban", "add", "--user", "bob")
    assert [log_in(served, 1, name) for name in ("ada", "bob")] == [230, 421]
    served.run("ban", "add", "127.0.0.1")
    assert log_in(served, 2) == 421


def test_who_failed_too_often_is_listed_and_let_in_again(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"login": {"failures": 1}}) as service:
        service.add_user("ada")
        with Wire.greeted(service) as wire:
            wire.say("USER ada") >> 331
            wire.say("PASS wrong") >> 530
        shown = service.run("ban", "list").stdout.splitlines()
        assert re.fullmatch(rf"127\.0\.0\.1  ada   {STAMP}  too many failed logins", shown[1])
        service.run("ban", "remove", "127.0.0.1", "--user", "ada")
        Wire.member(service, "ada").close()


def test_bans_are_listed_with_address_name_end_and_reason(run: Run) -> None:
    added = [
        run("ban", "add", "2001:db8::1:2"),
        run("ban", "add", "192.0.2.1", "--for", "15m", "--why", "noise\x1b"),
        run("ban", "add", "--user", "eve"),
    ]
    assert [done.exit_code for done in added] == [0, 0, 0]
    assert added[0].stdout == "refusing all logins from 2001:db8::/64 until the ban is removed\n"
    assert re.fullmatch(rf"refusing all logins from 192\.0\.2\.1 until {STAMP}\n", added[1].stdout)
    assert added[2].stdout == "refusing logins of eve from anywhere until the ban is removed\n"
    found = json.loads(run("ban", "list", "--json").stdout)
    assert {(one["address"], one["name"], one["until"] is None, one["why"]) for one in found} == {
        ("2001:db8::/64", None, True, "by the administrator"),
        ("192.0.2.1", None, False, "noise\\x1b"),
        (None, "eve", True, "by the administrator"),
    }
    shown = run("ban", "list").stdout.splitlines()
    assert shown[0].split() == ["ADDRESS", "NAME", "UNTIL", "WHY"]
    assert len(shown) == 4


def test_a_ban_that_is_not_there_cannot_be_removed(run: Run) -> None:
    done = run("ban", "remove", "192.0.2.1")
    assert done.exit_code == 1
    assert "there is no such ban (all logins from 192.0.2.1)" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("add",),
        ("remove",),
        ("add", "ada"),
        ("add", "10.0.0.0/8"),
        ("remove", "x"),
        ("add", "::1", "--for", "0"),
    ]
    + [("add", "::1", "--for", span) for span in ("soon", "-5", "1w", "999999999d", "\u0665")],
)
def test_a_wrong_command_line(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("ban", *arguments).exit_code == 2
    assert json.loads(run("ban", "list", "--json").stdout) == []


def test_a_file_that_cannot_be_used_is_one_clear_line(run: Run, site: Path) -> None:
    (site / "state" / "presence.sqlite3").mkdir()
    done = run("ban", "list")
    assert done.exit_code == 1
    assert done.stderr.startswith("ftpserver: the file of the bans cannot be used: ")


def test_bans_wait_for_a_service_that_does_not_run(run: Run, site: Path) -> None:
    run("ban", "add", "192.0.2.1")
    database = open_presence(site / "state")
    assert database.execute("SELECT address FROM ban").fetchall() == [("192.0.2.1",)]
    database.close()


def test_who_looks_for_bans_makes_no_state(run: Run, site: Path) -> None:
    (site / "state").rmdir()
    assert json.loads(run("ban", "list", "--json").stdout) == []
    assert not (site / "state").exists()
    assert run("ban", "add", "192.0.2.1").exit_code == 0
    assert "192.0.2.1" in run("ban", "list").stdout

"""The desk: tries, limits, homes, and who else notices."""

import asyncio
import os
from collections.abc import Awaitable
from pathlib import Path

from ftpserver.data.pace import Pace
from ftpserver.login import TRIES, Desk
from ftpserver.outcome import Admit
from ftpserver.session import Session, Visitor
from tests.playbook import Playbook
from tests.service import PASSWORD, Service, hashed
from tests.wire import Wire


def test_three_tries_then_the_connection_is_closed(service: Service) -> None:
    service.add_user("ada")
    with Wire.greeted(service) as wire:
        for _ in range(TRIES - 1):
            wire.say("USER ada") >> 331
            wire.say("PASS wrong") >> 530
        wire.say("USER ada") >> 331
        wire.say("PASS wrong") >> 530
        assert wire.hear_end() == b""


def test_no_command_gives_more_tries(service: Service) -> None:
    service.add_user("ada")
    for between in ("REIN", "USER other", "NOOP", "PASS again"):
        with Wire.greeted(service) as wire:
            for _ in range(TRIES):
                wire.say(between)
                wire.say("USER ada") >> 331
                wire.say("PASS wrong") >> 530
            assert wire.hear_end() == b"", between


def test_a_login_in_the_same_breath_as_what_follows(service: Service) -> None:
    service.add_user("ada")
    with Wire.greeted(service) as wire:
        wire.tell("USER ada", f"PASS {PASSWORD}", "PWD", "USER ada", "PASS wrong", "PWD", "QUIT")
        assert [wire.hear().code for _ in range(7)] == [331, 230, 257, 331, 530, 530, 221]


def test_who_logs_in_after_another_hears_names_in_his_own_encoding(service: Service) -> None:
    service.add_user("ada", encoding="latin-1")
    service.add_user("bob")
    (service.home("bob") / "größe").touch()
    with Wire.member(service, "ada") as wire:
        wire.say("REIN") >> 220
        wire.login("bob")
        assert wire.fetch("NLST") == "größe\r\n".encode()


ODD = (b"x" * 72, b"x" * 73, b"x" * 8000, b"a\0b", b"\0", b"", b"\xff\xff\xfe", "p\u00e4ssw\u00f6rd".encode())


def test_odd_passwords_are_wrong_or_right_but_never_an_error(service: Service) -> None:
    service.add_user("ada", password="x" * 72)
    service.add_user("umlaut", password="p\u00e4ssw\u00f6rd")
    Wire.member(service, "ada", "x" * 72).close()  # a decoy costs what the last hash did
    for password in ODD:
        with Wire.greeted(service) as wire:
            for name in ("ada", "umlaut"):
                right = password == service.passwords[name].encode()
                wire.say(f"USER {name}") >> 331
                wire.say(b"PASS " + password) >> (230 if right else 530)


def test_sessions_of_one_user_are_counted_by_the_service_and_by_the_account(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"limits": {"sessions_per_user": 2}}) as service:
        service.add_user("ada")
        service.add_user("bob", limits={"sessions": 1})
        service.add_user("eve", limits={"sessions": 5})
        for name, most in (("ada", 2), ("bob", 1), ("eve", 2)):
            wires = [Wire.member(service, name) for _ in range(most)]
            with Wire.greeted(service) as late:
                late.say(f"USER {name}") >> 331
                assert "sessions already" in (late.say(f"PASS {PASSWORD}") >> 530).text
                wires[0].say("QUIT") >> 221
                assert wires[0].hear_end() == b""
                late.login(name)
                late.say("REIN") >> 220
                late.login(name)
            for wire in wires:
                wire.close()


def test_too_many_failures_shut_out_for_a_while(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"login": {"failures": 2}}) as service:
        service.add_user("ada")
        service.add_user("bob")
        with Wire.greeted(service) as wire:
            for _ in range(2):
                wire.say("USER ada") >> 331
                wire.say("PASS wrong") >> 530
        with Wire.greeted(service) as wire:
            wire.say("USER ada") >> 331
            assert "Try again" in (wire.say(f"PASS {PASSWORD}") >> 421).text
            assert wire.hear_end() == b""
        Wire.member(service, "bob").close()


def test_the_log_says_why_and_the_client_does_not_learn_it(service: Service) -> None:
    service.add_user("closed", enabled=False)
    service.add_user("late", expires="2001-01-01")
    service.add_user("ada")
    Wire.member(service, "ada").close()
    answers = set()
    for name, password in (("closed", PASSWORD), ("late", PASSWORD), ("ada", "wrong"), ("nobody", PASSWORD)):
        with Wire.greeted(service) as wire:
            wire.say(f"USER {name}") >> 331
            answers.add((wire.say(f"PASS {password}") >> 530).text)
    assert answers == {"Login incorrect."}
    for name, reason in (
        ("closed", "disabled"),
        ("late", "expired"),
        ("ada", "wrong"),
        ("nobody", "unknown"),
    ):
        service.wait_for_log(f"login refused.*user={name} .*{reason}")


def test_an_account_that_is_changed_counts_at_the_next_login(service: Service) -> None:
    service.add_user("ada")
    with Wire.member(service, "ada") as before:
        service.add_user("ada", password="another", permissions="read-only")
        with Wire.greeted(service) as wire:
            wire.say("USER ada") >> 331
            wire.say(f"PASS {PASSWORD}") >> 530
            wire.login("ada", "another")
            wire.say("MKD x") >> 550
        before.say("PWD") >> 257
        (service.accounts / "ada.yaml").unlink()
        with Wire.greeted(service) as wire:
            wire.say("USER ada") >> 331
            wire.say("PASS another") >> 530


def test_a_home_that_cannot_be_opened(service: Service) -> None:
    (service.homes / "file").write_bytes(b"")
    (service.homes / "link").symlink_to("/")
    for home in ("file", "link", "file/below", "link/tmp"):
        service.add_user("ada", home=home)
        with Wire.greeted(service) as wire:
            wire.say("USER ada") >> 331
            assert "home" in (wire.say(f"PASS {PASSWORD}") >> 530).text
    service.wait_for_log("the home of ada cannot be opened")


def test_a_home_is_made_at_the_first_login(service: Service) -> None:
    home = service.add_user("ada", home="deep/er/ada")
    assert not home.exists()
    Wire.member(service, "ada").close()
    assert home.is_dir()


# The desk by itself -----------------------------------------------------------------------------------------


def test_all_sessions_of_a_user_share_one_pace_that_ends_with_the_last(playbook: Playbook) -> None:
    playbook.login("ada", limits={"download_rate": "1KiB", "upload_rate": "2KiB"})
    desk, first = playbook.desk, playbook.session
    visitor = Visitor(playbook.link)
    second = asyncio.run(_logged_in(desk, visitor))
    for upload, rate in ((False, 1024), (True, 2048)):
        pace = desk.governor(first, upload)
        assert isinstance(pace, Pace)
        assert pace.rate == rate
        assert desk.governor(second, upload) is pace
    desk.leave(second)
    assert desk.users.here["ada"] == 1
    assert "ada" in desk.paces
    playbook.say("REIN") >> 220
    assert "ada" not in desk.paces
    assert "ada" not in desk.users.here


async def _logged_in(desk: Desk, visitor: Visitor) -> Session:
    outcome = desk.log_in(visitor, "ada", PASSWORD.encode())
    outcome = await outcome if isinstance(outcome, Awaitable) else outcome
    assert isinstance(outcome, Admit)
    return outcome.session


def test_a_home_that_fails_leaves_nothing_open(playbook: Playbook) -> None:
    home = playbook.add_user("ada")
    home.rmdir()
    home.write_bytes(b"")
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(3):
        playbook.say("USER ada") >> 331
        playbook.say(f"PASS {PASSWORD}") >> 530
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert "ada" not in playbook.desk.users.here


def test_a_hash_that_is_none_shuts_out_its_user_only(service: Service) -> None:
    service.add_user("ada")
    service.add_user("bob")
    text = (service.accounts / "bob.yaml").read_text().replace(hashed(PASSWORD), "plain-text")
    (service.accounts / "bob.yaml").write_text(text)
    with Wire.greeted(service) as wire:
        wire.say("USER bob") >> 331
        wire.say("PASS plain-text") >> 530
    Wire.member(service, "ada").close()
    assert "plain-text" not in service.log

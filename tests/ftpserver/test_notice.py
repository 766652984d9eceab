"""ftpserver.notice: what is said of a quota that is nearly full, to whom and how often."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ftpserver.notice import notice
from tests.playbook import Playbook


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Playbook]:
    with Playbook(tmp_path) as book:
        yield book


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The events, and no others."""
    events = [record.getMessage() for record in caplog.records if record.name == "ftpserver.notice"]
    caplog.clear()
    return events


def hold(book: Playbook, bytes: int) -> None:
    """The home holds so much, and is counted."""
    (book.home / "file").write_bytes(b"f" * bytes)
    book.session.home.tally.distrust()
    book.session.home.recount()


def test_nothing_is_said_of_a_home_without_a_quota(book: Playbook) -> None:
    book.login()
    hold(book, 1000)
    assert notice(book.session) == ""


@pytest.mark.parametrize(
    ("bytes", "text"),
    [
        (0, ""),
        (799, ""),
        (800, " 80 % of the quota is used: 800 B of 1000 B."),
        (899, " 89 % of the quota is used: 899 B of 1000 B."),
        (1000, " 100 % of the quota is used: 1000 B of 1000 B."),
        (1500, " 150 % of the quota is used: 1.5 KiB of 1000 B."),
    ],
)
def test_what_the_user_is_told(book: Playbook, bytes: int, text: str) -> None:
    book.login(quota={"bytes": 1000})
    hold(book, bytes)
    assert notice(book.session) == text


def test_the_operator_is_told_once_for_each_threshold_that_is_passed(
    book: Playbook, caplog: pytest.LogCaptureFixture
) -> None:
    book.login(quota={"bytes": 1000})
    steps = [(500, []), (850, ["quota nearly full"]), (860, []), (900, ["quota nearly full"]), (999, [])]
    steps += [
        (1000, ["quota full"]),
        (1001, []),
        (820, []),
        (1000, ["quota full"]),
        (100, []),
        (850, ["quota nearly full"]),
    ]
    for bytes, events in steps:
        hold(book, bytes)
        with caplog.at_level(logging.WARNING):
            notice(book.session)
        assert told(caplog) == events, bytes


def test_the_fullest_quota_is_the_one_that_is_told(book: Playbook) -> None:
    book.login(quota={"bytes": 1000, "files": 2})
    hold(book, 850)
    (book.home / "other").write_bytes(b"")
    book.session.home.tally.distrust()
    book.session.home.recount()
    assert notice(book.session) == " 100 % of the quota is used: 2 of 2 entries."


def test_a_pool_is_told_of_too(book: Playbook, tmp_path: Path) -> None:
    groups = tmp_path / "accounts" / "groups"
    groups.mkdir()
    (groups / "staff.yaml").write_text(yaml.safe_dump({"pool": {"bytes": 1000}}))
    book.login("ada", group="staff", quota={"bytes": 5000})
    book.session.home.recount()
    book.say("MKD d") >> 257
    hold(book, 900)
    assert notice(book.session) == " 90 % of the quota is used: 900 B of 1000 B."


def test_a_quota_of_nothing_is_full(book: Playbook) -> None:
    book.login(quota={"bytes": 0})
    hold(book, 0)
    assert notice(book.session) == " 100 % of the quota is used: 0 B of 0 B."


def test_an_uncounted_home_and_a_ledger_that_fails_say_nothing(
    book: Playbook, caplog: pytest.LogCaptureFixture
) -> None:
    book.login(quota={"bytes": 1000})
    hold(book, 1000)
    book.session.home.tally.distrust()
    assert notice(book.session) == ""
    book.session.home.recount()
    book.ledger._database.execute("ALTER TABLE usage RENAME TO lost")
    assert notice(book.session) == ""
    book.ledger._database.execute("ALTER TABLE lost RENAME TO usage")
    assert told(caplog) == []


def test_the_login_says_it(book: Playbook) -> None:
    home = book.add_user("ada", quota={"bytes": 1000})
    (home / "file").write_bytes(b"f" * 950)
    book.login("ada", quota={"bytes": 1000})
    book.session.home.recount()
    with_it = book.say("USER ada") >> 331
    assert with_it is not None
    from tests.service import PASSWORD

    assert "95 % of the quota is used" in (book.say(f"PASS {PASSWORD}") >> 230).text

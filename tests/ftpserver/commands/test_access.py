"""USER PASS ACCT REIN QUIT."""

import pytest

from ftpserver.outcome import Leave
from ftpserver.session import Session, Visitor
from tests.playbook import Playbook
from tests.service import PASSWORD


def test_a_name_and_its_password_make_a_session(playbook: Playbook) -> None:
    playbook.add_user("ada")
    playbook.say("USER ada") >> 331
    said = playbook.say(f"PASS {PASSWORD}") >> 230
    assert "ada" in said.text
    assert playbook.session.account.name == "ada"
    assert playbook.session.cwd.text == "/"


@pytest.fixture
def crowd(playbook: Playbook) -> Playbook:
    """Somebody has logged in before: the decoy for unknown names then costs what his hash does, not the default."""
    playbook.login("eve")
    playbook.say("REIN") >> 220
    return playbook


def test_every_wrong_login_gets_the_same_answers(crowd: Playbook) -> None:
    crowd.add_user("ada")
    for name in ("ada", "nobody", "../ada", ".", "con", "a" * 300, "a\0b", "\u202eada", "\udcff"):
        first = crowd.say(f"USER {name}") >> 331
        second = crowd.say("PASS wrong") >> 530
        assert (first.text, second.text) == ("Password required.", "Login incorrect."), name
        assert isinstance(crowd.peer, Visitor)
        crowd.peer.failures = 0


@pytest.mark.parametrize(
    "account", [{"enabled": False}, {"expires": "2001-01-01"}, {"password": "*"}, {"quota": "nonsense"}]
)
def test_a_closed_or_broken_account_is_as_an_unknown_one(crowd: Playbook, account: dict[str, object]) -> None:
    crowd.add_user("ada", **account)
    crowd.say("USER ada") >> 331
    assert (crowd.say(f"PASS {PASSWORD}") >> 530).text == "Login incorrect."


def test_user_needs_a_name(playbook: Playbook) -> None:
    playbook.say("USER") >> 501
    playbook.say("USER ") >> 501


def test_a_password_counts_for_the_last_name_only_and_once(crowd: Playbook) -> None:
    playbook = crowd
    playbook.add_user("ada")
    playbook.say(f"PASS {PASSWORD}") >> 503
    playbook.say("USER ada") >> 331
    playbook.say("USER nobody") >> 331
    playbook.say(f"PASS {PASSWORD}") >> 530
    playbook.say(f"PASS {PASSWORD}") >> 503


def test_a_name_is_remembered_over_other_commands(playbook: Playbook) -> None:
    playbook.add_user("ada")
    playbook.say("USER ada") >> 331
    playbook.say("SYST") >> 215
    playbook.say(f"PASS {PASSWORD}") >> 230


def test_user_ends_the_session_and_names_the_next(book: Playbook) -> None:
    book.add_user("bob")
    book.say("USER bob") >> 331
    book.say("PWD") >> 530
    book.say(f"PASS {PASSWORD}") >> 230
    assert book.session.account.name == "bob"


def test_rein_forgets_everything_of_the_session(book: Playbook) -> None:
    (book.home / "d").mkdir()
    book.say("CWD d") >> 250
    book.say("EPSV ALL") >> 200
    book.say("REIN") >> 220
    assert isinstance(book.peer, Visitor)
    book.say(f"PASS {PASSWORD}") >> 503
    book.say("USER ada") >> 331
    book.say(f"PASS {PASSWORD}") >> 230
    assert book.session.cwd.text == "/"
    assert not book.session.extended_only


def test_an_account_beside_the_name_is_superfluous(playbook: Playbook) -> None:
    playbook.say("ACCT whatever") >> 202
    playbook.login()
    playbook.say("ACCT") >> 202
    assert isinstance(playbook.peer, Session)


def test_quit_closes(playbook: Playbook) -> None:
    assert isinstance((playbook.say("QUIT") >> 221).outcome, Leave)


def test_passwords_are_bytes_of_any_kind(crowd: Playbook) -> None:
    playbook = crowd
    for password in (
        b"",
        b"\xff\xfe",
        b"a\0b",
        b"x" * 73,
        b"x" * 5000,
        PASSWORD.encode() + b"\0",
        PASSWORD.encode() + b" ",
    ):
        playbook.add_user("ada")
        playbook.say("USER ada") >> 331
        playbook.say(b"PASS " + password) >> 530
        playbook.say("REIN") >> 220

"""Where passwords come from, in which order, and how often a person is asked."""

import io
from pathlib import Path

import pytest

from ftpclient.credentials import ENVIRONMENT, Asker, Login, from_netrc, logins, netrc_entries
from ftpclient.errors import LoginRefused


@pytest.fixture(autouse=True)
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    return path


def write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def asker(text: str = "", ask: bool = True) -> Asker:
    return Asker(ask, io.StringIO(text))


def test_three_tries_are_asked_for() -> None:
    text = "ada\none\nada\ntwo\nada\nthree\nada\nfour\n"
    found = list(logins("host", None, asker(text)))
    assert [(login.user, login.password) for login in found] == [
        ("ada", "one"),
        ("ada", "two"),
        ("ada", "three"),
    ]


def test_a_given_name_is_not_asked_for() -> None:
    assert [login.password for login in logins("host", "ada", asker("one\ntwo\nthree\n"))] == [
        "one",
        "two",
        "three",
    ]


def test_an_empty_name_is_anonymous() -> None:
    assert next(logins("host", None, asker("\n"))).user == "anonymous"


def test_the_end_of_the_input_ends_the_asking() -> None:
    with pytest.raises(EOFError):
        list(logins("host", "ada", asker("one\n")))


def test_nobody_to_ask() -> None:
    assert [login.user for login in logins("host", None, asker(ask=False))] == ["anonymous"]
    with pytest.raises(LoginRefused, match="no password for ada"):
        list(logins("host", "ada", asker(ask=False)))


def test_the_order_is_stdin_environment_netrc(netrc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(netrc, "machine host login ada password from-netrc")
    assert next(logins("host", "ada", asker("from-prompt\n"))).password == "from-netrc"
    monkeypatch.setenv(ENVIRONMENT, "from-environment")
    assert next(logins("host", "ada", asker("from-prompt\n"))).password == "from-environment"
    given = list(logins("host", "ada", asker("from-stdin\nnot this\n"), password_stdin=True))
    assert [login.password for login in given] == ["from-stdin"]


def test_netrc_gives_the_name_too(netrc: Path) -> None:
    write(netrc, "machine other login x password y\nmachine host login ada password pw\n")
    assert next(logins("host", None, asker(ask=False))) == Login("ada", "pw")
    assert from_netrc("host", "bob") is None


def test_netrc_is_read_exactly() -> None:
    text = (
        "# machine no\nmachine a login x password back\\slash\n"
        'machine b login "q u" password "a \\" b\\\\"\n'
        "macdef init\nmachine evil login e password e\n\n"
        "machine c\n login l account z\n password machine\ndefault login anonymous password #me@\n"
    )
    assert list(netrc_entries(text)) == [
        ("a", {"login": "x", "password": "back\\slash"}),
        ("b", {"login": "q u", "password": 'a " b\\'}),
        ("c", {"login": "l", "account": "z", "password": "machine"}),
        (None, {"login": "anonymous", "password": "#me@"}),
    ]


def test_a_netrc_others_can_read_is_not_used(netrc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(netrc, "machine host login ada password pw")
    netrc.chmod(0o644)
    assert from_netrc("host", "ada") is None
    assert "others can read it" in capsys.readouterr().err


def test_a_login_is_never_shown() -> None:
    assert "hunter2" not in repr(Login("ada", "hunter2"))

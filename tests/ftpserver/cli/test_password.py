"""Passwords: refused before bcrypt would cut them; typed twice at a real terminal."""

import os
import pty
import sys
from pathlib import Path

import bcrypt
import pytest

from ftpserver.accounts.store import AccountStore
from tests.ftpserver.cli.conftest import Run, environment


@pytest.mark.parametrize(
    ("line", "password"),
    [
        (b"secret\n", b"secret"),
        (b"secret\r\n", b"secret"),
        (b"secret", b"secret"),
        (b"  two words  \nsecond line\n", b"  two words  "),
        ("pässwörd\n".encode(), "pässwörd".encode()),
        (b"\xff\xfe\n", b"\xff\xfe"),
        (b"x" * 72 + b"\n", b"x" * 72),
    ],
)
def test_a_password_from_standard_input(run: Run, site: Path, line: bytes, password: bytes) -> None:
    result = run("user", "add", "ada", "--password-stdin", stdin=line)
    assert result.exit_code == 0
    account = AccountStore(site / "accounts").get("ada")
    assert account is not None
    assert bcrypt.checkpw(password, account.password.encode())
    assert password not in result.output.encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"\r\n", "empty"),
        (b"a\0b\n", "NUL"),
        (b"a\rb\n", "CR"),
        (b"x" * 73 + b"\n", "longer than 72 bytes"),
        ("é".encode() * 37 + b"\n", "longer than 72 bytes"),
        (b"x" * 1_000_000, "longer than 72 bytes"),
    ],
)
def test_passwords_refused(run: Run, site: Path, line: bytes, said: str) -> None:
    result = run("user", "add", "ada", "--password-stdin", stdin=line)
    assert result.exit_code == 1
    assert said in result.stderr
    assert AccountStore(site / "accounts").get("ada") is None


def test_without_a_terminal_there_is_nobody_to_ask(run: Run) -> None:
    result = run("user", "add", "ada", stdin="secret\nsecret\n")
    assert result.exit_code == 1
    assert result.stderr == "ftpserver: there is no terminal to ask for the password; use --password-stdin\n"


def test_the_cost_is_twelve(run: Run, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert run("user", "add", "ada", "--password-stdin", stdin="x\n").exit_code == 0
    account = AccountStore(site / "accounts").get("ada")
    assert account is not None
    assert account.password.startswith("$2b$12$")


def dialogue(site: Path, answers: list[tuple[bytes, bytes]], *arguments: str) -> tuple[int, bytes]:
    """Run the program on a terminal, type each answer when its question has come; exit code and screen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(site)
        os.execve(sys.executable, [sys.executable, "-m", "ftpserver", *arguments], environment())
    screen = b""
    seen = 0
    try:
        while True:
            try:
                chunk = os.read(terminal, 4096)
            except OSError:  # EIO: the program has closed its side
                break
            if not chunk:
                break
            screen += chunk
            if answers and answers[0][0] in screen[seen:]:
                seen = len(screen)
                os.write(terminal, answers.pop(0)[1] + b"\n")
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_typed_twice_and_never_shown(site: Path) -> None:
    answers = [(b"Password for ada:", b"hush hush"), (b"Repeat", b"hush hush")]
    code, screen = dialogue(site, answers, "user", "add", "ada")
    assert code == 0, screen
    assert b"hush" not in screen
    account = AccountStore(site / "accounts").get("ada")
    assert account is not None
    assert bcrypt.checkpw(b"hush hush", account.password.encode())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_typed_differently_is_asked_again_and_empty_is_refused(site: Path) -> None:
    answers = [(b"Password for ada:", b"one"), (b"Repeat", b"two"), (b"Password for ada:", b"")]
    answers.append((b"Repeat", b""))
    code, screen = dialogue(site, answers, "user", "add", "ada")
    assert code == 1
    assert b"do not match" in screen
    assert b"the password is empty" in screen
    assert AccountStore(site / "accounts").get("ada") is None

"""ftpwire.command: one verb, one untouched argument, and no way to smuggle a second command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpwire.command import MAX_VERB, Command
from ftpwire.errors import LocalError, RemoteError
from ftpwire.line import LineReader

VERBS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=MAX_VERB)
ARGUMENTS = st.binary(max_size=80).map(
    lambda raw: raw.translate(None, b"\r\n\0").decode("utf-8", "surrogateescape")
)


@pytest.mark.parametrize(
    ("line", "verb", "argument"),
    [
        (b"NOOP", "NOOP", ""),
        (b"noop ", "NOOP", ""),
        (b"ReTr a b", "RETR", "a b"),
        (b"RETR  a ", "RETR", " a "),
        (b"RETR a\tb\rc", "RETR", "a\tb\rc"),
        ("CWD ünï".encode(), "CWD", "ünï"),
        (b"CWD \xff\xfe", "CWD", "\udcff\udcfe"),
        (b"A" * 16, "A" * 16, ""),
    ],
)
def test_decode(line: bytes, verb: str, argument: str) -> None:
    assert Command.decode(line) == Command(verb, argument)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" NOOP",
        b"\tNOOP",
        b"A" * 17,
        b"NO-OP x",
        b"RETR\tx",
        b"NOOP\0",
        b"NOOP\r",
        b"1SHA x",
        b"\xffABOR",
        "\u017ftat".encode(),
        "\uff2eOOP".encode(),
        b"/ HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01",
    ],
)
def test_a_line_without_a_plain_verb_is_refused(line: bytes) -> None:
    with pytest.raises(RemoteError):
        Command.decode(line)


def test_decode_in_another_encoding() -> None:
    assert Command.decode(b"CWD \xe9\xff", "latin-1") == Command("CWD", "éÿ")
    assert Command.decode(b"CWD \xe9", "ascii") == Command("CWD", "\udce9")


def test_encode() -> None:
    assert Command("NOOP", "").encode() == b"NOOP\r\n"
    assert Command("RETR", " a ").encode() == b"RETR  a \r\n"
    assert Command("CWD", "ÿ").encode("latin-1") == b"CWD \xff\xff\r\n"
    assert Command("CWD", "\udcff").encode() == b"CWD \xff\xff\r\n"


@pytest.mark.parametrize("argument", ["a\r\nDELE b", "a\nb", "a\rb", "a\0b", "\ud800"])
def test_an_argument_that_would_not_arrive_whole_is_refused(argument: str) -> None:
    with pytest.raises(LocalError):
        Command("RETR", argument).encode()


def test_an_argument_the_encoding_lacks_is_refused() -> None:
    with pytest.raises(LocalError):
        Command("CWD", "日本").encode("latin-1")


@pytest.mark.parametrize("verb", ["", "NO OP", "NOOP\r\nQUIT", "A" * 17, "\u017fTAT", "1X"])
def test_a_verb_that_is_none_is_refused(verb: str) -> None:
    with pytest.raises(LocalError):
        Command(verb, "").encode()


@given(VERBS, ARGUMENTS)
def test_round_trip(verb: str, argument: str) -> None:
    command = Command(verb, argument)
    (line,) = LineReader().feed(command.encode())
    assert line is not None
    assert Command.decode(line) == command


@given(st.binary(max_size=40))
def test_decode_takes_any_bytes_or_refuses_them(line: bytes) -> None:
    try:
        command = Command.decode(line)
    except RemoteError:
        return
    assert command.verb.isascii()
    assert command.verb.isupper()
    assert command.argument.encode("utf-8", "surrogateescape") == line.partition(b" ")[2]


@pytest.mark.parametrize("verb", ["PASS", "ACCT", "ADAT"])
def test_secrets_are_masked(verb: str) -> None:
    command = Command.decode(f"{verb.lower()} hunter2".encode())
    assert command.argument == "hunter2"
    for shown in (repr(command), str(command), f"{command}", repr([command])):
        assert "hunter2" not in shown
        assert "****" in shown


def test_other_arguments_are_shown_without_control_characters() -> None:
    assert str(Command("RETR", "a\x1b[2Jb")) == "RETR a?[2Jb"
    assert str(Command("NOOP", "")) == "NOOP"
    assert repr(Command("RETR", "a\nb")) == r"Command(verb='RETR', argument='a\nb')"

"""Arguments: what each kind reads, and that what it refuses is a 501."""

import pytest

from ftpserver.commands.arguments import (
    nothing,
    number,
    optional_path,
    path,
    read_number,
    text,
    timed_path,
    word,
)
from ftpserver.refusal import Refusal
from ftpwire.errors import RemoteError
from ftpwire.pathname import VirtualPath
from tests.playbook import Playbook

LARGEST = 2**63 - 1


def test_nothing_ignores_what_is_there(book: Playbook) -> None:
    assert nothing(book.session, "whatever") is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("said", ["", " ", "a  b ", "\ud800"])
def test_text_is_taken_as_it_is(book: Playbook, said: str) -> None:
    assert text(book.session, said) == said


def test_a_word_loses_its_blanks_and_becomes_upper_case(book: Playbook) -> None:
    assert word(book.session, "  a n ") == "A N"


@pytest.mark.parametrize("said", ["", "  "])
def test_a_word_must_be_there(book: Playbook, said: str) -> None:
    with pytest.raises(Refusal) as refusal:
        word(book.session, said)
    assert refusal.value.reply.code == 501


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("x", "/d/x"),
        ("/x", "/x"),
        ("..", "/"),
        ("../../..", "/"),
        ("a/./b//c/", "/d/a/b/c"),
        (" x ", "/d/ x "),
        ("-a", "/d/-a"),
        ("~", "/d/~"),
        ("%2e%2e", "/d/%2e%2e"),
        ("..\\x", "/d/..\\x"),
        ("\udcff", "/d/\udcff"),
    ],
)
def test_a_path_is_read_from_the_working_directory_and_nothing_is_stripped(
    book: Playbook, said: str, meant: str
) -> None:
    book.session.cwd = VirtualPath("/d")
    assert path(book.session, said) == VirtualPath(meant)
    assert optional_path(book.session, said) == VirtualPath(meant)


def test_only_an_optional_path_may_be_missing(book: Playbook) -> None:
    book.session.cwd = VirtualPath("/d")
    assert optional_path(book.session, "") == VirtualPath("/d")
    with pytest.raises(Refusal) as refusal:
        path(book.session, "")
    assert refusal.value.reply.code == 501


@pytest.mark.parametrize("said", ["a\0b", "x" * 5000])
def test_a_path_that_cannot_be_one_is_refused(book: Playbook, said: str) -> None:
    with pytest.raises(RemoteError):
        path(book.session, said)


@pytest.mark.parametrize(("said", "meant"), [("0", 0), (" 7 ", 7), ("007", 7), (str(LARGEST), LARGEST)])
def test_a_number_is_ascii_digits(book: Playbook, said: str, meant: int) -> None:
    assert number(book.session, said) == meant


@pytest.mark.parametrize(
    "said",
    [
        "",
        "-1",
        "+1",
        "1_000",
        "1e3",
        "0x10",
        "1.0",
        "1 2",
        "\u0661",
        "\u00b2",
        str(LARGEST + 1),
        "9" * 20,
        "1\n",
    ],
)
def test_what_python_would_take_for_a_number_is_refused(said: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_number(said)
    assert refusal.value.reply.code == 501


def test_a_timed_path_is_cut_at_the_first_blank(book: Playbook) -> None:
    assert timed_path(book.session, "2020 a b ") == ("2020", VirtualPath("/a b "))


@pytest.mark.parametrize("said", ["", "2020", "2020 "])
def test_a_timed_path_needs_both(book: Playbook, said: str) -> None:
    with pytest.raises(Refusal) as refusal:
        timed_path(book.session, said)
    assert refusal.value.reply.code == 501

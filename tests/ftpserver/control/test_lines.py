"""ftpserver.control.lines: what a line is, by its bytes alone."""

import pytest

from ftpserver.commands.table import Interrupt
from ftpserver.control.lines import Stranger, interrupt_of, overflow, read
from ftpwire.charset import Charset
from ftpwire.command import Command
from ftpwire.reply import Reply


@pytest.mark.parametrize("visitor", [True, False])
def test_a_command_is_a_command(visitor: bool) -> None:
    assert read(b"RETR a b", None, visitor) == Command("RETR", "a b")


def test_names_are_read_in_the_client_s_charset() -> None:
    assert read("DELE größe".encode("latin-1"), Charset("latin-1"), False) == Command("DELE", "größe")


@pytest.mark.parametrize("line", [None, b"", b"\x00\x01", b"12 34"])
def test_what_is_no_command_is_answered(line: bytes | None) -> None:
    answer = read(line, None, False)
    assert isinstance(answer, Reply)
    assert answer.code == 500


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.1", b"post /x HTTP/1.0", b"EHLO there", b"\x16\x03\x01\x02\x00"]
)
def test_another_protocol_is_sent_off_before_a_login_and_answered_after_it(line: bytes) -> None:
    assert isinstance(read(line, None, True), Stranger)
    assert not isinstance(read(line, None, False), Stranger)


@pytest.mark.parametrize(
    ("line", "interrupt"),
    [
        (b"ABOR", Interrupt.ABORTS),
        (b" abor ", Interrupt.ABORTS),
        (b"STAT", Interrupt.ANSWERS),
        (b"STAT file", Interrupt.WAITS),
        (b"NOOP", Interrupt.WAITS),
        (b"XYZZY", Interrupt.WAITS),
        (b"", Interrupt.WAITS),
        (None, Interrupt.WAITS),
    ],
)
def test_only_a_bare_verb_may_interrupt(line: bytes | None, interrupt: Interrupt) -> None:
    assert interrupt_of(line) is interrupt


def test_many_lines_and_long_ones_are_too_many() -> None:
    assert not overflow([b"NOOP"] * 1000)
    assert overflow([b"NOOP"] * 1001)
    assert not overflow([None, b"x" * 8000] * 8)
    assert overflow([None, b"x" * 8000] * 9)

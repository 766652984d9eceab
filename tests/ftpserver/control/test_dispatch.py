"""Dispatch: rows, audiences, permissions, what is forgotten, and what is finished on a thread."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import pytest

from ftpserver.commands import verbs
from ftpserver.control.dispatch import dispatch
from ftpserver.outcome import Outcome, Receive
from ftpserver.quota.base import HomeBusy, Uncounted
from ftpserver.session import Session
from ftpwire.command import Command
from ftpwire.reply import Reply
from tests.playbook import Playbook
from tests.service import Service
from tests.wire import Wire


async def finished(coming: Awaitable[Outcome]) -> Reply:
    outcome = await coming
    assert isinstance(outcome, Reply)
    return outcome


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("XYZZY", 500),
        ("SMNT x", 502),
        ("ADAT x", 502),
        ("noop", 200),
        ("NoOp", 200),
        ("SITE help", 214),
        ("SITE   HELP", 214),
    ],
)
def test_a_verb_is_looked_up_in_any_case(book: Playbook, line: str, code: int) -> None:
    book.say(line) >> code


def test_visitors_reach_no_member_row(playbook: Playbook) -> None:
    for verb in verbs.verbs():
        row = verbs.get(verb)
        assert row is not None
        said = playbook.say(f"{verb} x")
        if row.audience.value == "member":
            assert said.code == 530, verb


def test_a_permission_is_asked_before_the_argument_is_read(playbook: Playbook) -> None:
    playbook.login(permissions="drop-box")
    assert "permission to delete" in (playbook.say("DELE") >> 550).text


def test_a_wrong_argument_is_a_501_that_says_why(book: Playbook) -> None:
    assert "NUL" in (book.say("CWD a\0b") >> 501).text


def test_a_parameter_holds_for_the_transfer_and_no_longer(book: Playbook) -> None:
    (book.home / "file").touch()
    book.say("REST 5") >> 350
    book.say("ALLO 7") >> 200
    book.say("EPSV") >> 229
    assert (book.session.restart, book.session.expected) == (5, 7)
    said = book.say("STOR file") >> 150
    assert isinstance(said.outcome, Receive)
    assert (said.outcome.upload.offset, said.outcome.upload.expected) == (5, 7)
    assert (book.session.restart, book.session.expected) == (0, 0)


def test_what_failed_leaves_nothing_behind(book: Playbook) -> None:
    (book.home / "file").touch()
    book.say("REST 5") >> 350
    book.say("RETR missing") >> 550
    assert book.session.restart == 0
    book.say("RNFR file") >> 350
    book.say("RNFR missing") >> 550
    assert book.session.rename_from is None


@pytest.mark.parametrize(
    ("said", "failed", "code"),
    [
        ("SITE CPFR file", "SITE CPFR missing", 550),
        ("SITE CPFR file", "SITE CPFR", 501),
        ("RNFR file", "RNFR", 501),
        ("RANG 0 4", "RANG 9 5", 501),
        ("RANG 0 4", "RANG x", 501),
        ("RANG 0 4", "REST x", 501),
        ("REST 5", "RANG 9 5", 501),
        ("REST 5", "REST x", 501),
        ("ALLO 5", "ALLO x", 501),
    ],
)
def test_a_failed_command_leaves_no_older_one_standing(
    book: Playbook, said: str, failed: str, code: int
) -> None:
    """CPTO copied what an older CPFR had named, and RETR sent the range of an older RANG."""
    (book.home / "file").write_bytes(b"0123456789")
    assert book.say(said).code in (200, 350)
    book.say(failed) >> code
    session = book.session
    assert (session.copy_from, session.rename_from, session.range) == (None, None, None)
    assert (session.restart, session.expected, session.promise) == (0, 0, None)


def test_a_wrong_allo_lets_rest_stand(book: Playbook) -> None:
    """Else the rest of a file would be taken for the whole."""
    book.say("REST 5") >> 350
    book.say("ALLO x") >> 501
    assert book.session.restart == 5


def test_the_first_change_of_a_home_counts_it_on_a_thread(book: Playbook) -> None:
    (book.home / "d").mkdir()
    (book.home / "d" / "file").write_bytes(b"x" * 100)
    with pytest.raises(Uncounted):
        book.session.home.usage()
    book.say("MKD new") >> 257
    assert book.session.home.usage().bytes == 100
    assert book.session.home.usage().files == 3


async def nothing_long(session: Session, work: Callable[[], Outcome]) -> Outcome:
    raise AssertionError("MKD needs no thread of its own")


def test_a_home_that_is_busy_is_waited_for_on_a_thread(book: Playbook) -> None:
    book.say("MKD first") >> 257
    waited = []

    async def outwait(home: str, work: Callable[[], None]) -> None:
        waited.append(home)
        somebody.close()
        work()

    with ExitStack() as somebody:
        somebody.enter_context(book.session.home.tally.act())
        answer = dispatch(book.peer, Command.decode(b"MKD second"), nothing_long, outwait)
        assert isinstance(answer, Awaitable)
        assert asyncio.run(finished(answer)).code == 257
    assert waited == [book.session.home.name]
    assert sorted(os.listdir(book.home)) == ["first", "second"]


def test_a_home_that_stays_busy_is_a_450(book: Playbook) -> None:
    book.say("MKD first") >> 257
    tries = []

    async def in_vain(home: str, work: Callable[[], None]) -> None:
        tries.append(work)
        raise HomeBusy

    with book.session.home.tally.act():
        answer = dispatch(book.peer, Command.decode(b"MKD second"), nothing_long, in_vain)
        assert isinstance(answer, Awaitable)
        assert asyncio.run(finished(answer)).code == 450
    assert 1 < len(tries) < 100, "it neither gives up at once nor never"
    assert os.listdir(book.home) == ["first"]


def test_an_error_nobody_foresaw_is_a_451_and_in_the_log(
    book: Playbook, caplog: pytest.LogCaptureFixture
) -> None:
    storage = book.session.home.storage
    book.session.home.storage = None  # type: ignore[assignment]
    try:
        assert "log" in (book.say("CWD /") >> 451).text
    finally:
        book.session.home.storage = storage
    assert "a command failed" in caplog.text
    assert "AttributeError" in caplog.text


def test_a_home_that_has_vanished_is_no_error_of_ours(
    book: Playbook, caplog: pytest.LogCaptureFixture
) -> None:
    os.rmdir(book.home)
    for line in ("STOR x", "MKD x", "DELE x"):
        book.say(line) >> 451
    book.say("RETR x") >> 550
    book.say("PWD") >> 257
    book.say("CWD /") >> 250
    assert "failed" not in caplog.text


def test_the_log_tells_who_has_changed_which_names(service: Service) -> None:
    service.add_user("ada")
    with Wire.member(service, "ada") as wire:
        for line in (
            "MKD a dir",
            "RNFR a dir",
            "NOOP",
            "RNTO b",
            "SITE CPFR missing",
            "MKD c",
            "SITE COPY b d",
            "RMD b",
        ):
            wire.say(line)
        wire.say("DELE missing") >> 550
        wire.say("QUIT") >> 221
    service.wait_for_log("event=logout session=1 user=ada")
    told = [line.partition("event=change ")[2] for line in service.log.splitlines() if "event=change" in line]
    assert told == [
        'session=1 user=ada verb=MKD path="/a dir"',
        'session=1 user=ada verb=RNTO path="/a dir" to=/b',
        "session=1 user=ada verb=MKD path=/c",
        "session=1 user=ada verb=COPY path=/b to=/d",
        "session=1 user=ada verb=RMD path=/b",
    ]

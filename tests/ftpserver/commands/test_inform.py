"""OPTS SYST NOOP STAT CLNT AVBL."""

import os

import pytest

from ftpserver.outcome import Recite
from tests.playbook import Playbook


def test_noop_and_syst(playbook: Playbook) -> None:
    playbook.say("NOOP") >> 200
    playbook.say("NOOP with words") >> 200
    assert (playbook.say("SYST") >> 215).text.startswith("UNIX")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("OPTS UTF8 ON", 200),
        ("OPTS UTF-8 NLST", 200),
        ("OPTS utf8 on", 200),
        ("OPTS UTF8", 200),
        ("OPTS UTF8 OFF", 504),
        ("OPTS", 501),
        ("OPTS RETR", 501),
        ("OPTS \x1b[2J", 501),
        ("OPTS MLST type;", 200),
        ("OPTS MLST nonsense;", 200),
    ],
)
def test_options(book: Playbook, line: str, code: int) -> None:
    assert b"\x1b" not in (book.say(line) >> code).reply.encode()


def test_opts_mlst_tells_what_was_chosen(book: Playbook) -> None:
    assert (book.say("OPTS MLST SIZE;Type;nonsense;") >> 200).text == "MLST OPTS type;size;"
    assert (book.say("OPTS MLST") >> 200).text == "MLST OPTS"
    assert book.session.facts == frozenset()


def test_stat_tells_of_the_connection(playbook: Playbook) -> None:
    text = (playbook.say("STAT") >> 211).text
    assert "127.0.0.1" in text
    assert "Not logged in" in text
    playbook.login()
    playbook.say("CLNT a\x1bclient") >> 200
    said = playbook.say("STAT") >> 211
    assert "Logged in as ada" in said.text
    assert "TYPE: IMAGE" in said.text
    assert b"\x1b" not in said.reply.encode()


def test_stat_tells_of_mode_z(book: Playbook) -> None:
    """It said stream whatever the mode was."""
    assert "MODE: stream" in (book.say("STAT") >> 211).text
    book.say("MODE Z") >> 200
    assert "MODE: deflate" in (book.say("STAT") >> 211).text


def test_stat_of_a_path_is_its_listing_made_lazily(book: Playbook) -> None:
    (book.home / "d").mkdir()
    (book.home / "d" / "file").touch()
    said = book.say("STAT d") >> 213
    assert isinstance(said.outcome, Recite)
    assert [line.split()[-1] for line in said.outcome.lines] == ["file"]
    assert [line.split()[-1] for line in book.say("STAT -la d/*").lines()] == ["d/file"]
    book.say("STAT missing") >> 550


def test_stat_of_a_path_is_for_members(playbook: Playbook) -> None:
    playbook.say("STAT /") >> 530
    playbook.login(permissions="drop-box")
    playbook.say("STAT /") >> 550


def test_avbl_is_what_the_quota_leaves(playbook: Playbook) -> None:
    home = playbook.login(quota={"bytes": "1MiB"})
    (home / "d").mkdir()
    (playbook.say("STOR file") >> 150).take(b"x" * 1000)
    assert (playbook.say("AVBL") >> 213).text == str(1024 * 1024 - 1000)
    assert (playbook.say("AVBL d") >> 213).text == str(1024 * 1024 - 1000)
    playbook.say("AVBL missing") >> 550


def test_avbl_without_a_quota_is_what_the_disk_has(book: Playbook) -> None:
    disk = os.statvfs(book.home)
    assert 0 < int((book.say("AVBL") >> 213).text) <= disk.f_blocks * disk.f_frsize

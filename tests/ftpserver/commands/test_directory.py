"""PWD CWD CDUP MKD RMD and their X forms."""

import os

import pytest

from tests.playbook import Playbook


def test_down_and_up(book: Playbook) -> None:
    (book.home / "a" / "b").mkdir(parents=True)
    assert (book.say("PWD") >> 257).text.startswith('"/" ')
    book.say("CWD a/b") >> 250
    assert (book.say("PWD") >> 257).text.startswith('"/a/b" ')
    assert '"/a"' in (book.say("CDUP") >> 250).text
    book.say("CWD /") >> 250
    book.say("CWD ..") >> 250
    book.say("CDUP") >> 250
    assert (book.say("XPWD") >> 257).text.startswith('"/" ')


def test_quotes_in_names_are_doubled(book: Playbook) -> None:
    assert (book.say('MKD a"b') >> 257).text == '"/a""b" created.'
    assert '"/a""b"' in (book.say('CWD a"b') >> 250).text
    assert '"/a""b"' in (book.say("PWD") >> 257).text


def test_only_a_directory_can_be_gone_to(book: Playbook) -> None:
    (book.home / "file").touch()
    os.mkfifo(book.home / "fifo")
    (book.home / "dangling").symlink_to("nowhere")
    (book.home / "loop").symlink_to("loop")
    for name in ("file", "fifo", "dangling", "loop", "missing", "file/x", "file/.."):
        said = book.say(f"CWD {name}")
        if name == "file/..":  # lexical, as every path of ours
            said >> 250
            continue
        said >> 550
        assert book.session.cwd.text == "/", name


def test_a_link_leads_inside_the_home_only(book: Playbook) -> None:
    (book.home / "etc").mkdir()
    (book.home / "out").symlink_to("/etc")
    (book.home / "up").symlink_to("../../..")
    book.say("CWD out") >> 250
    assert book.say("NLST").lines() == []
    book.say("CWD /up") >> 250
    assert set(book.say("NLST").lines()) == {"etc", "out", "up"}


def test_a_directory_that_vanishes_is_no_trap(book: Playbook) -> None:
    (book.home / "d").mkdir()
    book.say("CWD d") >> 250
    (book.home / "d").rmdir()
    book.say("PWD") >> 257
    book.say("LIST") >> 550
    book.say("STOR x") >> 550
    book.say("CDUP") >> 250
    book.say("LIST") >> 150


@pytest.mark.parametrize(
    "name",
    ["plain", " leading", "trailing ", "-rf", "~", "%2e%2e", "a\\b", "n\u0303", "\udcff\udcfe", "x" * 255],
)
def test_names_of_every_kind_can_be_made_and_removed(book: Playbook, name: str) -> None:
    book.say(f"MKD {name}") >> 257
    assert os.listdir(os.fsencode(book.home)) == [os.fsencode(name)]
    book.say(f"XRMD {name}") >> 250
    assert os.listdir(book.home) == []


def test_control_characters_in_a_name_do_not_reach_the_reply(book: Playbook) -> None:
    said = book.say("MKD a\x1b[2J\rb") >> 257
    encoded = said.reply.encode()
    assert b"\x1b" not in encoded
    assert encoded.count(b"\r") == 1
    assert os.listdir(book.home) == ["a\x1b[2J\rb"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("MKD", 501),
        ("MKD a\0b", 501),
        ("MKD " + "x" * 5000, 501),
        ("MKD " + "x" * 256, 553),
        ("MKD taken", 550),
        ("MKD file", 550),
        ("MKD missing/x", 550),
        ("MKD file/x", 550),
        ("MKD /", 550),
        ("MKD ..", 550),
        ("RMD", 501),
        ("RMD missing", 550),
        ("RMD file", 550),
        ("RMD full", 550),
        ("RMD /", 550),
        ("RMD ..", 550),
        ("RMD link", 550),
        ("CWD", 501),
        ("CWD a\0b", 501),
        ("CWD " + "x" * 256, 553),
    ],
)
def test_refusals(book: Playbook, line: str, code: int) -> None:
    (book.home / "file").touch()
    (book.home / "taken").mkdir()
    (book.home / "full").mkdir()
    (book.home / "full" / "x").touch()
    (book.home / "link").symlink_to("taken")
    before = sorted(os.walk(book.home))
    book.say(line) >> code
    assert sorted(os.walk(book.home)) == before


def test_each_verb_needs_its_permission(playbook: Playbook) -> None:
    home = playbook.login(permissions="read-only")
    (home / "d").mkdir()
    playbook.say("CWD d") >> 250
    playbook.say("CDUP") >> 250
    for line in ("MKD x", "XMKD x", "RMD d", "XRMD d"):
        assert "permission" in (playbook.say(line) >> 550).text
    assert os.listdir(home) == ["d"]

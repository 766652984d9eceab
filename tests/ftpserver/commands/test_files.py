"""DELE RNFR RNTO SIZE MDTM MFMT."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.playbook import Playbook


def test_dele_removes_what_is_no_directory(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"x")
    (book.home / "kept").write_bytes(b"x")
    (book.home / "link").symlink_to("kept")
    os.mkfifo(book.home / "fifo")
    for name in ("file", "link", "fifo"):
        book.say(f"DELE {name}") >> 250
    assert os.listdir(book.home) == ["kept"]


@pytest.mark.parametrize("name", ["missing", "d", "/", "d/missing", "file/x"])
def test_dele_refuses(book: Playbook, name: str) -> None:
    (book.home / "d").mkdir()
    (book.home / "file").touch()
    book.say(f"DELE {name}") >> 550
    assert sorted(os.listdir(book.home)) == ["d", "file"]


def test_rename_takes_two_commands(book: Playbook) -> None:
    (book.home / "old").write_bytes(b"x")
    (book.home / "d").mkdir()
    book.say("RNFR old") >> 350
    book.say("RNTO d/new") >> 250
    assert (book.home / "d" / "new").read_bytes() == b"x"
    book.say("RNTO again") >> 503


@pytest.mark.parametrize(
    "between", ["NOOP", "PWD", "NONSENSE", "SITE NONSENSE", "SIZE new", "CWD missing", "NLST"]
)
def test_a_rename_may_have_other_commands_in_between(book: Playbook, between: str) -> None:
    """Clients look whether the new name is there, or keep the connection alive."""
    (book.home / "old").touch()
    book.say("RNFR old") >> 350
    book.say(between)
    book.say("RNTO new") >> 250
    assert os.listdir(book.home) == ["new"]


@pytest.mark.parametrize("between", ["RNFR missing", "RNFR", "RNTO", "RNTO no/where"])
def test_rnfr_is_forgotten_after_a_failed_rename(book: Playbook, between: str) -> None:
    (book.home / "old").touch()
    book.say("RNFR old") >> 350
    book.say(between)
    book.say("RNTO new") >> 503
    assert os.listdir(book.home) == ["old"]


def test_the_last_rnfr_counts(book: Playbook) -> None:
    (book.home / "a").touch()
    (book.home / "b").touch()
    book.say("RNFR a") >> 350
    book.say("RNFR b") >> 350
    book.say("RNTO c") >> 250
    assert sorted(os.listdir(book.home)) == ["a", "c"]


def test_a_link_is_renamed_itself_also_a_dangling_one(book: Playbook) -> None:
    (book.home / "link").symlink_to("nowhere")
    book.say("RNFR link") >> 350
    book.say("RNTO other") >> 250
    assert os.readlink(book.home / "other") == "nowhere"


def test_a_rename_replaces_only_with_the_permission_to_overwrite(playbook: Playbook) -> None:
    home = playbook.login(permissions=["list", "read", "create", "rename"])
    (home / "a").write_bytes(b"a")
    (home / "b").write_bytes(b"b")
    playbook.say("RNFR a") >> 350
    playbook.say("RNTO b") >> 550
    assert (home / "b").read_bytes() == b"b"
    playbook.login(name="ada", permissions="full")
    playbook.say("RNFR a") >> 350
    playbook.say("RNTO b") >> 250
    assert (home / "b").read_bytes() == b"a"


@pytest.mark.parametrize("target", ["missing/x", "d", "d/below", "", "a\0b", "x" * 256])
def test_a_rename_that_cannot_be_leaves_everything(book: Playbook, target: str) -> None:
    (book.home / "d" / "below").mkdir(parents=True)
    (book.home / "file").touch()
    book.say("RNFR file") >> 350
    assert book.say(f"RNTO {target}").code in (501, 550, 553)
    assert sorted(os.listdir(book.home)) == ["d", "file"]


def test_a_directory_is_not_moved_into_itself(book: Playbook) -> None:
    (book.home / "d").mkdir()
    book.say("RNFR d") >> 350
    assert book.say("RNTO d/e").code in (550, 553)
    assert os.listdir(book.home) == ["d"]


def test_size_is_what_retr_would_send(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"a\nb\r\nc\n")
    assert (book.say("SIZE file") >> 213).text == "7"
    book.say("TYPE A") >> 200
    assert (book.say("SIZE file") >> 213).text == "9"


@pytest.mark.parametrize("verb", ["SIZE", "MDTM"])
@pytest.mark.parametrize("name", ["missing", "d", "fifo", "dangling", "/"])
def test_size_and_time_are_of_regular_files(book: Playbook, verb: str, name: str) -> None:
    (book.home / "d").mkdir()
    os.mkfifo(book.home / "fifo")
    (book.home / "dangling").symlink_to("nowhere")
    book.say(f"{verb} {name}") >> 550


def test_mff_sets_all_facts_or_none(book: Playbook) -> None:
    file = book.home / "a file"
    file.touch(0o600)
    os.utime(file, (0, 0))
    for facts, code in (
        ("modify=20240229120000;UNIX.mode=0999;", 501),
        ("UNIX.mode=0644;modify=2024;", 501),
        ("modify=20240229120000;create=20240229120000;", 504),
    ):
        book.say(f"MFF {facts} a file") >> code
        assert (file.stat().st_mode & 0o777, file.stat().st_mtime) == (0o600, 0)
    said = book.say("MFF UNIX.mode=0644;Modify=19700101000100; a file") >> 213
    assert said.text == "modify=19700101000100;UNIX.mode=0644; /a file"
    assert (file.stat().st_mode & 0o777, file.stat().st_mtime) == (0o644, 60)
    book.say("MFF modify=19700101000200; a file") >> 213
    book.say("MFF UNIX.mode=600; a file") >> 213
    assert (file.stat().st_mode & 0o777, file.stat().st_mtime) == (0o600, 120)


def test_mdtm_tells_and_mfmt_sets(book: Playbook) -> None:
    file = book.home / "a file"
    file.touch()
    os.utime(file, (0, 86400.75))
    assert (book.say("MDTM a file") >> 213).text == "19700102000000"
    assert (book.say("MFMT 20240229120000 a file") >> 213).text.startswith("Modify=20240229120000;")
    assert file.stat().st_mtime == 1709208000


@pytest.fixture
def memory() -> Iterator[Path]:
    """A directory on a file system that keeps every time."""
    with TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.mark.parametrize("seconds", [2**40, -(2**40), 253402300800])
def test_a_time_that_no_calendar_has_is_an_answer_too(playbook: Playbook, memory: Path, seconds: int) -> None:
    playbook.login(home=str(memory))
    book = playbook
    file = memory / "file"
    file.touch()
    os.utime(file, (0, seconds))
    assert file.stat().st_mtime == seconds
    book.say("MDTM file") >> 550
    assert len(book.say("LIST").lines()) == 1
    assert len(book.say("MLSD").lines()) == 1
    book.say("MLST file") >> 250


def test_mdtm_with_a_time_sets_it_as_old_clients_do(book: Playbook) -> None:
    (book.home / "file").touch()
    book.say("MDTM 20240229120000 file") >> 213
    assert (book.home / "file").stat().st_mtime == 1709208000
    (book.home / "20240229120000 file").touch()
    os.utime(book.home / "20240229120000 file", (0, 0))
    assert (book.say("MDTM 20240229120000 file") >> 213).text == "19700101000000", "a file of that name wins"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("MDTM", 501),
        ("MDTM \u0661\u0661 file", 501),
        ("MFMT 20241301000000 file", 501),
        ("MFMT 2024 file", 501),
        ("MFMT file", 501),
        ("MFMT 20240229120000 missing", 550),
        ("SIZE", 501),
        ("RNFR", 501),
        ("DELE", 501),
        ("DELE a\0b", 501),
    ],
)
def test_refusals(book: Playbook, line: str, code: int) -> None:
    (book.home / "file").touch()
    book.say(line) >> code


def test_each_verb_needs_its_permission(playbook: Playbook) -> None:
    home = playbook.login(permissions="drop-box")
    (home / "file").touch()
    os.utime(home / "file", (0, 0))
    for line in ("DELE file", "RNFR file", "RNTO x", "SIZE file", "MDTM file", "MFMT 20240229120000 file"):
        assert "permission" in (playbook.say(line) >> 550).text, line
    playbook.login(permissions="read-only")
    playbook.say("MDTM 20240229120000 file") >> 550
    assert (home / "file").stat().st_mtime == 0

"""RETR STOR APPE STOU ABOR, up to the data connection; what moves over it is in tests/ftpserver/test_transfer.py."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ftpserver.outcome import Receive, Send
from ftpserver.quota.base import QuotaExceeded
from ftpserver.refusal import reply_to
from ftpserver.upload import Ending, Fate
from ftpwire.reply import Reply
from tests.playbook import Playbook


def test_retr_sends_the_file_from_where_rest_said(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"0123456789")
    said = book.say("RETR file") >> 150
    assert "(10 bytes)" in said.text
    assert said.content() == b"0123456789"
    book.say("REST 7") >> 350
    said = book.say("RETR file") >> 150
    assert "(3 bytes)" in said.text
    assert said.content() == b"789"
    assert (book.say("RETR file") >> 150).content() == b"0123456789", "REST counts once"


def test_a_restart_at_the_end_sends_nothing_and_beyond_it_is_554(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"0123456789")
    book.say("REST 10") >> 350
    assert (book.say("RETR file") >> 150).content() == b""
    for offset in (11, 2**31, 2**63 - 1):
        book.say(f"REST {offset}") >> 350
        book.say("RETR file") >> 554


def test_a_restart_in_ascii_counts_bytes_of_the_network(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"a\nb\nc")
    book.say("TYPE A") >> 200
    book.say("REST 3") >> 350  # a CR LF
    said = book.say("RETR file") >> 150
    assert said.content() == b"b\nc"
    book.say("REST 2") >> 350  # between CR and LF
    said = book.say("RETR file") >> 150
    assert isinstance(said.outcome, Send)
    assert said.outcome.after_cr
    assert said.content() == b"\nb\nc"
    book.say("REST 8") >> 350
    book.say("RETR file") >> 554


@pytest.mark.parametrize(
    "between",
    [
        "NOOP",
        "TYPE I",
        "CWD missing",
        "NONSENSE",
        "STAT",
        "SIZE file",
        "SITE X",
        "PASV",
        "EPSV",
        "PORT 127,0,0,1,200,1",
        "EPRT |1|127.0.0.1|50000|",
        "ALLO 3",
        "EPSV 2",
    ],
)
@pytest.mark.parametrize("line", ["REST 7", "RANG 7 9"])
def test_where_a_transfer_starts_is_kept_over_what_moves_no_data(
    book: Playbook, line: str, between: str
) -> None:
    """Who was told 350 and sends the rest of a file would lose what he has sent before."""
    (book.home / "file").write_bytes(b"0123456789")
    book.say(line) >> 350
    book.say(between)
    assert (book.say("RETR file") >> 150).content() == b"789"


@pytest.mark.parametrize(
    "between", ["LIST", "NLST", "MLSD", "RETR file", "RETR missing", "STOR x/y", "REST x"]
)
def test_it_is_used_up_by_the_next_transfer_or_a_wrong_rest(book: Playbook, between: str) -> None:
    (book.home / "file").write_bytes(b"0123456789")
    book.say("REST 7") >> 350
    book.say(between)
    assert (book.say("RETR file") >> 150).content() == b"0123456789"


@pytest.mark.parametrize("name", ["missing", "d", "fifo", "dangling", "loop", "/", "file/x", "secret"])
def test_only_a_readable_regular_file_is_sent(book: Playbook, name: str) -> None:
    (book.home / "d").mkdir()
    (book.home / "file").touch()
    os.mkfifo(book.home / "fifo")
    (book.home / "dangling").symlink_to("nowhere")
    (book.home / "loop").symlink_to("loop")
    (book.home / "secret").symlink_to("/etc/passwd")
    book.say(f"RETR {name}") >> 550


def test_stor_makes_a_file_when_it_is_complete(book: Playbook) -> None:
    said = book.say("STOR file") >> 150
    assert os.listdir(book.home) == []
    assert said.take(b"content") is Fate.STORED
    assert (book.home / "file").read_bytes() == b"content"


def test_stor_replaces_only_when_it_is_complete(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"old")
    said = book.say("STOR file") >> 150
    assert said.take(b"half", Ending.CUT) is Fate.DROPPED
    assert (book.home / "file").read_bytes() == b"old"
    (book.say("STOR file") >> 150).take(b"new content")
    assert (book.home / "file").read_bytes() == b"new content"


def test_rest_and_stor_write_in_place(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"0123456789")
    book.say("REST 3") >> 350
    (book.say("STOR file") >> 150).take(b"abc")
    assert (book.home / "file").read_bytes() == b"012abc6789"


def test_rest_and_stor_in_ascii_find_the_place_in_the_file(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"a\nb\n")
    book.say("TYPE A") >> 200
    book.say("REST 6") >> 350
    said = book.say("STOR file") >> 150
    assert isinstance(said.outcome, Receive)
    assert said.outcome.upload.offset == 4
    book.say("REST 6") >> 350
    said = book.say("STOR new") >> 150
    assert isinstance(said.outcome, Receive)
    assert said.outcome.upload.offset == 6


@pytest.mark.parametrize("elsewhere", [None, "/dev/shm"])
def test_rest_beyond_what_a_file_system_has_is_refused(playbook: Playbook, elsewhere: str | None) -> None:
    with TemporaryDirectory(dir=elsewhere) as home:
        playbook.login(home=home)
        (Path(home) / "file").write_bytes(b"x")
        for name in ("file", "new"):
            playbook.say(f"REST {2**63 - 1}") >> 350
            said = playbook.say(f"STOR {name}")
            if said.code == 150:  # then it is the first byte that cannot be
                with pytest.raises((OSError, QuotaExceeded)) as refused:
                    said.take(b"x")
                assert reply_to(refused.value) is not None
            else:
                assert said.code in (552, 553)
        assert os.listdir(home) == ["file"]
        assert (Path(home) / "file").read_bytes() == b"x"


def test_appe_goes_on_at_the_end_or_begins(book: Playbook) -> None:
    (book.say("APPE file") >> 150).take(b"one ")
    (book.say("APPE file") >> 150).take(b"two")
    assert (book.home / "file").read_bytes() == b"one two"


def test_stou_tells_the_name_it_makes(book: Playbook) -> None:
    (book.home / "d").mkdir()
    for line, directory in (("STOU", book.home), ("STOU d/x", book.home / "d")):
        said = book.say(line) >> 150
        assert isinstance(said.outcome, Receive)
        assert said.text == f"FILE: {said.outcome.name}"
        said.take(b"content")
        assert (directory / said.outcome.name).read_bytes() == b"content"


@pytest.mark.parametrize("verb", ["STOR", "APPE"])
@pytest.mark.parametrize(
    ("name", "code"),
    [("", 501), ("d", 550), ("/", 550), ("missing/x", 550), ("a\0b", 501), ("fifo", 550), ("x" * 256, 553)],
)
def test_uploads_that_cannot_be(book: Playbook, verb: str, name: str, code: int) -> None:
    (book.home / "d").mkdir()
    os.mkfifo(book.home / "fifo")
    book.say(f"{verb} {name}") >> code
    assert sorted(os.listdir(book.home)) == ["d", "fifo"]


def test_a_file_written_in_place_is_busy_for_others(book: Playbook) -> None:
    (book.home / "file").write_bytes(b"x")
    first = book.say("APPE file") >> 150
    book.say("APPE file") >> 450
    book.say("STOR file") >> 450
    first.take(b"y")
    book.say("APPE file") >> 150


def test_permissions(playbook: Playbook) -> None:
    home = playbook.login(permissions=["list", "create"])
    (home / "file").write_bytes(b"old")
    playbook.say("RETR file") >> 550
    playbook.say("STOR file") >> 550
    playbook.say("APPE file") >> 550
    playbook.say("STOU") >> 150
    playbook.say("STOR new") >> 150
    playbook.login(permissions="read-only")
    for line in ("STOR x", "APPE x", "STOU", "STOR file", "APPE file"):
        playbook.say(line) >> 550
    playbook.say("RETR file") >> 150


def test_abor_without_a_transfer_is_a_226(playbook: Playbook) -> None:
    assert isinstance((playbook.say("ABOR") >> 226).outcome, Reply)


def test_a_quota_is_told_with_its_numbers(playbook: Playbook) -> None:
    playbook.login(quota={"bytes": "1MiB", "files": 1})
    (playbook.say("STOR a") >> 150).take(b"x" * 1000)
    assert "0 free of 1" in (playbook.say("STOR b") >> 552).text
    assert "entries" in (playbook.say("MKD d") >> 552).text

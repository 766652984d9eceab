"""SITE CHMOD UTIME QUOTA HELP."""

import os
import stat

import pytest

from ftpserver.accounts.group import group_file
from tests.playbook import Playbook


@pytest.mark.parametrize(("mode", "bits"), [("644", 0o644), ("0600", 0o600), ("777", 0o777), ("000", 0)])
def test_chmod_sets_permission_bits(book: Playbook, mode: str, bits: int) -> None:
    file = book.home / "a file"
    file.touch()
    book.say(f"SITE CHMOD {mode} a file") >> 200
    assert stat.S_IMODE(file.stat().st_mode) == bits


@pytest.mark.parametrize(
    "argument",
    ["", "644", "644 ", "999 file", "4755 file", "u+x file", "-1 file", "64 file", "\u0666\u0664\u0664 file"],
)
def test_chmod_takes_three_octal_digits_and_a_path(book: Playbook, argument: str) -> None:
    (book.home / "file").touch()
    before = (book.home / "file").stat().st_mode
    book.say(f"SITE CHMOD {argument}") >> 501
    assert (book.home / "file").stat().st_mode == before


@pytest.mark.parametrize(
    "argument",
    [
        "20240229120000 a file",
        "202402291200 a file",
        "a file 20200101000000 20240229120000 20200101000000 UTC",
    ],
)
def test_utime_in_every_form(book: Playbook, argument: str) -> None:
    file = book.home / "a file"
    file.touch()
    book.say(f"SITE UTIME {argument}") >> 200
    assert file.stat().st_mtime == 1709208000


@pytest.mark.parametrize(
    "argument", ["", "file", "20241301000000 file", "2024 file", "20240229120000", "20240229120000 "]
)
def test_utime_refuses_what_is_no_time(book: Playbook, argument: str) -> None:
    (book.home / "file").touch()
    os.utime(book.home / "file", (0, 7))
    book.say(f"SITE UTIME {argument}") >> 501
    assert (book.home / "file").stat().st_mtime == 7


def test_attributes_stay_in_the_home_and_need_the_permission(playbook: Playbook) -> None:
    home = playbook.login()
    outside = playbook.folder / "outside"
    outside.touch(0o600)
    (home / "link").symlink_to(outside)
    playbook.say("SITE CHMOD 777 link") >> 550
    playbook.say("SITE UTIME 20240229120000 link") >> 550
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600
    (home / "file").touch(0o600)
    playbook.login(permissions="read-only")
    playbook.say("SITE CHMOD 777 file") >> 550
    playbook.say("SITE UTIME 20240229120000 file") >> 550
    playbook.say("SITE CHMOD 777 missing") >> 550
    assert stat.S_IMODE((home / "file").stat().st_mode) == 0o600


def test_quota_tells_what_the_ledger_says(playbook: Playbook) -> None:
    home = playbook.login(quota={"bytes": "1MiB", "files": 10})
    (home / "found").write_bytes(b"x" * 24)
    (playbook.say("STOR file") >> 150).take(b"x" * 1000)
    text = (playbook.say("SITE QUOTA") >> 200).text
    assert "Bytes: 1024 used" in text
    assert "limit 1048576" in text
    assert "Entries: 2 used" in text
    assert "limit 10" in text
    assert f"Free: {1048576 - 1024} bytes" in text


def test_free_room_is_what_the_pool_leaves_too(playbook: Playbook) -> None:
    """SITE QUOTA and AVBL told what the user's own quota left, and the upload got a 552."""
    group = group_file(playbook.folder / "accounts", "team")
    group.parent.mkdir()
    group.write_text("pool: {bytes: 1000}\n")
    playbook.login(group="team", quota={"bytes": "1MiB"})
    (playbook.say("STOR file") >> 150).take(b"x" * 900)
    assert "Free: 100 bytes" in (playbook.say("SITE QUOTA") >> 200).text
    assert (playbook.say("AVBL") >> 213).text == "100"


def test_quota_without_limits(book: Playbook) -> None:
    text = (book.say("SITE QUOTA") >> 200).text
    assert text.count("no limit") == 2
    assert "Free" not in text


def test_site_itself(book: Playbook) -> None:
    book.say("SITE") >> 501
    book.say("SITE  ") >> 501
    book.say("SITE EXEC id") >> 504
    assert "SITE CHMOD" in (book.say("SITE HELP") >> 214).text
    assert "SITE CHMOD" in (book.say("site help") >> 214).text
    book.say("HELP SITE CHMOD") >> 214

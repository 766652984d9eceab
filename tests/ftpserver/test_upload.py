"""The endings of an upload: what becomes of the file, the one it would replace, and the books."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.home import Home
from ftpserver.quota.base import HomeBusy, LedgerFault, Uncounted, Usage
from ftpserver.upload import Ending, Fate, UploadPolicy
from tests.ftpserver.homes import Place, disk, path, settled, store, write


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    opened = Place(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def home(place: Place) -> Home:
    return place.session(100, 5)


@pytest.fixture
def discarding(place: Place) -> Home:
    return place.session(100, 5, policy=UploadPolicy(keep=False))


@pytest.mark.parametrize(
    ("ending", "fate"),
    [(Ending.COMPLETE, Fate.STORED), (Ending.CUT, Fate.KEPT), (Ending.REFUSED, Fate.DROPPED)],
)
def test_a_new_name(home: Home, place: Place, ending: Ending, fate: Fate) -> None:
    assert store(home, "a", b"x" * 30, ending) is fate
    assert disk(place.root) == ((0, 0) if fate is Fate.DROPPED else (30, 1))
    assert home.usage() == Usage(*disk(place.root))


@pytest.mark.parametrize(
    ("ending", "fate"),
    [(Ending.COMPLETE, Fate.STORED), (Ending.CUT, Fate.DROPPED), (Ending.REFUSED, Fate.DROPPED)],
)
def test_one_that_replaces(home: Home, place: Place, ending: Ending, fate: Fate) -> None:
    store(home, "a", b"old" * 10)
    assert store(home, "a", b"new", ending) is fate
    assert (place.root / "a").read_bytes() == (b"new" if fate is Fate.STORED else b"old" * 10)
    assert home.usage() == Usage(*disk(place.root))


@pytest.mark.parametrize(
    ("ending", "fate"),
    [(Ending.COMPLETE, Fate.STORED), (Ending.CUT, Fate.KEPT), (Ending.REFUSED, Fate.KEPT)],
)
def test_one_in_place_keeps_what_came(home: Home, place: Place, ending: Ending, fate: Fate) -> None:
    store(home, "a", b"0123456789")
    upload = home.upload_in_place(path("a"), 5)
    write(upload, b"abcdefgh")
    assert upload.finish(ending) is fate
    assert (place.root / "a").read_bytes() == b"01234abcdefgh"
    assert home.usage() == Usage(13, 1)


def test_nothing_that_was_cut_is_kept_where_the_policy_discards(discarding: Home, place: Place) -> None:
    assert store(discarding, "a", b"x", Ending.CUT) is Fate.DROPPED
    assert store(discarding, "b", b"x", Ending.COMPLETE) is Fate.STORED
    assert disk(place.root) == (1, 1)


def test_an_empty_cut_upload_is_nothing_to_resume(home: Home, place: Place) -> None:
    assert home.upload(path("a")).finish(Ending.CUT) is Fate.DROPPED
    assert home.upload(path("a")).finish(Ending.COMPLETE) is Fate.STORED
    assert disk(place.root) == (0, 1)


def test_a_cut_upload_never_takes_a_name_that_came_meanwhile(home: Home, place: Place) -> None:
    upload = home.upload(path("a"))
    write(upload, b"part")
    store(home, "a", b"whole")
    assert upload.finish(Ending.CUT) is Fate.DROPPED
    assert (place.root / "a").read_bytes() == b"whole"
    assert home.usage() == Usage(5, 1)


def test_nothing_is_seen_before_the_end(home: Home, place: Place) -> None:
    upload = home.upload(path("a"))
    write(upload, b"x" * 10)
    assert os.listdir(place.root) == []
    upload.finish(Ending.COMPLETE)
    assert os.listdir(place.root) == ["a"]


def test_one_that_got_no_byte_changes_nothing(home: Home, place: Place) -> None:
    store(home, "a", b"old")
    for upload in (
        home.upload(path("new"), 20),
        home.upload(path("a"), 20),
        home.upload_in_place(path("a"), 1, 20),
        home.upload_in_place(path("new"), 7, 20),
    ):
        upload.abandon_untouched()
    assert home.usage() == Usage(3, 1)
    assert disk(place.root) == (3, 1)


def test_a_busy_home_lets_it_end_later(home: Home, place: Place) -> None:
    upload = home.upload(path("a"))
    write(upload, b"x" * 10)
    with home.tally.act():
        with pytest.raises(HomeBusy):
            upload.finish(Ending.COMPLETE)
        dropped = home.upload(path("b"))
        assert dropped.finish(Ending.REFUSED) is Fate.DROPPED  # needs no name, so nobody to wait for
    assert upload.finish(Ending.COMPLETE, wait=True) is Fate.STORED
    assert home.usage() == Usage(10, 1)


def test_one_whose_home_cannot_be_counted_leaves_nothing_behind(home: Home, place: Place) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    store(home, "a", b"old")
    opens = len(os.listdir("/proc/self/fd"))
    upload = home.upload(path("a"))
    upload._recount = fail
    write(upload, b"x" * 10)
    (place.root / "a").unlink()  # so it needs an entry more, which only a counted home can give
    home.tally.distrust()
    with pytest.raises(OSError, match="Input/output"):
        upload.finish(Ending.COMPLETE, wait=True)
    assert settled(home) == Usage(0, 0)
    assert len(os.listdir("/proc/self/fd")) == opens


def test_a_directory_that_vanished_loses_the_upload_and_nothing_else(home: Home, place: Place) -> None:
    home.make_directory(path("d"))
    upload = home.upload(path("d/a"))
    write(upload, b"x" * 10)
    home.remove_directory(path("d"))
    with pytest.raises(FileNotFoundError):
        upload.finish(Ending.COMPLETE)
    assert settled(home) == Usage(0, 0)


def test_a_directory_that_moved_takes_the_upload_along(home: Home, place: Place) -> None:
    home.make_directory(path("d"))
    upload = home.upload(path("d/a"))
    write(upload, b"x" * 10)
    home.rename(path("d"), path("e"))
    assert upload.finish(Ending.COMPLETE) is Fate.STORED
    assert (place.root / "e" / "a").read_bytes() == b"x" * 10
    assert home.usage() == Usage(10, 2)


@pytest.mark.parametrize("name", ["old", "new"])
def test_a_directory_that_takes_the_name_meanwhile_is_not_replaced(
    home: Home, place: Place, name: str
) -> None:
    store(home, "old", b"o" * 20)
    upload = home.upload(path(name))
    write(upload, b"x" * 10)
    if name == "old":
        home.remove_file(path("old"))
    home.make_directory(path(name))
    with pytest.raises(IsADirectoryError):
        upload.finish(Ending.COMPLETE)
    usage = settled(home)
    assert (usage.bytes, usage.files) == disk(place.root)
    assert (usage.reserved_bytes, usage.reserved_files) == (0, 0)


def test_a_sync_that_fails_behind_the_name_leaves_a_file_that_is_counted(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = place.session(100, 5, policy=UploadPolicy(durable=True))
    upload = home.upload(path("a"))
    write(upload, b"x" * 60)

    sync = os.fsync

    def failing(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EIO, "the disk failed")
        sync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OSError, match="the disk failed"):
            upload.finish(Ending.COMPLETE)
    with pytest.raises(Uncounted):
        home.upload(path("b"))
    assert settled(home) == Usage(*disk(place.root)) == Usage(60, 1)


@pytest.mark.parametrize("replaces", [True, False])
def test_a_ledger_that_fails_at_the_end_never_leaves_bytes_uncounted(
    home: Home, place: Place, replaces: bool
) -> None:
    if replaces:
        store(home, "a", b"old")
    upload = home.upload(path("a"))
    write(upload, b"x" * 60)
    place.ledger._database.execute("PRAGMA query_only=1")
    with pytest.raises(LedgerFault):
        upload.finish(Ending.COMPLETE)
    place.ledger._database.execute("PRAGMA query_only=0")
    usage = home.usage()
    assert usage.bytes + usage.reserved_bytes >= 60
    with pytest.raises(Uncounted):
        home.upload(path("b"))
    assert settled(home) == Usage(*disk(place.root))


def test_durable_files_are_there(place: Place) -> None:
    home = place.session(100, 5, policy=UploadPolicy(durable=True))
    store(home, "a", b"one")
    store(home, "a", b"two!")
    upload = home.upload_in_place(path("a"), None)
    write(upload, b"three")
    upload.finish(Ending.COMPLETE)
    assert (place.root / "a").read_bytes() == b"two!three"
    assert home.usage() == Usage(9, 1)


def test_no_descriptor_is_left(home: Home) -> None:
    store(home, "a", b"x")
    store(home, "a", b"y")  # the first that replaces opens the staging directory
    before = len(os.listdir("/proc/self/fd"))
    for ending in Ending:
        store(home, "a", b"y", ending)
        store(home, f"new-{ending}", b"y", ending)
        upload = home.upload_in_place(path("a"), None)
        write(upload, b"z")
        upload.finish(ending)
    assert len(os.listdir("/proc/self/fd")) == before

"""A home: every change reserved, done and settled; and the permissions that depend on what is there."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.accounts.account import PRESETS, Permission
from ftpserver.home import Home, PermissionDenied
from ftpserver.quota.base import HomeBusy, LedgerFault, Limits, QuotaExceeded, Uncounted, Usage
from ftpserver.storage.base import StorageBusy
from ftpserver.upload import Ending, Fate
from tests.ftpserver.homes import Place, disk, path, settled, store, write


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    opened = Place(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def home(place: Place) -> Iterator[Home]:
    """100 bytes and 3 entries; in the end the books are right."""
    opened = place.session(100, 3)
    yield opened
    usage = settled(opened)
    assert (usage.bytes, usage.files) == disk(place.root)
    assert (usage.reserved_bytes, usage.reserved_files) == (0, 0)


def _permitted(place: Place, *permissions: Permission) -> Home:
    return place.session(100, 3, permissions=frozenset(permissions))


def test_looking(home: Home, place: Place) -> None:
    store(home, "a", b"abc")
    assert home.stat(path("a")).size == 3
    assert [entry.name for entry in home.scan(path("/"))] == ["a"]
    source = home.open_source(path("a"), 1)
    assert (source.size, source.offset) == (3, 1)
    source.close()


def on_disk(place: Path) -> int:
    """The free bytes of the file system that this is on."""
    facts = os.statvfs(place)
    return facts.f_bavail * facts.f_frsize


def test_free_bytes_are_those_of_the_quota_or_the_disk(place: Place, home: Home) -> None:
    assert home.free_bytes() == 100
    upload = home.upload(path("a"), 30)
    assert home.free_bytes() == 70
    upload.abandon_untouched()
    home.tally.limits = Limits()
    before, found, after = -1, 0, 0
    while before != after:  # other tests use the disk meanwhile
        before, found, after = on_disk(place.root), home.free_bytes(), on_disk(place.root)
    assert 0 < found == after
    store(home, "a", b"x" * 50)
    home.tally.limits = Limits(20)
    assert home.free_bytes() == 0


# Overwriting at 0, 50 and 100 % of the quota (invariant 2) -----------------------------------------------------------


@pytest.mark.parametrize("beside", [0, 50])
@pytest.mark.parametrize("new", [0, 10, 50])
def test_an_overwrite_that_is_not_larger_is_always_allowed(
    home: Home, place: Place, beside: int, new: int
) -> None:
    store(home, "a", b"o" * 50)
    store(home, "b", b"b" * beside)
    store(home, "a", b"n" * new)
    assert (place.root / "a").read_bytes() == b"n" * new
    assert home.usage() == Usage(new + beside, 2)


@pytest.mark.parametrize("beside", [0, 30, 50])
def test_a_larger_overwrite_gets_what_is_free_and_a_failed_one_changes_nothing(
    home: Home, place: Place, beside: int
) -> None:
    store(home, "a", b"o" * 50)
    store(home, "b", b"b" * beside)
    with pytest.raises(QuotaExceeded) as refused:
        store(home, "a", b"n" * (101 - beside))
    assert (refused.value.need, refused.value.free) == (101 - beside, 100 - beside)
    assert (place.root / "a").read_bytes() == b"o" * 50
    assert home.usage() == Usage(50 + beside, 2)
    store(home, "a", b"n" * (100 - beside))
    assert home.usage() == Usage(100, 2)


def test_with_all_entries_used_an_overwrite_is_allowed_and_a_refused_upload_makes_nothing(
    home: Home, place: Place
) -> None:
    for name in "abc":
        store(home, name, b"x")
    store(home, "a", b"yy")
    for make in (lambda: home.upload(path("d")), lambda: home.upload_in_place(path("d"), 0)):
        with pytest.raises(QuotaExceeded) as refused:
            make()
        assert (refused.value.unit, refused.value.need, refused.value.free) == ("files", 1, 0)
    with pytest.raises(QuotaExceeded):
        home.make_directory(path("d"))
    assert sorted(os.listdir(place.root)) == ["a", "b", "c"]


def test_a_lowered_limit_still_lets_smaller_overwrites_and_deletes(home: Home) -> None:
    store(home, "a", b"x" * 80)
    running = home.upload(path("b"))
    write(running, b"y" * 10)
    home.tally.limits = Limits(20, 1)
    with pytest.raises(QuotaExceeded):
        write(running, b"y" * 80, 10)
    assert running.finish(Ending.REFUSED) is Fate.DROPPED
    store(home, "a", b"x" * 79)
    with pytest.raises(QuotaExceeded):
        store(home, "a", b"x" * 80)
    home.remove_file(path("a"))
    assert home.usage() == Usage(0, 0)


# Two uploads and one name -------------------------------------------------------------------------------------------


def test_a_second_upload_to_the_same_name_gets_no_loan(home: Home) -> None:
    store(home, "a", b"x" * 100)
    first, second = home.upload(path("a")), home.upload(path("a"))
    end = write(first, b"1" * 100)
    assert end == 100
    with pytest.raises(QuotaExceeded):
        write(second, b"2")
    assert second.finish(Ending.REFUSED) is Fate.DROPPED
    assert first.finish(Ending.COMPLETE) is Fate.STORED


def test_of_two_new_ones_with_one_name_the_last_stays_and_is_counted_once(home: Home, place: Place) -> None:
    first, second = home.upload(path("a")), home.upload(path("a"))
    write(first, b"1" * 40)
    write(second, b"2" * 50)
    assert first.finish(Ending.COMPLETE) is Fate.STORED
    assert second.finish(Ending.COMPLETE) is Fate.STORED
    assert (place.root / "a").read_bytes() == b"2" * 50
    assert home.usage() == Usage(50, 1)


@pytest.mark.parametrize(
    ("bytes", "files", "stored"),
    [
        (160, 3, True),
        (159, 3, False),  # no room for both
        (160, 2, False),  # no entry for both
    ],
)
def test_a_lent_file_that_is_renamed_is_not_replaced_so_it_must_be_paid_for(
    place: Place, bytes: int, files: int, stored: bool
) -> None:
    home = place.session(bytes, files)
    store(home, "other", b"")
    store(home, "a", b"o" * 100)
    upload = home.upload(path("a"))
    write(upload, b"n" * 60)
    home.rename(path("a"), path("b"))
    if stored:
        assert upload.finish(Ending.COMPLETE) is Fate.STORED
    else:
        with pytest.raises(QuotaExceeded):
            upload.finish(Ending.COMPLETE)
    usage = settled(home)
    assert (usage.bytes, usage.files) == disk(place.root) == ((160, 3) if stored else (100, 2))
    assert (usage.reserved_bytes, usage.reserved_files) == (0, 0)


def test_a_lent_file_that_is_deleted_leaves_its_room_and_entry_to_the_borrower(place: Place) -> None:
    home = place.session(100, 1)
    store(home, "a", b"o" * 100)
    upload = home.upload(path("a"))
    write(upload, b"n" * 90)
    home.remove_file(path("a"))
    with pytest.raises(QuotaExceeded) as refused:
        home.upload(path("b"))
    assert refused.value.unit == "files"
    assert upload.finish(Ending.COMPLETE) is Fate.STORED
    assert home.usage() == Usage(90, 1)


def test_a_rename_over_a_lent_file_leaves_the_borrower_its_room(home: Home, place: Place) -> None:
    store(home, "a", b"o" * 60)
    store(home, "b", b"b" * 40)
    upload = home.upload(path("a"))
    write(upload, b"n" * 60)
    home.rename(path("b"), path("a"))
    with pytest.raises(QuotaExceeded):
        home.upload(path("c"), 1)
    assert upload.finish(Ending.COMPLETE) is Fate.STORED
    assert home.usage() == Usage(60, 1)


# In place ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0, 10, 50, None])
def test_growth_in_place_is_what_goes_beyond_the_end(home: Home, offset: int | None) -> None:
    store(home, "a", b"o" * 50)
    upload = home.upload_in_place(path("a"), offset)
    start = 50 if offset is None else offset
    assert upload.offset == start
    assert write(upload, b"n" * 45) == start + 45
    assert upload.finish(Ending.COMPLETE) is Fate.STORED
    assert home.usage() == Usage(max(50, start + 45), 1)


def test_three_resumes_and_an_append_count_the_file_once(home: Home, place: Place) -> None:
    store(home, "a", b"0" * 10, Ending.CUT)
    for i in range(1, 4):
        upload = home.upload_in_place(path("a"), 10 * i)
        write(upload, bytes([48 + i]) * 10)
        upload.finish(Ending.CUT)
    upload = home.upload_in_place(path("a"), None)
    write(upload, b"end")
    upload.finish(Ending.COMPLETE)
    assert (place.root / "a").read_bytes() == b"0" * 10 + b"1" * 10 + b"2" * 10 + b"3" * 10 + b"end"
    assert home.usage() == Usage(43, 1)


@pytest.mark.parametrize("exists", [True, False])
def test_a_sparse_resume_is_charged_its_final_size(home: Home, place: Place, exists: bool) -> None:
    if exists:
        store(home, "a", b"x")
    upload = home.upload_in_place(path("a"), 2**40)
    with pytest.raises(QuotaExceeded):
        write(upload, b"y")
    upload.finish(Ending.REFUSED)
    assert disk(place.root) == ((1, 1) if exists else (0, 0))
    upload = home.upload_in_place(path("a"), 90)
    write(upload, b"y" * 10)
    upload.finish(Ending.COMPLETE)
    assert home.usage() == Usage(100, 1)


@pytest.mark.parametrize(
    ("offset", "allo", "fits"),
    [
        (0, 100, True),
        (50, 50, True),
        (None, 50, True),
        (99, 1, True),
        (99, 2, False),
        (50, 51, True),  # the size of the whole, or else the 552 comes when the room ends
        (None, 51, True),
        (50, 101, False),
        (None, 101, False),
    ],
)
def test_allo_before_a_resume_asks_only_for_the_growth(
    home: Home, offset: int | None, allo: int, fits: bool
) -> None:
    store(home, "a", b"x" * 50)
    if fits:
        home.upload_in_place(path("a"), offset, allo).abandon_untouched()
    else:
        with pytest.raises(QuotaExceeded):
            home.upload_in_place(path("a"), offset, allo)


def test_allo_before_a_resume_at_full_use_may_rewrite_what_is_there(home: Home) -> None:
    store(home, "a", b"x" * 100)
    upload = home.upload_in_place(path("a"), 40, 60)
    write(upload, b"y" * 60)
    assert upload.finish(Ending.COMPLETE) is Fate.STORED
    assert home.usage() == Usage(100, 1)


def test_allo_before_a_sparse_resume_of_a_new_name_counts_the_hole(home: Home, place: Place) -> None:
    with pytest.raises(QuotaExceeded):
        home.upload_in_place(path("new"), 60, 41)
    assert os.listdir(place.root) == []
    home.upload_in_place(path("new"), 60, 40).abandon_untouched()


def test_a_file_that_is_written_in_place_is_left_alone_by_others(home: Home) -> None:
    store(home, "a", b"x" * 10)
    store(home, "b", b"y" * 10)
    writer = home.upload_in_place(path("a"), None)
    for act in (
        lambda: home.upload_in_place(path("a"), None),
        lambda: home.upload(path("a")),
        lambda: home.remove_file(path("a")),
        lambda: home.rename(path("b"), path("a")),
    ):
        with pytest.raises(StorageBusy):
            act()
    home.rename(path("a"), path("c"))
    write(writer, b"z" * 5)
    writer.finish(Ending.COMPLETE)
    assert home.usage() == Usage(25, 2)


def test_a_count_during_growth_in_place_is_put_right_at_its_end(home: Home) -> None:
    store(home, "a", b"x" * 10)
    upload = home.upload_in_place(path("a"), None)
    end = write(upload, b"y" * 10)
    home.tally.reserve().settle_unknown()
    home.recount()
    write(upload, b"y" * 10, end)
    upload.finish(Ending.COMPLETE)
    with pytest.raises(Uncounted):
        home.usage()
    assert settled(home) == Usage(30, 1)


# ALLO ----------------------------------------------------------------------------------------------------------------


def test_allo_beyond_the_quota_is_refused_before_anything_is_there(home: Home, place: Place) -> None:
    with pytest.raises(QuotaExceeded) as refused:
        home.upload(path("a"), 101)
    assert (refused.value.need, refused.value.free) == (101, 100)
    assert os.listdir(place.root) == []


def test_allo_for_an_overwrite_asks_only_for_what_is_more(home: Home) -> None:
    store(home, "a", b"x" * 80)
    home.upload(path("a"), 100).abandon_untouched()
    with pytest.raises(QuotaExceeded):
        home.upload(path("a"), 101)


# Names ---------------------------------------------------------------------------------------------------------------


def test_removing_gives_back(home: Home) -> None:
    store(home, "a", b"x" * 30)
    home.make_directory(path("d"))
    assert home.usage() == Usage(30, 2)
    home.remove_directory(path("d"))
    home.remove_file(path("a"))
    assert home.usage() == Usage(0, 0)


def test_each_name_of_a_file_counts(home: Home, place: Place) -> None:
    store(home, "a", b"x" * 30)
    os.link(place.root / "a", place.root / "b")
    home.tally.reserve().settle_unknown()
    home.recount()
    assert home.usage() == Usage(60, 2)
    home.remove_file(path("a"))
    assert home.usage() == Usage(30, 1)


def test_a_link_is_an_entry_without_bytes(home: Home, place: Place) -> None:
    (place.root / "l").symlink_to("nowhere")
    home.tally.reserve().settle_unknown()
    home.recount()
    assert home.usage() == Usage(0, 1)
    home.remove_file(path("l"))
    assert home.usage() == Usage(0, 0)


def test_a_rename_to_itself_or_another_name_changes_nothing(home: Home) -> None:
    store(home, "a", b"x" * 30)
    for _ in range(3):
        home.rename(path("a"), path("a"))
    home.rename(path("a"), path("A"))
    assert home.usage() == Usage(30, 1)


def test_a_rename_over_a_file_gives_its_victim_back(home: Home) -> None:
    store(home, "a", b"x" * 30)
    store(home, "b", b"y" * 20)
    home.rename(path("a"), path("b"))
    assert home.usage() == Usage(30, 1)


def test_a_directory_moves_whole(home: Home, place: Place) -> None:
    home.make_directory(path("d"))
    store(home, "d/a", b"x" * 30)
    home.rename(path("d"), path("e"))
    assert (place.root / "e" / "a").exists()
    assert home.usage() == Usage(30, 2)


@pytest.mark.parametrize(
    "act",
    [
        lambda home: home.remove_file(path("gone")),
        lambda home: home.remove_file(path("d")),
        lambda home: home.remove_directory(path("a")),
        lambda home: home.remove_directory(path("d")),
        lambda home: home.make_directory(path("a")),
        lambda home: home.make_directory(path("gone/d")),
        lambda home: home.rename(path("gone"), path("b")),
        lambda home: home.rename(path("a"), path("d")),
        lambda home: home.upload(path("d")),
        lambda home: home.upload(path("gone/a")),
        lambda home: home.upload_in_place(path("d"), None),
    ],
)
def test_what_the_kernel_refuses_leaves_no_reservation(place: Place, act: object) -> None:
    home = place.session(100, 4)
    store(home, "a", b"x" * 30)
    home.make_directory(path("d"))
    store(home, "d/b", b"")
    assert callable(act)
    with pytest.raises(OSError):  # noqa: PT011 - each has an errno of its own
        act(home)
    assert home.usage() == Usage(30, 3)


# Permissions ---------------------------------------------------------------------------------------------------------


def test_create_and_overwrite_are_two_permissions(place: Place) -> None:
    drop = _permitted(place, *PRESETS["drop-box"])
    store(drop, "a", b"x" * 10)
    for again in (lambda: drop.upload(path("a")), lambda: drop.upload_in_place(path("a"), None)):
        with pytest.raises(PermissionDenied) as denied:
            again()
        assert denied.value.permission is Permission.OVERWRITE
    keeper = _permitted(place, Permission.OVERWRITE)
    store(keeper, "a", b"y" * 5)
    for new in (lambda: keeper.upload(path("b")), lambda: keeper.upload_in_place(path("b"), None)):
        with pytest.raises(PermissionDenied) as denied:
            new()
        assert denied.value.permission is Permission.CREATE
    assert keeper.usage() == Usage(5, 1)


def test_without_overwrite_a_name_that_came_meanwhile_is_kept(place: Place) -> None:
    drop = _permitted(place, *PRESETS["drop-box"])
    upload = drop.upload(path("a"))
    write(upload, b"late")
    store(place.session(100, 3), "a", b"first")
    with pytest.raises(FileExistsError):
        upload.finish(Ending.COMPLETE)
    assert (place.root / "a").read_bytes() == b"first"
    assert settled(drop) == Usage(5, 1)


def test_without_overwrite_a_rename_replaces_nothing(place: Place) -> None:
    home = _permitted(place, Permission.CREATE, Permission.RENAME)
    store(home, "a", b"a")
    store(home, "b", b"bb")
    with pytest.raises(FileExistsError):
        home.rename(path("a"), path("b"))
    assert home.usage() == Usage(3, 2)


def test_only_new_takes_no_name_that_is_there(home: Home) -> None:
    store(home, "a", b"x")
    with pytest.raises(FileExistsError) as refused:
        home.upload(path("a"), only_new=True)
    assert refused.value.errno == errno.EEXIST
    upload = home.upload(path("b"), only_new=True)
    store(home, "b", b"came meanwhile")
    with pytest.raises(FileExistsError):
        upload.finish(Ending.COMPLETE)


# The ledger and the lock ---------------------------------------------------------------------------------------------


def test_while_the_home_is_changed_by_others_it_is_busy(home: Home) -> None:
    store(home, "a", b"x")
    with home.tally.act():
        for act in (
            lambda: home.remove_file(path("a")),
            lambda: home.make_directory(path("d")),
            lambda: home.rename(path("a"), path("b")),
            lambda: home.remove_directory(path("d")),
        ):
            with pytest.raises(HomeBusy):
                act()
    home.wait_until_quiet()


def test_a_broken_ledger_stops_changes_and_not_reading(place: Place, home: Home) -> None:
    store(home, "a", b"x" * 10)
    place.ledger._database.execute("PRAGMA query_only=1")
    for act in (
        lambda: home.upload(path("b")),
        lambda: home.upload(path("a")),
        lambda: home.upload_in_place(path("a"), None),
        lambda: home.remove_file(path("a")),
        lambda: home.make_directory(path("d")),
        lambda: home.rename(path("a"), path("b")),
    ):
        with pytest.raises(LedgerFault):
            act()
    home.open_source(path("a")).close()
    assert [entry.name for entry in home.scan(path("/"))] == ["a"]
    place.ledger._database.execute("PRAGMA query_only=0")
    store(home, "b", b"y")


def test_attributes(home: Home, place: Place) -> None:
    store(home, "a", b"x")
    home.set_modified(path("a"), 1_000_000.5)
    home.set_mode(path("a"), 0o640)
    facts = (place.root / "a").stat()
    assert (facts.st_mtime, facts.st_mode & 0o777) == (1_000_000.5, 0o640)


def test_what_others_add_is_found_by_the_next_count(home: Home, place: Place) -> None:
    (place.root / "theirs").write_bytes(b"x" * 70)
    assert home.usage() == Usage(0, 0)
    home.tally.reserve().settle_unknown()
    home.recount()
    with pytest.raises(QuotaExceeded):
        store(home, "a", b"y" * 31)


# The home itself ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replaced", [True, False])
def test_a_home_that_was_moved_away_changes_nothing_any_more(place: Place, replaced: bool) -> None:
    """The books are of whatever has its path now: they are counted anew, and only from there."""
    home = place.session(100, 5)
    home.name = str(place.root)
    store(home, "a", b"x" * 10)
    running, appending = home.upload(path("b")), home.upload_in_place(path("a"), None)
    write(running, b"y" * 10)
    write(appending, b"z" * 10)
    place.root.rename(place.base / "aside")
    if replaced:
        place.root.mkdir()
        (place.root / "theirs").write_bytes(b"t" * 7)
    for act in (
        lambda: running.finish(Ending.COMPLETE),
        lambda: appending.finish(Ending.COMPLETE),
        lambda: home.upload(path("c")),
        lambda: home.upload_in_place(path("a"), None),
        lambda: home.make_directory(path("d")),
        lambda: home.remove_file(path("a")),
        lambda: home.rename(path("a"), path("b")),
        lambda: home.recount(),
    ):
        with pytest.raises(OSError) as gone:  # noqa: PT011 - the errno is looked at
            act()
        assert gone.value.errno == errno.ESTALE
    assert os.listdir(place.base / "aside") == ["a"]
    if replaced:
        other = place.session(100, 5)
        assert settled(other) == Usage(7, 1)

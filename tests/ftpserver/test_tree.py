"""Copies, combinations and removals of trees: what comes of them, what they cost, and what cuts them short."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftpserver.accounts.account import PRESETS, Permission
from ftpserver.home import Home, PermissionDenied, SessionEnded
from ftpserver.quota.base import QuotaExceeded, Usage
from ftpserver.tree import SameFile, combine, copy, make_path, remove_tree
from ftpserver.upload import Ending
from tests.ftpserver.homes import Place, disk, path, settled, store, write


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A small tree that nobody has counted yet: what a test puts there before its first session counts too."""
    made = Place(tmp_path)
    root = made.root
    (root / "docs" / "deep" / "deeper").mkdir(parents=True)
    (root / "docs" / "empty").mkdir()
    (root / "docs" / "a").write_bytes(b"a" * 1000)
    (root / "docs" / "deep" / "deeper" / "-rf [b]").write_bytes(b"b" * 200)
    (root / os.fsdecode(b"docs/deep/\xff")).write_bytes(b"c")
    (root / "docs" / "hole").touch()
    os.truncate(root / "docs" / "hole", 50_000)
    (root / "docs" / "link").symlink_to("/docs/a")
    yield made
    made.close()


def content(root: Path) -> dict[str, bytes | None]:
    """Every path below `root` but links; None for a directory."""
    return {
        str(found.relative_to(root)): found.read_bytes() if found.is_file() else None
        for found in root.rglob("*")
        if not found.is_symlink()
    }


def check_books(home: Home, root: Path) -> None:
    names = (Path(where, name) for where, _, files in os.walk(root) for name in files)
    links = sum(link.lstat().st_size for link in names if link.is_symlink())  # which cost no bytes
    size, entries = disk(root)
    assert settled(home) == Usage(bytes=size - links, files=entries)


# -- copy ----------------------------------------------------------------------------------------------------


def test_a_tree_is_copied_with_all_that_is_in_it_but_links(place: Place) -> None:
    home = place.session()
    copy(home, path("docs"), path("twin"))
    assert content(place.root / "twin") == content(place.root / "docs")
    assert not (place.root / "twin" / "link").is_symlink()
    check_books(home, place.root)


def test_copied_directories_stay_open_to_ourselves_whatever_the_umask(place: Place) -> None:
    home = place.session()
    home.storage.umask = 0o777
    copy(home, path("docs/empty"), path("twin"))
    assert (place.root / "twin").stat().st_mode & 0o777 == 0o500


def test_a_copied_file_is_another_file(place: Place) -> None:
    home = place.session()
    copy(home, path("docs/a"), path("b"))
    (place.root / "docs" / "a").write_bytes(b"changed")
    assert (place.root / "b").read_bytes() == b"a" * 1000


def test_a_copy_replaces_a_file_at_once_and_pays_for_the_difference_only(place: Place) -> None:
    (place.root / "b").write_bytes(b"old" * 1000)
    (place.root / "spare").write_bytes(b"")
    home = place.session()
    copy(home, path("docs/a"), path("b"))
    assert (place.root / "b").read_bytes() == b"a" * 1000
    check_books(home, place.root)


def test_a_copy_that_does_not_fit_leaves_nothing_and_destroys_nothing(place: Place) -> None:
    (place.root / "b").write_bytes(b"")
    small = place.session(bytes=disk(place.root)[0] + 900)
    with pytest.raises(QuotaExceeded):
        copy(small, path("docs/a"), path("c"))
    with pytest.raises(QuotaExceeded):
        copy(small, path("docs/a"), path("b"))
    assert not (place.root / "c").exists()
    assert (place.root / "b").read_bytes() == b""


def test_a_tree_that_does_not_fit_stays_below_the_quota(place: Place) -> None:
    size, entries = disk(place.root)
    small = place.session(bytes=size + 1100, files=entries + 4)
    with pytest.raises(QuotaExceeded):
        copy(small, path("docs"), path("twin"))
    assert disk(place.root)[0] <= size + 1100
    assert disk(place.root)[1] <= entries + 4
    check_books(small, place.root)


@pytest.mark.parametrize("target", ["docs", "docs/inside", "docs/deep/deeper/x", "/docs/../docs"])
def test_nothing_is_copied_into_itself(place: Place, target: str) -> None:
    home = place.session()
    before = content(place.root)
    with pytest.raises(OSError, match="Invalid argument"):
        copy(home, path("docs"), path(target))
    assert content(place.root) == before


@pytest.mark.parametrize("target", ["door/x", "door/deeper/x"])
def test_nor_through_a_link_that_leads_into_it(place: Place, target: str) -> None:
    """By its text the target is elsewhere; a copy that finds itself again would never end."""
    (place.root / "door").symlink_to("/docs/deep")
    home = place.session()
    copy(home, path("docs"), path(target))
    made = place.root / "docs" / "deep" / target.removeprefix("door/")
    assert {p for p in content(made) if "x" in Path(p).parts} == set()
    assert (made / "a").read_bytes() == b"a" * 1000
    check_books(home, place.root)


def test_a_directory_is_not_copied_over_what_is_there(place: Place) -> None:
    (place.root / "there").mkdir()
    home = place.session()
    with pytest.raises(FileExistsError):
        copy(home, path("docs"), path("there"))
    with pytest.raises(FileNotFoundError):
        copy(home, path("nothing"), path("else"))


def test_special_files_are_left_out(place: Place) -> None:
    home = place.session()
    os.mkfifo(place.root / "docs" / "fifo")
    copy(home, path("docs"), path("twin"))
    assert not (place.root / "twin" / "fifo").exists()


def test_a_copy_needs_what_an_upload_needs(place: Place) -> None:
    timid = place.session(permissions=PRESETS["full"] - {Permission.OVERWRITE})
    copy(timid, path("docs/a"), path("new"))
    with pytest.raises(PermissionDenied):
        copy(timid, path("docs/hole"), path("new"))
    assert (place.root / "new").read_bytes() == b"a" * 1000


def test_a_link_to_a_tree_outside_is_not_copied(place: Place, tmp_path: Path) -> None:
    home = place.session()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    (place.root / "docs" / "out").symlink_to(tmp_path / "outside")
    with pytest.raises(OSError, match=r"No such file|Not a directory"):
        copy(home, path("docs/out"), path("mine"))
    copy(home, path("docs"), path("twin"))
    assert "secret" not in {found.name for found in place.root.rglob("*")}


# -- combine -------------------------------------------------------------------------------------------------


def parts(place: Place, *sizes: int) -> None:
    for number, size in enumerate(sizes):
        (place.root / f"part{number}").write_bytes(bytes([65 + number]) * size)


def test_parts_become_one_in_their_order_and_vanish(place: Place) -> None:
    parts(place, 10, 0, 9_000_000)
    home = place.session()
    combine(home, path("whole"), [path("part2"), path("part0"), path("part1")])
    assert (place.root / "whole").read_bytes() == b"C" * 9_000_000 + b"A" * 10
    assert not list(place.root.glob("part*"))
    check_books(home, place.root)


def test_parts_are_appended_to_what_is_there(place: Place) -> None:
    parts(place, 10, 10)
    home = place.session()
    combine(home, path("part0"), [path("part1")])
    assert (place.root / "part0").read_bytes() == b"A" * 10 + b"B" * 10
    check_books(home, place.root)


def test_one_missing_part_and_nothing_is_done(place: Place) -> None:
    parts(place, 10, 10)
    home = place.session()
    for missing in ("part9", "docs"):
        with pytest.raises(OSError, match=r"No such file|directory|not permitted"):
            combine(home, path("part0"), [path("part1"), path(missing)])
        assert (place.root / "part0").read_bytes() == b"A" * 10
        assert (place.root / "part1").exists()


def test_a_combination_that_does_not_fit_keeps_target_and_parts(place: Place) -> None:
    parts(place, 10, 500, 500)
    small = place.session(bytes=disk(place.root)[0] + 700)
    with pytest.raises(QuotaExceeded):
        combine(small, path("part0"), [path("part1"), path("part2")])
    assert (place.root / "part0").read_bytes() == b"A" * 10
    assert (place.root / "part1").read_bytes() == b"B" * 500
    assert (place.root / "part2").exists()
    check_books(small, place.root)


@pytest.mark.parametrize("part", ["self/part0", "link", "hard"])
def test_a_combination_of_a_file_with_itself_by_another_name_destroys_nothing(
    place: Place, part: str
) -> None:
    """It was appended to itself and then removed: the check was made on the text of the paths."""
    parts(place, 10, 5)
    (place.root / "self").symlink_to(".")
    (place.root / "link").symlink_to("part0")
    os.link(place.root / "part0", place.root / "hard")
    home = place.session()
    for names in (
        ["part0", part],
        [part, "part0"],
        ["part1", "part0", part],
        ["new", "part0", "part1", part],
    ):
        with pytest.raises(SameFile):
            combine(home, path(names[0]), [path(name) for name in names[1:]])
        assert (place.root / "part0").read_bytes() == b"A" * 10
        assert (place.root / "part1").read_bytes() == b"B" * 5
        assert not (place.root / "new").exists()
    check_books(home, place.root)


def test_a_part_through_a_link_is_combined_and_only_its_own_name_removed(place: Place) -> None:
    parts(place, 10, 10)
    (place.root / "self").symlink_to(".")
    (place.root / "link").symlink_to("part1")
    home = place.session()
    assert combine(home, path("whole"), [path("self/part0"), path("link")]) == 1
    assert (place.root / "whole").read_bytes() == b"A" * 10 + b"B" * 10
    assert not (place.root / "part0").exists()
    assert (place.root / "part1").exists()
    check_books(home, place.root)


@pytest.mark.parametrize("change", ["stored anew", "appended to", "being appended to", "removed"])
def test_a_part_that_another_session_changed_while_it_was_combined_is_not_lost(
    place: Place, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The other session got its 226, and what it had stored was removed."""
    parts(place, 10, 10)
    home, other = place.session(), place.session()
    copy_bytes, running = os.copy_file_range, []

    def copy_and_meddle(*arguments: int) -> int:
        monkeypatch.undo()
        count = copy_bytes(*arguments)
        if change == "stored anew":
            store(other, "part0", b"new")
        elif change == "removed":
            other.remove_file(path("part0"))
        else:
            upload = other.upload_in_place(path("part0"), None)
            write(upload, b"more")
            running.append(upload)
            if change == "appended to":
                running.pop().finish(Ending.COMPLETE)
        return count

    monkeypatch.setattr(os, "copy_file_range", copy_and_meddle)
    stay = combine(home, path("whole"), [path("part0"), path("part1")])
    for upload in running:
        upload.finish(Ending.COMPLETE)
    assert (place.root / "whole").read_bytes() == b"A" * 10 + b"B" * 10
    left = {"stored anew": b"new", "removed": None}.get(change, b"A" * 10 + b"more")
    assert stay == 1
    assert ((place.root / "part0").read_bytes() if left else None) == left
    assert (place.root / "part0").exists() == (left is not None)
    assert not (place.root / "part1").exists()
    check_books(home, place.root)


# -- remove_tree ---------------------------------------------------------------------------------------------


def test_a_tree_is_removed_and_never_what_its_links_lead_to(place: Place) -> None:
    (place.root / "kept").mkdir()
    (place.root / "kept" / "file").write_text("kept")
    (place.root / "docs" / "door").symlink_to("/kept")
    home = place.session()
    remove_tree(home, path("docs"))
    assert content(place.root) == {"kept": None, "kept/file": b"kept"}
    assert settled(home) == Usage(bytes=4, files=2)


def test_without_the_right_to_remove_it_stops(place: Place) -> None:
    home = place.session()
    (place.root / "docs" / "deep" / "deeper").chmod(0o500)
    try:
        remove_tree(home, path("docs"))
    except PermissionError:
        check_books(home, place.root)
    else:
        assert os.geteuid() == 0  # nothing is closed to root


# -- make_path -----------------------------------------------------------------------------------------------


def test_a_path_is_made_from_wherever_it_begins(place: Place) -> None:
    home = place.session()
    make_path(home, path("docs/deep/one/two/three"))
    assert (place.root / "docs/deep/one/two/three").is_dir()
    make_path(home, path("docs/deep/one/two/three"))
    make_path(home, path("/"))
    check_books(home, place.root)


def test_a_path_goes_through_a_link_and_not_through_a_file(place: Place) -> None:
    (place.root / "door").symlink_to("docs")
    home = place.session()
    make_path(home, path("door/new/newer"))
    assert (place.root / "docs/new/newer").is_dir()
    with pytest.raises(NotADirectoryError):
        make_path(home, path("docs/a/b"))
    with pytest.raises(NotADirectoryError):
        make_path(home, path("docs/a"))


def test_a_path_that_the_quota_cuts_short_leaves_true_books(place: Place) -> None:
    small = place.session(files=disk(place.root)[1] + 2)
    with pytest.raises(QuotaExceeded):
        make_path(small, path("1/2/3/4"))
    assert (place.root / "1" / "2").is_dir()
    check_books(small, place.root)


# -- the session ends ----------------------------------------------------------------------------------------


class Leaving(Home):
    """A home whose session ends after so many steps of the work."""

    steps = 0

    def go_on(self) -> None:
        self.steps -= 1
        if self.steps == 0:
            self.close()
        super().go_on()


LONG: list[Callable[[Home], None]] = [
    lambda home: copy(home, path("docs"), path("twin")),
    lambda home: copy(home, path("big"), path("docs/a")),
    lambda home: combine(home, path("big"), [path("docs/a"), path("docs/hole")]),
    lambda home: remove_tree(home, path("docs")),
    lambda home: make_path(home, path("x/y/z")),
]


@pytest.mark.parametrize("work", LONG)
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_work_went_on_when_its_session_had_ended(
    place: Place, work: Callable[[Home], None], steps: int
) -> None:
    (place.root / "big").write_bytes(b"b" * (20 << 20))
    before = content(place.root)
    other = place.session()
    opened = place.session()
    fields = {field.name: getattr(opened, field.name) for field in dataclasses.fields(Home)}
    home = Leaving(**fields)
    with home.kept_open():
        home.steps = steps
        try:
            work(home)
        except SessionEnded:
            assert home.ended
        else:
            assert not home.ended, "it was done before"
    after = content(place.root)
    for name, data in after.items():
        twin = name.replace("twin", "docs", 1)
        assert data == before.get(twin) or name in ("docs/a", "big") or name.startswith("x")
    if home.ended:
        assert after["big"] == before["big"]
        assert after.get("docs/a", before["docs/a"]) == before["docs/a"]
    check_books(other, place.root)

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpserver.storage.base import Removed
from ftpserver.storage.jail import Parent
from ftpserver.storage.naming import rename, rename_by_link, rename_new

Rename = Callable[[str, int, str, int], None]


def gone(removed: Removed | None) -> tuple[int, int, bool] | None:
    return None if removed is None else (removed.size, removed.entries, removed.exact)


@pytest.mark.parametrize("act", [rename_new, rename_by_link])
def test_a_new_name_never_replaces(tmp_path: Path, act: Rename) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "d").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for old, new in (("a", "b"), ("a", "d"), ("d", "empty"), ("d", "a"), ("a", "link")):
        with pytest.raises(FileExistsError):
            act(old, directory, new, directory)
    act("a", directory, "c", directory)
    act("d", directory, "e", directory)
    act("link", directory, "link2", directory)
    with pytest.raises(FileNotFoundError):
        act("a", directory, "x", directory)
    assert sorted(os.listdir(tmp_path)) == ["b", "c", "e", "empty", "link2"]
    os.close(directory)


def test_a_directory_does_not_go_into_itself(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    directory, inner = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path / "d", os.O_RDONLY)
    with pytest.raises(OSError, match="Invalid"):
        rename_new("d", directory, "x", inner)
    os.close(directory)
    os.close(inner)


def test_what_a_rename_replaced(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)

    def at(name: str) -> Parent:
        return Parent(os.dup(directory), name)

    def go(old: str, new: str, replace: bool = True) -> Removed | None:
        with at(old) as source, at(new) as target:
            return rename(source, target, replace)

    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"four")
    with pytest.raises(FileExistsError):
        go("a", "b", False)
    assert go("a", "a", False) is None
    assert gone(go("a", "b")) == (4, 1, True)
    assert go("b", "c") is None
    os.link(tmp_path / "c", tmp_path / "hard")
    assert go("c", "hard") is None
    assert (tmp_path / "c").exists()
    for name in ("d", "e", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "x").touch()
    assert gone(go("d", "e")) == (0, 1, True)
    with pytest.raises(OSError, match="not empty"):
        go("e", "full")
    with pytest.raises(IsADirectoryError):
        go("c", "full")
    with pytest.raises(NotADirectoryError):
        go("full", "c")
    with pytest.raises(FileNotFoundError):
        go("missing", "c")
    (tmp_path / "link").symlink_to("full")
    assert gone(go("c", "link")) == (0, 1, True)
    assert (tmp_path / "link").read_bytes() == b"a"
    os.close(directory)

"""Where things go, and what patterns match."""

from pathlib import Path

import pytest

from ftpclient.client import Client
from ftpclient.errors import BadName, NotFound
from ftpclient.places import download_target, entries_at, expand, upload_target
from tests.ftpclient.peers import Foreign


def test_where_a_download_goes(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    assert download_target("/a/b", None, tmp_path) == tmp_path / "b"
    assert download_target("/a/b", "c", tmp_path) == tmp_path / "c"
    assert download_target("/a/b", "dir", tmp_path) == tmp_path / "dir/b"
    assert download_target("/a/b", "new/", tmp_path) == tmp_path / "new/b"
    assert download_target("/a/b", "dir", tmp_path, tree=True) == tmp_path / "dir"
    assert download_target("/a/b/", "dir/", tmp_path, tree=True) == tmp_path / "dir/b"
    assert download_target("..", "x", tmp_path) == tmp_path / "x"
    for remote in ("", "/", "..", "a/.."):
        with pytest.raises(BadName):
            download_target(remote, None, tmp_path)


def test_where_an_upload_goes(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    (foreign.home / "dir").mkdir()
    local = tmp_path / "f"
    assert upload_target(client, local, None) == "f"
    assert upload_target(client, local, "g") == "g"
    assert upload_target(client, local, "dir") == "dir/f"
    assert upload_target(client, local, "new/") == "new/f"
    assert upload_target(client, local, "dir", tree=True) == "dir"
    assert upload_target(client, tmp_path / ".", "", tree=True) == tmp_path.name


def test_the_entry_of_a_file_is_its_listing(client: Client, foreign: Foreign) -> None:
    (foreign.home / "d").mkdir()
    (foreign.home / "d/f").write_bytes(b"abc")
    assert [entry.name for entry in entries_at(client, "d")] == ["f"]
    assert [(entry.name, entry.size) for entry in entries_at(client, "d/f")] == [("d/f", 3)]
    with pytest.raises(NotFound):
        entries_at(client, "nothing")


def test_patterns_match_as_in_a_shell(client: Client, foreign: Foreign) -> None:
    for name in ("a.txt", "b.txt", "c.log", ".d.txt", "s1/x.txt", "s2/y.txt", "s2/deep/z"):
        (foreign.home / name).parent.mkdir(exist_ok=True)
        (foreign.home / name).touch()
    assert expand(client, "*.txt") == ["a.txt", "b.txt"]
    assert expand(client, ".*.txt") == [".d.txt"]
    assert expand(client, "/[ab].txt") == ["/a.txt", "/b.txt"]
    assert expand(client, "s?/*.txt") == ["s1/x.txt", "s2/y.txt"]
    assert expand(client, "nothing*") == []
    assert expand(client, "a.txt/*") == []

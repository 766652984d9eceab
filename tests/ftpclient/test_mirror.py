"""Mirrors: planned right, done once, deleting only what is known to be gone."""

import os
from pathlib import Path

import pytest

from ftpclient.client import Client
from ftpclient.errors import Exists
from ftpclient.mirror import Facts, Tree, carry_out, plan, prepare
from ftpclient.session import Settings
from ftpclient.tree import Report
from tests.ftpclient.peers import Foreign, Join, Script, Visit
from tests.ftpclient.test_tree import TREE, harvest, plant


def mirror(
    client: Client, foreign: Foreign, local: Path, up: bool, delete: bool = False, lanes: int = 1
) -> Report:
    def more() -> Client:
        other = Client.connect("127.0.0.1", foreign.port, Settings(timeout=20))
        other.login(foreign.user, foreign.password)
        return other

    report = Report()
    steps, side = prepare(client, local, "tree", up=up, delete=delete, report=report)
    carry_out(steps, side, client, more, lanes, report)
    return report


@pytest.mark.parametrize("lanes", [1, 4])
def test_up_and_down_and_up_again(client: Client, foreign: Foreign, tmp_path: Path, lanes: int) -> None:
    local = plant(tmp_path / "local", TREE)
    report = mirror(client, foreign, local, up=True, lanes=lanes)
    assert (len(report.moved), report.failures) == (len(TREE), [])
    assert harvest(foreign.home / "tree") == TREE
    assert not mirror(client, foreign, local, up=True).moved
    down = tmp_path / "down"
    assert len(mirror(client, foreign, down, up=False, lanes=lanes).moved) == len(TREE)
    assert harvest(down) == TREE
    assert not mirror(client, foreign, down, up=False).moved


def test_only_what_changed_is_copied(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    local = plant(tmp_path / "local", TREE)
    mirror(client, foreign, local, up=True)
    (local / "a").write_bytes(b"other size")
    found = (local / "b c/d").stat()
    (local / "b c/d").write_bytes(b"33")
    os.utime(local / "b c/d", (found.st_mtime + 2, found.st_mtime + 2))
    report = mirror(client, foreign, local, up=True)
    assert {Path(moved.source).name for moved in report.moved} == {"a", "d"}
    assert harvest(foreign.home / "tree") == {**TREE, "a": b"other size", "b c/d": b"33"}


@pytest.mark.parametrize("up", [True, False])
def test_delete_removes_what_the_source_lacks(
    client: Client, foreign: Foreign, tmp_path: Path, up: bool
) -> None:
    local, remote = tmp_path / "local", foreign.home / "tree"
    source, target = (local, remote) if up else (remote, local)
    plant(source, {"keep": b"k"})
    plant(target, {"gone": b"g", "old/deep/f": b"f"})
    mirror(client, foreign, local, up=up)
    assert set(harvest(target)) == {"keep", "gone", "old/deep/f"}
    report = mirror(client, foreign, local, up=up, delete=True)
    assert sorted(path.name for path in target.iterdir()) == ["keep"]
    assert report.removed == 4


@pytest.mark.parametrize("up", [True, False])
def test_a_file_and_a_directory_of_one_name(
    client: Client, foreign: Foreign, tmp_path: Path, up: bool
) -> None:
    local, remote = tmp_path / "local", foreign.home / "tree"
    source, target = (local, remote) if up else (remote, local)
    plant(source, {"x/f": b"1", "y": b"2"})
    plant(target, {"x": b"old", "y/deep/f": b"old"})
    report = mirror(client, foreign, local, up=up)
    assert all(isinstance(fault, Exists) for _, fault in report.failures)
    assert harvest(target) == {"x": b"old", "y/deep/f": b"old"}
    report = mirror(client, foreign, local, up=up, delete=True)
    assert report.failures == []
    assert harvest(target) == {"x/f": b"1", "y": b"2"}


def test_nothing_is_deleted_when_the_source_is_not_fully_known(
    script: Script, join: Join, tmp_path: Path
) -> None:
    def mlsd(visit: Visit, path: str) -> None:
        if path == "/":
            visit.send_data(b"type=dir; sub\r\n")
        else:
            visit.say("550 permission denied")

    script.answers["MLSD"] = mlsd
    plant(tmp_path, {"sub/precious": b"x"})
    report = Report()
    steps, _ = prepare(join(), tmp_path, "/", up=False, delete=True, report=report)
    assert steps.remove == steps.clear == []
    assert len(report.failures) == 1


def test_a_missing_source_deletes_nothing(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    plant(tmp_path, {"precious": b"x"})
    with pytest.raises(FileNotFoundError):
        mirror(client, foreign, tmp_path, up=False, delete=True)
    plant(foreign.home / "tree", {"precious": b"x"})
    with pytest.raises(FileNotFoundError):
        mirror(client, foreign, tmp_path / "nothing", up=True, delete=True)
    assert harvest(foreign.home / "tree") == {"precious": b"x"}


def test_a_tree_goes_where_nothing_is_yet_on_a_server_with_words_of_its_own(
    script: Script, join: Join, tmp_path: Path
) -> None:
    """The words are those of Pure-FTPd 1.0.50."""
    for verb in ("MLSD", "MLST"):
        script.answers[verb] = lambda visit, _: visit.say("550 Can't check for file existence")
    local = plant(tmp_path, {"f": b"1"})
    steps, _ = prepare(join(), local, "/tree", up=True, delete=False, report=Report())
    assert steps.copy == [("f", 1)]


def test_a_lane_that_cannot_be_opened_is_done_without(
    client: Client, foreign: Foreign, tmp_path: Path, script: Script
) -> None:
    script.answers["PASS"] = lambda visit, _: visit.say("530 too many")

    def more() -> Client:
        other = Client.connect("127.0.0.1", script.port)
        try:
            other.login("x", "y")
        finally:
            other.close()
        return other

    local = plant(tmp_path / "local", TREE)
    report = Report()
    steps, side = prepare(client, local, "tree", up=True, delete=False, report=report)
    carry_out(steps, side, client, more, 3, report)
    assert harvest(foreign.home / "tree") == TREE


def test_the_plan_reads_as_a_list() -> None:
    source = Tree(["d"], {"d/new": Facts(3, 5.0), "same": Facts(1, 5.0), "f": Facts(2, None)})
    target = Tree(["old"], {"same": Facts(1, 5.9), "old/x": Facts(0, 0.0)})
    assert plan(source, target, Report(), delete=True).lines() == [
        "make   d/",
        "copy   d/new",
        "copy   f",
        "remove old/x",
        "remove old",
    ]

"""Whole trees, and servers that lie about names."""

import os
from pathlib import Path

import pytest

from ftpclient.client import Client
from ftpclient.errors import BadName, Full
from ftpclient.listing import safe_name
from ftpclient.tree import Report, get_tree, put_tree, remove_any, remove_tree, usage, walk
from tests.ftpclient.peers import Foreign, Join, Script, Visit

TREE = {"a": b"1", "b c/d": b"22", "b c/-e/.f": b"333", "b c/-e/ g": b"", "h/i/j": b"x" * 100_000}


def plant(root: Path, tree: dict[str, bytes]) -> Path:
    for name, content in tree.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def harvest(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_tree_goes_up_and_comes_down(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    local = plant(tmp_path / "up", TREE)
    (local / "empty").mkdir()
    report = put_tree(client, local, "there/tree")
    assert not report.failures
    assert harvest(foreign.home / "there/tree") == TREE
    assert (foreign.home / "there/tree/empty").is_dir()
    report = get_tree(client, "there/tree", tmp_path / "down")
    assert not report.failures
    assert len(report.moved) == len(TREE)
    assert harvest(tmp_path / "down") == TREE
    assert (tmp_path / "down/empty").is_dir()


def test_doing_it_again_continues_what_is_there(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    local = plant(tmp_path / "up", TREE)
    put_tree(client, local, "t")
    report = put_tree(client, local, "t", resume=True)
    assert sum(moved.size - moved.resumed for moved in report.moved) == 0
    get_tree(client, "t", tmp_path / "down")
    report = get_tree(client, "t", tmp_path / "down", resume=True)
    assert sum(moved.size - moved.resumed for moved in report.moved) == 0


def test_one_failure_does_not_stop_the_rest(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    plant(foreign.home, {"forbidden": b"x", "good": b"y"})
    report = get_tree(client, "", tmp_path / "down")
    assert harvest(tmp_path / "down") == {"good": b"y"}
    assert [(name, type(fault).__name__) for name, fault in report.failures] == [("/forbidden", "Denied")]


def test_links_to_directories_are_not_followed(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    local = plant(tmp_path / "up", {"real/f": b"x"})
    (local / "loop").symlink_to(local)
    (local / "dangling").symlink_to("nowhere")
    (local / "alias").symlink_to("real/f")
    os.mkfifo(local / "pipe")
    report = put_tree(client, local, "t")
    assert harvest(foreign.home / "t") == {"real/f": b"x", "alias": b"x"}
    assert [name for name, _ in report.failures] == [str(local / "dangling")]


def test_a_link_out_of_the_tree_is_not_sent_unless_wanted(
    client: Client, foreign: Foreign, tmp_path: Path
) -> None:
    local = plant(tmp_path / "up", {"real/f": b"x", "real/g": b"y"})
    plant(tmp_path, {"upper": b"other", "secret": b"s"})
    (local / "up").symlink_to(tmp_path / "upper")  # its name begins as the tree's
    (local / "real/out").symlink_to("../../secret")
    (local / "real/in").symlink_to("../real/f")
    (local / "real/round").symlink_to("../../up/real/g")
    (tmp_path / "alias").symlink_to(local)
    report = put_tree(client, tmp_path / "alias", "t")
    inside = {"real/f": b"x", "real/g": b"y", "real/in": b"x", "real/round": b"y"}
    assert harvest(foreign.home / "t") == inside
    assert [name for name, _ in report.failures] == [
        str(tmp_path / "alias/up"),
        str(tmp_path / "alias/real/out"),
    ]
    assert "leads out of the tree" in str(report.failures[0][1])
    assert put_tree(client, local, "t", outside=True).failures == []
    assert harvest(foreign.home / "t") == {**inside, "up": b"other", "real/out": b"s"}


HOSTILE = ["../x", "..", "/etc/x", "a/../../x", "sub/x", "a\0b"]


@pytest.mark.parametrize("form", ["facts", "list"])
def test_hostile_names_never_leave_the_target(script: Script, join: Join, tmp_path: Path, form: str) -> None:
    if form == "facts":
        lines = [f"type={kind};size=1; {name}" for name in [*HOSTILE, "good"] for kind in ("file",)]
        lines += [f"type=dir; {name}" for name in HOSTILE]
        script.answers["MLSD"] = lambda visit, path: visit.send_data(
            "\r\n".join(lines if path == "/" else []).encode() + b"\r\n"
        )
    else:
        script.features = ("SIZE",)
        lines = [f"-rw-r--r-- 1 a b 1 Jan  1  2020 {name}" for name in [*HOSTILE, "good"]]
        lines += [f"drwxr-xr-x 1 a b 1 Jan  1  2020 {name}" for name in HOSTILE]
        script.answers["LIST"] = lambda visit, _: visit.send_data("\r\n".join(lines).encode())
    script.answers["RETR"] = lambda visit, _: visit.send_data(b"x")
    target = tmp_path / "deep" / "target"
    report = get_tree(join(), "", target)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "deep",
        "deep/target",
        "deep/target/good",
    ]
    refused = {name for name, fault in report.failures if isinstance(fault, BadName)}
    assert refused == {name for name in HOSTILE if name != ".."}  # ".." is left out by every client
    assert not [line for line in script.heard if line.startswith("RETR") and not safe_name(line[6:])]


def test_directories_without_end_are_given_up(script: Script, join: Join) -> None:
    script.answers["MLSD"] = lambda visit, _: visit.send_data(b"type=dir; d\r\n")
    report = Report()
    assert len(list(walk(join(), "/", report))) < 1000
    assert len(report.failures) == 1


def test_a_full_quota_stops_the_job_and_keeps_the_report(script: Script, join: Join, tmp_path: Path) -> None:
    def stor(visit: Visit, path: str) -> None:
        if path == "/b":
            visit.say("552 quota exceeded")
        else:
            script.files[path] = visit.receive_data()
            visit.say("226 stored")

    script.answers["STOR"] = stor
    report = Report()
    with pytest.raises(Full, match="quota exceeded"):
        put_tree(join(), plant(tmp_path, {"a": b"1", "b": b"2", "c": b"3"}), "/", report=report)
    assert set(script.files) == {"/a"}
    assert len(report.moved) == 1


def test_a_tree_is_removed(client: Client, foreign: Foreign) -> None:
    plant(foreign.home / "t", TREE)
    (foreign.home / "keep").touch()
    report = remove_tree(client, "t")
    assert not report.failures
    assert os.listdir(foreign.home) == ["keep"]


def test_a_link_is_removed_and_not_what_it_points_at(script: Script, join: Join) -> None:
    listing = b"type=OS.unix=slink:/real; link\r\ntype=dir; real\r\n"
    script.answers["MLSD"] = lambda visit, _: visit.send_data(listing)
    remove_any(join(), "link")
    assert [line for line in script.heard if line.startswith(("DELE", "RMD"))] == ["DELE /link"]


def test_remove_any_takes_files_and_trees(client: Client, foreign: Foreign) -> None:
    plant(foreign.home, {"f": b"", "t/x/y": b""})
    remove_any(client, "f")
    remove_any(client, "t")
    assert os.listdir(foreign.home) == []
    with pytest.raises(FileNotFoundError):
        remove_any(client, "nothing")


def test_emptying_the_root_is_done_when_it_is_empty(client: Client, foreign: Foreign) -> None:
    plant(foreign.home, {"f": b"", "t/x/y": b""})
    report = remove_any(client, "/")
    assert (report.removed, report.failures, os.listdir(foreign.home)) == (4, [], [])
    assert remove_any(client, "").failures == []


def test_usage_adds_up(client: Client, foreign: Foreign) -> None:
    plant(foreign.home, TREE)
    total = usage(client, "", Report())
    assert (total.bytes, total.files, total.directories) == (100_006, 5, 4)

"""The commands of the shell: what they take, and that none is missing."""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpclient.client import Client
from ftpclient.errors import NotFound
from ftpclient.meter import SILENT
from ftpclient.verbs import COMMANDS, JobFailed, Place, WrongUse
from tests.ftpclient.peers import Foreign, Join, Script

Say = Callable[..., str]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def place(client: Client, here: Path) -> Place:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    return Place(client, here, out, lambda: contextlib.nullcontext(SILENT))


@pytest.fixture
def do(place: Place) -> Say:
    """Run one command and return what it printed."""

    def run(*words: str) -> str:
        row = COMMANDS[words[0]]
        raw = place.out.buffer
        assert isinstance(raw, io.BytesIO)
        start = len(raw.getvalue())
        row.run(place, row.read(list(words[1:])))
        return str(raw.getvalue()[start:].decode())

    return run


def test_the_tutorials_commands_are_there() -> None:
    import ftpclient.shell  # noqa: F401

    assert {"get", "put", "ls", "cd", "del", "help", "exit"} <= set(COMMANDS)


def test_get_and_put(do: Say, foreign: Foreign, here: Path) -> None:
    (here / "f").write_bytes(b"abc")
    do("put", "f")
    do("put", "f", "g")
    do("get", "g", "h")
    assert (here / "h").read_bytes() == b"abc"
    assert {path.name for path in foreign.home.iterdir()} == {"f", "g"}
    (here / "h").write_bytes(b"a")
    do("get", "-c", "g", "h")
    do("put", "-c", "h", "f")
    assert (here / "h").read_bytes() == b"abc"


def test_trees_go_up_and_down(do: Say, foreign: Foreign, here: Path) -> None:
    (here / "tree/sub").mkdir(parents=True)
    (here / "tree/sub/f").write_bytes(b"abc")
    do("put", "-r", "tree")
    assert (foreign.home / "tree/sub/f").read_bytes() == b"abc"
    do("get", "-r", "tree", "back")
    assert (here / "back/sub/f").read_bytes() == b"abc"
    do("rm", "-r", "tree")
    assert not any(foreign.home.iterdir())


def test_patterns_move_many(do: Say, foreign: Foreign, here: Path) -> None:
    for name in ("a.txt", "b.txt", "c.log"):
        (here / name).write_text(name)
    (here / "d.txt").mkdir()
    do("mput", "*.txt")
    assert {path.name for path in foreign.home.iterdir()} == {"a.txt", "b.txt"}
    (here / "a.txt").unlink()
    do("mget", "*.txt")
    assert (here / "a.txt").read_text() == "a.txt"
    for command in ("mget", "mput"):
        with pytest.raises(FileNotFoundError, match="matches"):
            do(command, "*.nothing")


def test_one_failure_among_many_is_told(do: Say, foreign: Foreign, here: Path) -> None:
    (foreign.home / "forbidden").touch()
    (foreign.home / "fine").touch()
    with pytest.raises(JobFailed):
        do("mget", "f*")
    assert [path.name for path in here.iterdir()] == ["fine"]


def test_looking_around(do: Say, foreign: Foreign, here: Path) -> None:
    (foreign.home / "d").mkdir()
    (foreign.home / "d/f").write_bytes(b"abc")
    assert do("ls") == "d/\n"
    do("cd", "d")
    assert do("pwd") == "/d\n"
    assert do("ls", "-l").split()[1:2] == ["3"]
    assert do("cat", "f") == "abc"
    assert do("ls", "f") == "f\n"
    do("cd", "..")
    assert do("du") == "3 B in 1 files, 1 directories\n"
    with pytest.raises(NotFound):
        do("cd", "nowhere")


def test_moving_around_here(do: Say, here: Path) -> None:
    (here / "sub").mkdir()
    (here / "sub/x").touch()
    do("lcd", "sub")
    assert do("lpwd") == f"{here}/sub\n"
    assert do("lls") == "x\n"
    with pytest.raises(NotADirectoryError):
        do("lcd", "x")
    assert do("lpwd") == f"{here}/sub\n"


def test_changing_things(do: Say, foreign: Foreign) -> None:
    do("mkdir", "-p", "a/b")
    do("mkdir", "c")
    (foreign.home / "f").touch()
    do("mv", "f", "a")
    do("mv", "a/f", "a/g")
    assert (foreign.home / "a/g").exists()
    do("del", "a/g")
    do("rmdir", "a/b", "a", "c")
    assert not any(foreign.home.iterdir())


def test_words_after_two_dashes_are_names(do: Say, foreign: Foreign) -> None:
    (foreign.home / "-r").touch()
    do("rm", "--", "-r")
    assert not any(foreign.home.iterdir())


@pytest.mark.parametrize("words", [("get",), ("get", "-x", "a"), ("mv", "a"), ("pwd", "a"), ("ls", "a", "b")])
def test_wrong_use_is_told_with_the_syntax(do: Say, words: tuple[str, ...]) -> None:
    with pytest.raises(WrongUse, match=f"usage: {words[0]}"):
        do(*words)


def test_a_listing_cannot_steer_the_terminal(script: Script, join: Join, here: Path) -> None:
    script.answers["MLSD"] = lambda visit, _: visit.send_data(b"type=file; \x1b[2Jevil\r\n")
    script.answers["SITE"] = lambda visit, _: visit.say(b"200 \x1b]0;evil\x07\r\n")
    out = io.StringIO()
    place = Place(join(), here, out, lambda: contextlib.nullcontext(SILENT))
    for name in ("ls", "quota"):
        COMMANDS[name].run(place, COMMANDS[name].read([]))
    assert out.getvalue() == "?[2Jevil\n?]0;evil?\n"

"""LIST NLST MLSD MLST: options, patterns, odd names, huge directories."""

import os
import threading
from pathlib import Path

import pytest

from ftpserver.commands.listing import Request, list_lines, request
from ftpserver.home import SessionEnded
from ftpserver.outcome import Tell
from ftpserver.storage import listing
from tests.accelerator import accelerator
from tests.playbook import Playbook

pytestmark = pytest.mark.needs("gcc")


@pytest.fixture(autouse=True, params=["C", "Python"])
def maker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes the lines of common names."""
    monkeypatch.setattr(listing, "_native", accelerator() if request.param == "C" else None)


@pytest.fixture
def tree(book: Playbook) -> Path:
    for name in ("b.txt", "a.txt", ".hidden", "d/one.txt", "d/e/two.txt", "d/e/.three"):
        (book.home / name).parent.mkdir(parents=True, exist_ok=True)
        (book.home / name).write_bytes(b"x" * len(name))
    return book.home


def names(book: Playbook, line: str) -> list[str]:
    return (book.say(line) >> 150).lines()


def listed(book: Playbook, line: str) -> list[str]:
    """The names in the lines of LIST."""
    return [
        line.split(None, 8)[8] for line in names(book, line) if line[:1] in "-dlp" and len(line.split()) > 8
    ]


def test_a_directory_is_sorted_and_complete(book: Playbook, tree: Path) -> None:
    assert names(book, "NLST") == [".hidden", "a.txt", "b.txt", "d"]
    assert listed(book, "LIST") == [".hidden", "a.txt", "b.txt", "d"]


def test_list_lines_are_those_of_ls(book: Playbook, tree: Path) -> None:
    os.utime(tree / "a.txt", (0, 0))
    (tree / "a.txt").chmod(0o640)
    line = next(line for line in names(book, "LIST") if line.endswith("a.txt"))
    assert line.split() == ["-rw-r-----", "1", "ada", "ada", "5", "Jan", "1", "1970", "a.txt"]
    assert names(book, "LIST d/e/two.txt")[0].endswith(" d/e/two.txt")


@pytest.mark.parametrize(
    ("argument", "meant"),
    [
        ("", Request("", False)),
        ("-a", Request("", False)),
        ("-la", Request("", False)),
        ("-a -l", Request("", False)),
        ("-al d", Request("d", False)),
        ("-R", Request("", True)),
        ("-a -l -R d e", Request("d e", True)),
        ("-aR  d", Request("d", True)),
        ("-1", Request("", False)),
        ("d -a", Request("d -a", False)),
        ("-file.txt", Request("-file.txt", False)),
        ("- x", Request("- x", False)),
        ("./-a", Request("./-a", False)),
    ],
)
def test_options_come_first(book: Playbook, argument: str, meant: Request) -> None:
    assert request(book.session, argument) == meant


def test_options_change_nothing_but_the_depth(book: Playbook, tree: Path) -> None:
    assert names(book, "LIST -a -l") == names(book, "LIST")
    assert listed(book, "LIST -al d") == ["e", "one.txt"]


def test_a_tree_is_listed_in_blocks(book: Playbook, tree: Path) -> None:
    lines = names(book, "LIST -R")
    assert [line for line in lines if line.endswith(":")] == [".:", "./d:", "./d/e:"]
    assert lines.count("") == 2
    assert listed(book, "LIST -R d") == ["e", "one.txt", ".three", "two.txt"]


def test_a_tree_is_not_left_by_a_link_nor_endless(book: Playbook, tree: Path) -> None:
    (tree / "d" / "up").symlink_to("..")
    (tree / "out").symlink_to("/")
    assert len([line for line in names(book, "LIST -R") if line.endswith(":")]) == 3


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*", ["a.txt", "b.txt", "d"]),
        ("*.txt", ["a.txt", "b.txt"]),
        ("?.txt", ["a.txt", "b.txt"]),
        ("[b-z].txt", ["b.txt"]),
        (".*", [".hidden"]),
        ("*/*.txt", ["d/one.txt"]),
        ("*/e/*", ["d/e/two.txt"]),
        ("/d/*", ["/d/e", "/d/one.txt"]),
        ("d/*", ["d/e", "d/one.txt"]),
        ("./*.txt", ["a.txt", "b.txt"]),
        ("d/../a*", ["a.txt"]),
        ("../*.txt", ["a.txt", "b.txt"]),
        ("d//e/t*", ["d/e/two.txt"]),
        ("nothing*", []),
        ("missing/*", []),
        ("a.txt/*", []),
        ("*/nothing/*", []),
        ("[", []),
    ],
)
def test_patterns(book: Playbook, tree: Path, pattern: str, found: list[str]) -> None:
    assert [name.removeprefix("../") for name in names(book, f"NLST {pattern}")] == found
    assert [name.removeprefix("../") for name in listed(book, f"LIST {pattern}")] == found


def test_a_pattern_means_itself_when_something_has_that_name(book: Playbook, tree: Path) -> None:
    (tree / "[a]").mkdir()
    (tree / "[a]" / "inside").touch()
    (tree / "*").touch()
    assert names(book, "NLST [a]") == ["inside"]
    assert names(book, "NLST *") == ["*"]


@pytest.mark.timeout(60)
def test_a_pattern_cannot_be_made_to_walk_for_ever(book: Playbook) -> None:
    for i in range(40):
        (book.home / f"d{i}").mkdir()
    pattern = "/".join(["*/.."] * 12)
    assert names(book, f"NLST {pattern}/nothing*") == []
    assert names(book, f"NLST {'*' * 200}x") == []
    (book.home / ("a" * 200)).touch()
    assert names(book, f"NLST {'*a' * 60}b") == []


def test_a_pattern_of_a_thousand_parts_is_no_recursion(book: Playbook) -> None:
    """It was a call for each part: the listing ended with a RecursionError and 451."""
    depth = 1200
    book.say("SITE MKDIR " + "/".join(["a"] * depth)) >> 257
    try:
        assert names(book, "NLST " + "/".join(["*"] * depth)) == ["/".join(["a"] * depth)]
        assert names(book, "NLST " + "/".join(["*"] * (depth + 1))) == []
        assert len(names(book, "LIST " + "/".join(["*"] * depth))) == 1
    finally:
        book.say("SITE RMDIR -r a") >> 250  # what tidies up after tests does recurse


def test_a_pattern_whose_matches_have_too_long_paths_finds_nothing(book: Playbook) -> None:
    book.say("SITE MKDIR " + "/".join(["d" * 200] * 20)) >> 257
    assert names(book, "NLST " + "*/" * 20 + "x" * 255) == []


def test_patterns_do_not_go_through_links(book: Playbook, tree: Path) -> None:
    (tree / "self").symlink_to(".")
    assert names(book, "NLST */a.txt*") == []


@pytest.mark.parametrize("verb", ["LIST", "NLST", "MLSD", "MLST", "STAT"])
def test_what_is_missing_is_550(book: Playbook, verb: str) -> None:
    book.say(f"{verb} missing") >> 550
    book.say(f"{verb} missing/x") >> 550


def test_a_link_in_a_listing_says_where_it_leads(book: Playbook, tree: Path) -> None:
    (tree / "link").symlink_to("d")
    assert "link -> d" in listed(book, "LIST")
    assert names(book, "NLST link") == ["e", "one.txt"]


def test_control_characters_cannot_forge_a_line(book: Playbook) -> None:
    for name in ("a\nb", "c\r\nd", "e\x1b[2J", "f\x7f"):
        (book.home / name).touch()
    for verb in ("LIST", "NLST", "MLSD", "STAT /"):
        said = book.say(verb)
        lines = said.lines()
        assert len(lines) == 4
        assert not [line for line in lines if set(line) & set("\r\n\x1b\x7f")]
    (book.home / "sub\r\ndir").mkdir()
    assert not [line for line in names(book, "LIST -R") if set(line) & set("\r\n\x1b\x7f")]


def test_names_that_are_not_utf_8_stay_as_they_are(book: Playbook) -> None:
    with open(os.path.join(os.fsencode(book.home), b"caf\xe9"), "wb"):
        pass
    assert names(book, "NLST") == ["caf\udce9"]
    assert names(book, "NLST caf*") == ["caf\udce9"]
    book.say("SIZE caf\udce9") >> 213


def test_mlsd_says_the_facts(book: Playbook, tree: Path) -> None:
    os.utime(tree / "a.txt", (0, 0))
    lines = {line.split("; ", 1)[1]: line for line in names(book, "MLSD")}
    assert set(lines) == {".hidden", "a.txt", "b.txt", "d"}
    assert lines["a.txt"].startswith("type=file;size=5;modify=19700101000000;perm=adfrw;")
    assert "type=dir;" in lines["d"]
    assert "size=" not in lines["d"]
    book.say("MLSD a.txt") >> 501


def test_mlst_says_the_facts_of_one_name(book: Playbook, tree: Path) -> None:
    said = book.say("MLST d/one.txt") >> 250
    assert said.reply.lines[1].endswith("; /d/one.txt")
    assert "type=dir;" in (book.say("MLST") >> 250).reply.lines[1]
    (tree / "link").symlink_to("nowhere")
    assert "OS.unix=slink" in (book.say("MLST link") >> 250).reply.lines[1]


def test_perm_tells_what_the_account_may(playbook: Playbook) -> None:
    home = playbook.login(permissions="read-only")
    (home / "f").touch()
    (home / "d").mkdir()
    lines = names(playbook, "MLSD")
    assert "perm=el;" in lines[0]
    assert "perm=r;" in lines[1]


def test_chosen_facts_are_the_facts_said(book: Playbook, tree: Path) -> None:
    book.say("OPTS MLST size;type;") >> 200
    assert names(book, "MLSD d") == ["type=dir; e", "type=file;size=9; one.txt"]
    assert "MLST type*;size*;modify;perm;unique;UNIX.mode;" in (book.say("FEAT") >> 211).text
    book.say("OPTS MLST") >> 200
    assert names(book, "MLSD d") == [" e", " one.txt"]


def test_a_listing_needs_the_permission(playbook: Playbook) -> None:
    playbook.login(permissions="drop-box")
    for line in ("LIST", "NLST", "MLSD", "MLST", "STAT /"):
        playbook.say(line) >> 550


def test_a_huge_directory_is_listed_lazily(book: Playbook) -> None:
    for i in range(600):
        (book.home / f"f{i:03}").touch()
    said = book.say("NLST") >> 150
    assert isinstance(said.outcome, Tell)
    first = next(said.outcome.chunks).decode().splitlines()
    assert len(first) < 300
    (book.home / "f-late").touch()
    assert sorted({*first, *said.lines()} - {"f-late"}) == [f"f{i:03}" for i in range(600)]


def test_a_listing_that_is_dropped_leaves_no_descriptor(book: Playbook) -> None:
    for i in range(600):
        (book.home / f"f{i:03}").touch()
    before = len(os.listdir("/proc/self/fd"))
    for verb in ("LIST", "NLST", "MLSD", "LIST -R", "NLST f*"):
        said = book.say(verb)
        assert isinstance(said.outcome, Tell)
        next(said.outcome.chunks)
        said.outcome = book.say("NOOP").outcome
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_directory_that_vanishes_under_a_tree_listing_is_left_out(book: Playbook, tree: Path) -> None:
    lines = list_lines(book.session, Request("", True))
    head = [next(lines) for _ in range(5)]
    (tree / "d" / "e" / "two.txt").unlink()
    (tree / "d" / "e" / ".three").unlink()
    (tree / "d" / "e").rmdir()
    rest = list(lines)
    assert head[0] == ".:"
    assert "./d:" in rest


def test_many_patterns_at_once_share_nothing(book: Playbook, tree: Path) -> None:
    results: list[list[str]] = []
    made = [book.say(f"NLST {pattern}") for pattern in ("*.txt", "d/*", "*/*.txt")]
    threads = [threading.Thread(target=lambda said=said: results.append(said.lines())) for said in made]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, results)) == [1, 2, 2]


@pytest.mark.parametrize(
    ("line", "quick"),
    [
        ("LIST", True),
        ("LIST -la docs", True),
        ("LIST docs/a", True),
        ("NLST", True),
        ("NLST docs/a", True),
        ("MLSD", True),
        ("LIST -R", False),
        ("LIST *zzz*", False),
        ("NLST *zzz*", False),
        ("NLST d*/a", False),
    ],
)
def test_a_pattern_was_looked_for_while_everybody_waited(book: Playbook, line: str, quick: bool) -> None:
    (book.home / "docs").mkdir()
    (book.home / "docs" / "a").touch()
    outcome = (book.say(line) >> 150).outcome
    assert isinstance(outcome, Tell)
    assert outcome.quick is quick


@pytest.mark.parametrize("line", ["NLST *zzz*", "LIST -R"])
def test_a_search_went_on_when_its_session_had_ended(book: Playbook, line: str) -> None:
    (book.home / "a").touch()
    outcome = (book.say(line) >> 150).outcome
    assert isinstance(outcome, Tell)
    book.session.home.ended = True
    with pytest.raises(SessionEnded):
        list(outcome.chunks)

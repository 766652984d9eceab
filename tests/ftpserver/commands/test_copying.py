"""COMB, SITE CPFR CPTO COPY MKDIR RMDIR SYMLINK: arguments, rights, results; the work is test_tree.py's."""

import os

import pytest

from ftpserver.accounts.account import PRESETS
from tests.playbook import Playbook


def without(*lacking: str) -> list[str]:
    return [word.value for word in PRESETS["full"] if word.value not in lacking]


@pytest.fixture
def filled(book: Playbook) -> Playbook:
    """A home with a tree."""
    (book.home / "docs" / "deep").mkdir(parents=True)
    (book.home / "docs" / "a file").write_bytes(b"content")
    (book.home / "docs" / "deep" / 'the "best"').write_bytes(b"best")
    return book


# -- COMB ----------------------------------------------------------------------------------------------------


def test_comb_appends_and_removes(book: Playbook) -> None:
    for number, name in enumerate(("whole", "part 1", "part2")):
        (book.home / name).write_bytes(b"%d" % number)
    book.say('COMB "whole" "part 1" part2') >> 250
    assert (book.home / "whole").read_bytes() == b"012"
    assert [path.name for path in book.home.iterdir()] == ["whole"]


@pytest.mark.parametrize("argument", ["", "whole", '"whole"', '"" "a"', 'a ""'])
def test_comb_needs_a_target_and_parts(book: Playbook, argument: str) -> None:
    book.say(f"COMB {argument}") >> 501


def test_comb_takes_nothing_twice(book: Playbook) -> None:
    (book.home / "a").write_bytes(b"a")
    (book.home / "b").write_bytes(b"b")
    for argument in ("a a", "a b ./b", "a b /b", "a b a"):
        book.say(f"COMB {argument}") >> 501
    assert (book.home / "a").read_bytes() == b"a"


def test_comb_does_not_destroy_a_file_that_a_link_leads_to(book: Playbook) -> None:
    (book.home / "t").write_bytes(b"content")
    (book.home / "self").symlink_to(".")
    (book.home / "l").symlink_to("t")
    for line in ("COMB t self/t", "COMB l t", "COMB t l"):
        book.say(line) >> 501
        assert (book.home / "t").read_bytes() == b"content"


def test_comb_says_which_parts_stay(book: Playbook) -> None:
    (book.home / "a").write_bytes(b"a")
    (book.home / "l").symlink_to("a")
    assert "1 of the parts" in (book.say("COMB whole l") >> 250).text
    assert (book.home / "a").read_bytes() == (book.home / "whole").read_bytes() == b"a"


def test_comb_of_what_is_not_there_does_nothing(book: Playbook) -> None:
    (book.home / "a").write_bytes(b"a")
    (book.home / "b").write_bytes(b"b")
    book.say("COMB a b c") >> 550
    assert (book.home / "a").read_bytes() == b"a"
    assert (book.home / "b").exists()


@pytest.mark.parametrize("lacking", ["delete", "overwrite"])
def test_comb_needs_what_it_does(playbook: Playbook, lacking: str) -> None:
    home = playbook.login(permissions=without(lacking))
    for name in ("a", "b"):
        (home / name).write_bytes(name.encode())
    playbook.say("COMB a b") >> 550
    assert (home / "a").read_bytes() == b"a"
    assert (home / "b").exists()


# -- CPFR, CPTO, COPY ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["SITE COPY docs twin", 'SITE COPY "docs" "twin"'])
def test_copy_copies_a_tree(filled: Playbook, how: str) -> None:
    filled.say(how) >> 250
    assert (filled.home / "twin" / "deep" / 'the "best"').read_bytes() == b"best"
    assert (filled.home / "docs" / "a file").exists()


def test_copy_takes_names_with_blanks_and_quotes(filled: Playbook) -> None:
    filled.say('SITE COPY "docs/deep/the ""best""" "docs/a copy"') >> 250
    assert (filled.home / "docs" / "a copy").read_bytes() == b"best"
    for argument in ("", "one", "one two three", '"one two"'):
        filled.say(f"SITE COPY {argument}") >> 501


def test_cpfr_then_cpto(filled: Playbook) -> None:
    filled.say("SITE CPFR docs/a file") >> 350
    filled.say("SITE CPTO b") >> 250
    assert (filled.home / "b").read_bytes() == b"content"


def test_cpto_wants_a_cpfr_before_it(filled: Playbook) -> None:
    filled.say("SITE CPTO b") >> 503
    filled.say("SITE CPFR docs/a file") >> 350
    filled.say("SITE CPFR nothing") >> 550
    filled.say("SITE CPTO b") >> 503
    filled.say("SITE CPFR docs/a file") >> 350
    filled.say("NOOP") >> 200
    filled.say("SITE CPTO b") >> 250
    filled.say("SITE CPTO c") >> 503


def test_a_copy_that_the_quota_refuses_is_552(playbook: Playbook) -> None:
    home = playbook.add_user("ada")
    (home / "a").write_bytes(b"a" * 600)
    playbook.login(quota={"bytes": 1000})
    playbook.say("SITE COPY a b") >> 552
    assert not (home / "b").exists()


@pytest.mark.parametrize(("lacking", "line"), [("read", "SITE COPY a b"), ("create", "SITE COPY a b")])
def test_a_copy_needs_both_rights(playbook: Playbook, lacking: str, line: str) -> None:
    home = playbook.login(permissions=without(lacking))
    (home / "a").write_bytes(b"a")
    playbook.say(line) >> 550
    playbook.say("SITE CPFR a")
    assert playbook.say("SITE CPTO b").code in (503, 550)
    assert not (home / "b").exists()


def test_a_copy_stays_in_the_home(filled: Playbook) -> None:
    (filled.folder / "secret").write_text("secret")
    (filled.home / "out").symlink_to(filled.folder / "secret")
    filled.say("SITE COPY out mine") >> 550
    filled.say("SITE COPY ../../secret mine") >> 550
    filled.say(f"SITE COPY {filled.folder}/secret mine") >> 550
    assert not (filled.home / "mine").exists()


# -- MKDIR, RMDIR, SYMLINK -----------------------------------------------------------------------------------


def test_mkdir_makes_what_is_missing(book: Playbook) -> None:
    assert '"/a b/c/d"' in (book.say("SITE MKDIR a b/c/d") >> 257).text
    assert (book.home / "a b" / "c" / "d").is_dir()
    (book.home / "file").touch()
    book.say("SITE MKDIR file/d") >> 550
    book.say("SITE MKDIR") >> 501


def test_rmdir_removes_a_tree_only_when_told_so(filled: Playbook) -> None:
    filled.say("SITE RMDIR docs") >> 550
    assert (filled.home / "docs" / "a file").exists()
    filled.say("SITE RMDIR -r docs") >> 250
    assert not (filled.home / "docs").exists()
    filled.say("SITE MKDIR empty") >> 257
    filled.say("SITE RMDIR empty") >> 250


def test_rmdir_removes_directories_and_never_the_home(filled: Playbook) -> None:
    (filled.home / "link").symlink_to("docs")
    for name in ("docs/a file", "link", "nothing", "/", ".", ".."):
        filled.say(f"SITE RMDIR -r {name}") >> 550
    assert (filled.home / "docs" / "a file").exists()
    assert (filled.home / "link").is_symlink()


def test_rmdir_takes_a_name_that_looks_like_its_option(filled: Playbook) -> None:
    (filled.home / "-r docs").mkdir()
    filled.say("SITE RMDIR ./-r docs") >> 250
    assert not (filled.home / "-r docs").exists()
    assert (filled.home / "docs").exists()


@pytest.mark.parametrize("lacking", ["rmdir", "delete"])
def test_removing_a_tree_needs_both_rights(playbook: Playbook, lacking: str) -> None:
    home = playbook.login(permissions=without(lacking))
    (home / "docs").mkdir()
    (home / "docs" / "file").touch()
    playbook.say("SITE RMDIR -r docs") >> 550
    assert (home / "docs" / "file").exists()


def test_symlink_leads_below_its_own_directory(filled: Playbook) -> None:
    filled.say('SITE SYMLINK "docs/a file" link') >> 250
    assert (filled.say("RETR link") >> 150).content() == b"content"
    filled.say('SITE SYMLINK "docs/a file" docs/link') >> 250
    filled.say("SITE SYMLINK ../../../etc/passwd out") >> 250  # in the home, as every path
    assert os.readlink(filled.home / "out") == "etc/passwd"
    assert os.readlink(filled.home / "docs" / "link") == "a file"
    filled.say("RETR out") >> 550
    filled.say("SITE SYMLINK docs link") >> 550  # it is there
    filled.say("SITE SYMLINK docs") >> 501


def test_a_link_that_is_renamed_leads_no_program_out_of_the_home(filled: Playbook) -> None:
    """It climbed as many directories as its path had, and led to /etc/passwd from a place further up."""
    filled.say("SITE MKDIR a/b/c/d/e/f/g/h/i/j/k") >> 257
    filled.say("SITE SYMLINK docs/deep shortcut") >> 250
    for line in (
        "/etc/passwd a/b/c/d/e/f/g/h/i/j/k/x",
        '"docs/a file" shortcut/x',  # the shortcut leads to another depth
        "/ x",
        "a a/x",
        "/docs docs/x",
        "ab/c a/x",
    ):
        assert "own directory" in (filled.say(f"SITE SYMLINK {line}") >> 553).text
    links = [path for path in filled.home.rglob("*") if path.is_symlink()]
    assert [os.readlink(path) for path in links] == ["docs/deep"]


def test_a_link_counts_as_an_entry(playbook: Playbook) -> None:
    home = playbook.login(quota={"files": 1})
    playbook.say("SITE SYMLINK a one") >> 250
    playbook.say("SITE SYMLINK a two") >> 552
    assert [path.name for path in home.iterdir()] == ["one"]


def test_a_link_needs_the_right_to_create(playbook: Playbook) -> None:
    home = playbook.login(permissions=without("create"))
    playbook.say("SITE SYMLINK a one") >> 550
    assert list(home.iterdir()) == []

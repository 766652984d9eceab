"""ftpwire.facts: MLSx lines that any client reads, and any server's lines read without losing a name."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpwire.entry import Entry, Kind
from ftpwire.errors import RemoteError
from ftpwire.facts import FACTS, FactLine, feature_line, parse_feature, parse_selection
from ftpwire.printable import printable

NAMES = (
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
    | st.binary(min_size=1, max_size=9).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
).filter(lambda name: printable(name) == name)
WORDS = st.text("abcdefgh0123456789", min_size=1, max_size=8)
ENTRIES = st.builds(
    Entry,
    NAMES,
    st.sampled_from(Kind),
    size=st.none() | st.integers(0, 2**63),
    modified=st.none() | st.integers(-62167219200, 253402300799),
    mode=st.none() | st.integers(0, 0o7777),
    unique=st.none() | WORDS,
    perm=st.none() | st.text("acdeflmprw", min_size=1, max_size=10),
)
SELECTIONS = st.frozensets(st.sampled_from(FACTS))


@given(ENTRIES)
def test_round_trip(entry: Entry) -> None:
    if entry.kind is not Kind.FILE:
        entry.size = None
    assert FactLine.decode(FactLine().encode(entry)) == entry


@given(ENTRIES, SELECTIONS)
def test_only_the_selected_facts_are_said(entry: Entry, selected: frozenset[str]) -> None:
    line = FactLine(selected, "r", "el").encode(entry)
    facts, _, name = line.partition(" ")
    said = [fact.partition("=")[0] for fact in facts.split(";")[:-1]]
    assert name == entry.name
    assert set(said) <= selected
    assert said == [fact for fact in FACTS if fact in said]


def test_a_file_with_every_fact() -> None:
    entry = Entry("a; b", Kind.FILE, 3, 1767323045.9, 0o644, 2, "1g2")
    line = "type=file;size=3;modify=20260102030405;perm=adfrw;unique=1g2;UNIX.mode=0644; a; b"
    assert FactLine(None, "adfrw", "cdeflmp").encode(entry) == line


def test_a_directory_says_no_size_and_has_its_own_perm() -> None:
    entry = Entry("d", Kind.DIRECTORY, 4096, mode=0o1777)
    assert FactLine(None, "r", "el").encode(entry) == "type=dir;perm=el;UNIX.mode=01777; d"


def test_the_entrys_own_perm_wins_and_an_empty_one_is_left_out() -> None:
    line = FactLine(frozenset({"perm"}), "r", "el")
    assert line.encode(Entry("a", Kind.FILE, perm="adfrw")) == "perm=adfrw; a"
    assert line.encode(Entry("a", Kind.FILE, perm="")) == " a"
    assert line.encode(Entry("a", Kind.FILE)) == "perm=r; a"
    assert line.encode(Entry("a", Kind.OTHER)) == " a"


def test_links_and_special_files() -> None:
    line = FactLine(frozenset({"type", "size"}))
    assert line.encode(Entry("l", Kind.LINK, 4, target="a b")) == "type=OS.unix=slink; l"
    assert line.encode(Entry("p", Kind.OTHER, 0)) == "type=OS.unix=special; p"


def test_the_type_may_be_replaced() -> None:
    entry = Entry(".", Kind.DIRECTORY)
    assert FactLine(frozenset({"type"})).encode(entry, "cdir") == "type=cdir; ."
    assert FactLine(frozenset({"size"})).encode(entry, "cdir") == " ."


def test_no_facts_leave_the_space() -> None:
    assert FactLine(frozenset()).encode(Entry(" a", Kind.FILE, 1)) == "  a"


def test_a_name_cannot_forge_a_line() -> None:
    entry = Entry("a\r\ntype=dir; /\x1b[2J", Kind.FILE)
    assert FactLine(frozenset({"type"})).encode(entry) == "type=file; a??type=dir; /?[2J"


@pytest.mark.parametrize("modified", [1e18, -1e18, 253402300800, inf, nan])
def test_a_time_that_cannot_be_said_is_left_out(modified: float) -> None:
    assert FactLine().encode(Entry("a", Kind.FILE, 1, modified)) == "type=file;size=1; a"


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("TYPE=FILE;Size=3; a", Entry("a", Kind.FILE, 3)),
        ("type=cdir;sizd=4096; .", Entry(".", Kind.DIRECTORY)),
        ("Type=pdir; ..", Entry("..", Kind.DIRECTORY)),
        ("type=OS.unix=slink:/a b; l", Entry("l", Kind.LINK, target="/a b")),
        ("type=OS.unix=slink:; l", Entry("l", Kind.LINK)),
        ("type=os.UNIX=symlink; l", Entry("l", Kind.LINK)),
        ("type=OS.unix=chr-1/3; null", Entry("null", Kind.OTHER)),
        ("type=file;  two  ", Entry(" two  ", Kind.FILE)),
        ("type=file; a; b", Entry("a; b", Kind.FILE)),
        ("type=file a", Entry("a", Kind.FILE)),
        (" a; b", Entry("a; b", Kind.OTHER)),
        ("  a", Entry(" a", Kind.OTHER)),
        ("type=file;modify=20260102030405.678; a", Entry("a", Kind.FILE, modified=1767323045.678)),
        ("type=file;UNIX.mode=0100644; a", Entry("a", Kind.FILE, mode=0o644)),
        ("type=file;unix.mode=755; a", Entry("a", Kind.FILE, mode=0o755)),
        ("type=file;UNIX.owner=0;UNIX.group=0; a", Entry("a", Kind.FILE, owner="0", group="0")),
        ("type=file;UNIX.owner=0;UNIX.ownername=root; a", Entry("a", Kind.FILE, owner="root")),
        ("type=file;x.test=a=b;;charset; a", Entry("a", Kind.FILE)),
        ("type=file;unique=1g2;perm=r; \udcff", Entry("\udcff", Kind.FILE, unique="1g2", perm="r")),
    ],
)
def test_decode(line: str, entry: Entry) -> None:
    assert FactLine.decode(line) == entry


@pytest.mark.parametrize(
    "fact",
    [
        "size=-1",
        "size=+1",
        "size=1_0",
        "size=\u0661",
        "size=",
        "size=" + "9" * 20,
        "size=" + "9" * 5000,
        "modify=yesterday",
        "modify=20260230000000",
        "UNIX.mode=0o755",
        "UNIX.mode=888",
        "UNIX.mode=" + "7" * 5000,
    ],
)
def test_a_fact_that_makes_no_sense_is_as_if_unsaid(fact: str) -> None:
    assert FactLine.decode(f"type=file;{fact}; a") == Entry("a", Kind.FILE)


@pytest.mark.parametrize("line", ["", " ", "type=file;", "type=file; ", "noname"])
def test_a_line_without_a_name_is_refused(line: str) -> None:
    with pytest.raises(RemoteError):
        FactLine.decode(line)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(line: str) -> None:
    try:
        entry = FactLine.decode(line)
    except RemoteError:
        return
    assert line.endswith(entry.name)


@given(SELECTIONS)
def test_selection_round_trip(selected: frozenset[str]) -> None:
    assert parse_feature(feature_line(selected)) == selected
    assert parse_feature(" " + feature_line(selected) + " ") == selected
    assert parse_selection("".join(f"{fact};" for fact in selected)) == selected


def test_the_feature_line_stars_what_is_selected() -> None:
    line = "MLST type*;size*;modify;perm;unique;UNIX.mode;"
    assert feature_line(frozenset({"type", "size"})) == line
    assert parse_feature("MLST Type*;Size*;Charset*;Modify;") == {"type", "size"}


def test_a_selection_is_read_in_any_case_and_without_what_we_cannot_say() -> None:
    assert parse_selection("TYPE;unix.MODE;charset;;\u017fize") == {"type", "UNIX.mode"}
    assert parse_selection("") == frozenset()

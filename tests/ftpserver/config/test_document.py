"""YAML documents: plain values with lines, and a fault with its line for everything that surprises."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpserver.config.document import MAX_BYTES, Document, parse_document, read_document
from ftpserver.config.fault import Fault, Faulty

FILE = Path("x.yaml")


def faults(text: str | bytes) -> list[str]:
    with pytest.raises(Faulty) as caught:
        parse_document(FILE, text.encode() if isinstance(text, str) else text)
    return [str(fault) for fault in caught.value.faults]


def value(text: str) -> object:
    return parse_document(FILE, f"key: {text}\n".encode()).value["key"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-3", -3),
        ("0.5", 0.5),
        ("1.5e3", 1500.0),
        ("text", "text"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("[1, [a, b], {c: 2}]", [1, ["a", "b"], {"c": 2}]),
        ("|\n  block\n  text\n", "block\ntext\n"),
    ],
)
def test_values(written: str, read: object) -> None:
    found = value(written)
    assert found == read
    assert type(found) is type(read)


@pytest.mark.parametrize(
    "word",
    ["yes", "no", "on", "off", "010", "0x10", "1_000", "12:30", "2026-12-31", ".inf", ".nan", "\u0661", "<<"],
)
def test_words_that_yaml_1_1_would_turn_into_something_else_are_text(word: str) -> None:
    assert value(word) == word


def test_lines_lead_to_the_value_or_what_is_around_it() -> None:
    document = parse_document(FILE, b"# head\na: 1\nb:\n  - x: 1\n    y: 2\n  - z\nc: {d: 4}\n")
    assert document.line(("a",)) == 2
    assert document.line(("b", 0, "y")) == 5
    assert document.line(("b", 1)) == 6
    assert document.line(("c", "d")) == 7
    assert document.line(("b", 0, "missing", "deeper")) == 4
    assert document.fault(("b", 1), "is bad") == Fault(FILE, 6, "is bad")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "\ufeff"])
def test_a_file_that_says_nothing_is_empty(text: str) -> None:
    assert parse_document(FILE, text.encode()).value == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: &x 1\n", "x.yaml:1: anchors (&name) are not allowed"),
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", "x.yaml:2: tags"),
        ("a: ! x\n", "x.yaml:1: tags"),
        ("!!str a: 1\n", "x.yaml:1: tags"),
        ("a: 1\nb: 2\na: {c: 1}\n", "x.yaml:3: 'a' is given twice (first in line 1)"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2: only one document"),
        ("- a\n- b\n", "x.yaml:1: must be 'key: value' lines"),
        ("text\n", "x.yaml:1: must be 'key: value' lines"),
        ("a: 1\n? [b]\n: 2\n", "x.yaml:2: a key must be a plain word"),
        ("a: 1\nb: [1,\n", "x.yaml:3: is not YAML"),
        ("a: 'open\n", "x.yaml:2: is not YAML"),
        ("a: 1\n\tb: 2\n", "x.yaml:2: is not YAML: a tab may not stand here; indent with spaces"),
        ("a:\n\tb: 2\n", "x.yaml:2: is not YAML: a tab may not stand here; indent with spaces"),
        ("a: 1\nb: \x07\n", "x.yaml:2: contains a control character"),
        ("a: " + "[" * 100_000, "x.yaml:1: is nested deeper than 16 levels"),
        ("a: " + "{b: " * 100_000, "x.yaml:1: is nested deeper than 16 levels"),
    ],
)
def test_faults(text: str, fault: str) -> None:
    found = faults(text)
    assert len(found) == 1
    assert found[0].startswith(fault)


def test_all_faults_of_a_file_are_found_at_once() -> None:
    text = "a: &x 1\nb: *x\nc: 1\nc: {d: 1, d: 2}\n? {e: 1}\n: 2\nf: !t 3\n"
    assert [fault.split(": ")[0] for fault in faults(text)] == [
        *("x.yaml:1", "x.yaml:2", "x.yaml:4", "x.yaml:4", "x.yaml:5", "x.yaml:7")
    ]


def test_a_billion_laughs_costs_nothing() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert len(faults("l0: &l0 lol\n" + "\n".join(levels))) == 10 + 9 * 9


def test_a_merge_key_is_a_key_like_others() -> None:
    assert parse_document(FILE, b"<<: {a: 1}\n").value == {"<<": {"a": 1}}


def test_bytes_that_are_no_text() -> None:
    assert faults(b"a: 1\nb: \xff\n") == ["x.yaml:2: is not UTF-8 text"]
    assert faults("a: 1\n".encode("utf-16")) == ["x.yaml:1: is not UTF-8 text"]
    assert faults(b"#" * (MAX_BYTES + 1)) == [f"x.yaml: is larger than {MAX_BYTES} bytes"]


def test_reading_files(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("a: 1\n")
    assert read_document(file) == Document(file, {"a": 1}, {(): 1, ("a",): 1})
    (tmp_path / "link.yaml").symlink_to(file)
    assert read_document(tmp_path / "link.yaml").value == {"a": 1}


def test_what_cannot_be_read_is_a_fault_and_never_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name, message in [
        ("none", "No such file"),
        ("fifo", "not a regular file"),
        (".", "cannot be read|regular"),
    ]:
        with pytest.raises(Faulty, match=message):
            read_document(tmp_path / name)


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_any_text_is_a_document_or_faults(text: str) -> None:
    try:
        found: object = parse_document(FILE, text.encode()).value
    except Faulty as error:
        found = error.faults
    assert isinstance(found, dict) or found

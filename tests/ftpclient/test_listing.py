"""Lines of a listing, in pieces, hostile and foreign."""

import os

import pytest

from ftpclient.errors import ProtocolFault
from ftpclient.listing import MAX_LINE, LineSplitter, fact_entries, list_entries, safe_name
from ftpwire.entry import Kind


def test_lines_are_cut_at_lf_in_any_pieces() -> None:
    splitter = LineSplitter()
    lines: list[str] = []
    for byte in b"a\r\nb\xff\xff\nc\rd\r\n\nlast":
        lines += splitter.feed(bytes([byte]))
    assert lines == ["a", os.fsdecode(b"b\xff\xff"), "c\rd", ""]
    assert splitter.end() == ["last"]
    assert splitter.end() == []


def test_an_endless_line_is_refused() -> None:
    splitter = LineSplitter()
    splitter.feed(b"x" * MAX_LINE)
    with pytest.raises(ProtocolFault):
        splitter.feed(b"x")


def test_facts_are_read_and_the_directory_itself_left_out() -> None:
    lines = [
        "type=cdir; .",
        "Type=PDIR; ..",
        "type=dir; ..",
        "type=dir; d",
        "type=file;size=3; a type=cdir; b",
        "",
    ]
    found = list(fact_entries(lines))
    assert [(entry.name, entry.kind) for entry in found] == [
        ("d", Kind.DIRECTORY),
        ("a type=cdir; b", Kind.FILE),
    ]


def test_list_lines_are_read() -> None:
    lines = ["total 3", "drwxr-xr-x 2 a b 4096 Jan  1  2020 .", "-rw-r--r-- 1 a b 12 Jan  1  2020 x y"]
    assert [(entry.name, entry.size) for entry in list_entries(lines, 1.7e9)] == [("x y", 12)]
    with pytest.raises(ProtocolFault):
        list(list_entries(["no such format"], 0))


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "../x", "/etc/passwd", "a\0b"])
def test_names_that_lead_elsewhere_are_not_safe(name: str) -> None:
    assert not safe_name(name)


@pytest.mark.parametrize("name", ["a", "...", ".x", "-r", "~", "a b", "a\\b", "%2e%2e", "\x1b[2J"])
def test_ordinary_if_odd_names_are_safe(name: str) -> None:
    assert safe_name(name)

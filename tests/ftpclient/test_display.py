"""Nothing from a server reaches a terminal raw."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ftpclient.display import as_json, entry_facts, entry_line, shown, shown_lines, size_text, time_text
from ftpwire.entry import Entry, Kind


@given(st.text(st.characters()))
def test_shown_text_is_one_harmless_line(text: str) -> None:
    harmless = shown(text)
    assert len(harmless) == len(text)
    assert not any(
        ord(mark) < 32 or 127 <= ord(mark) < 160 or 0xD800 <= ord(mark) < 0xE000 for mark in harmless
    )
    assert "\u202e" not in harmless
    harmless.encode()


def test_ordinary_text_stays() -> None:
    assert shown("Grüße, 世界 ☃.txt") == "Grüße, 世界 ☃.txt"
    assert shown("\x1b[2Ja\r\nb\udce9") == "?[2Ja??b?"
    assert shown_lines("a\x1b\nb") == "a?\nb"


def test_lines_of_a_listing() -> None:
    file = Entry("a\x1b", Kind.FILE, 12, 1_600_000_000, 0o640)
    assert entry_line(file) == "a?"
    assert entry_line(file, long=True) == "-rw-r-----           12  2020-09-13 12:26  a?"
    assert entry_line(Entry("d", Kind.DIRECTORY, 4096), long=True).split() == ["d?????????", "-", "d/"]
    assert entry_line(Entry("l", Kind.LINK, target="t\n")) == "l -> t?"


def test_json_keeps_exact_names_in_ascii() -> None:
    entry = Entry("a\x1b\udce9", Kind.FILE, 0)
    text = as_json(entry_facts(entry))
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == {"name": "a\x1b\udce9", "kind": "file", "size": 0}


def test_sizes_and_times() -> None:
    assert [size_text(size) for size in (0, 1023, 1024, 5 << 20)] == ["0 B", "1023 B", "1.0 KiB", "5.0 MiB"]
    assert time_text(None) == time_text(1e30) == ""

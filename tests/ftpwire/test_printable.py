"""ftpwire.printable: no control character gets out, and nothing else is touched."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from ftpwire.printable import printable


def test_controls_become_question_marks() -> None:
    assert printable("a\r\nb\x1b[31m\x00\x7f\x9b") == "a??b?[31m???"


def test_tab_names_and_undecodable_bytes_stay() -> None:
    name = "tab\there ünï 日本 \udcff\udc80"
    assert printable(name) == name


@given(st.text(st.characters()))
def test_only_controls_change_and_each_in_place(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    for before, after in zip(text, shown, strict=True):
        control = unicodedata.category(before) == "Cc" and before != "\t"
        assert after == ("?" if control else before)

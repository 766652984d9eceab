"""ftpwire.charset: every name that can be listed can be asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpwire.charset import Charset, known

ENCODINGS = ["gbk", "cp1252", "latin-1", "shift_jis", "koi8-r"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_name_in_the_fallback_is_understood(encoding: str) -> None:
    name = {"gbk": "中文.txt", "shift_jis": "日本.txt", "koi8-r": "файл"}.get(encoding, "Größe é.txt")
    assert Charset(encoding).inbound(b"RETR " + name.encode(encoding)) == b"RETR " + name.encode()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_client_is_told_names_in_the_fallback(encoding: str) -> None:
    name = {"gbk": "中文.txt", "shift_jis": "日本.txt", "koi8-r": "файл"}.get(encoding, "Größe é.txt")
    assert Charset(encoding).outbound(name.encode()) == name.encode(encoding)


def test_utf8_is_understood_whatever_the_fallback() -> None:
    assert Charset("gbk").inbound("STOR Größe 中".encode()) == "STOR Größe 中".encode()


def test_what_the_fallback_lacks_comes_back() -> None:
    charset = Charset("latin-1")
    listed = charset.outbound("中文 🙂".encode())
    assert charset.inbound(listed) == "中文 🙂".encode()


def test_bytes_that_are_no_text_stay() -> None:
    charset = Charset("gbk")
    assert charset.outbound(b"caf\xe9") == b"caf\xe9"
    assert charset.inbound(b"caf\xff") == b"caf\xff"


@given(st.text(st.characters(codec="latin-1"), max_size=30))
def test_latin_1_round_trip(name: str) -> None:
    charset = Charset("latin-1")
    sent = charset.outbound(name.encode())
    # What is valid UTF-8 by accident is read as UTF-8; all other text comes back.
    try:
        accident = sent.decode("utf-8")
    except UnicodeDecodeError:
        assert charset.inbound(sent) == name.encode()
    else:
        assert charset.inbound(sent).decode() == accident


@pytest.mark.parametrize(("encoding", "good"), [("gbk", True), ("utf-16", False), ("base64", False), ("nope", False)])
def test_which_encodings_can_be_used(encoding: str, good: bool) -> None:
    assert known(encoding) is good

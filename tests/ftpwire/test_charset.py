"""ftpwire.charset: every name that can be listed can be asked for."""

import pytest
from hypothesis import example, given
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


def test_a_byte_that_is_no_text_is_shown_as_a_character_that_nobody_uses() -> None:
    charset = Charset("gbk")
    assert charset.outbound(b"caf\xe9") == "caf\U0010f7e9".encode()
    assert charset.inbound("caf\U0010f7e9".encode()) == b"caf\xe9"
    assert charset.inbound(b"caf\xff") == b"caf\xff"


def test_lines_of_one_listing_may_be_in_different_encodings() -> None:
    listing = "é\r\n中\r\nplain\r\n".encode()
    assert Charset("latin-1").outbound(listing) == b"\xe9\r\n" + "中\r\nplain\r\n".encode()


NAMES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30).map(str.encode),
    st.text(st.characters(codec="latin-1"), max_size=30).map(str.encode),
    st.binary(max_size=30),
).filter(lambda name: b"\n" not in name)


@pytest.mark.parametrize("encoding", ENCODINGS)
@given(name=NAMES)
@example(name="Ã¼".encode())  # in Latin-1 these are the bytes of a UTF-8 ü
@example(name="日本 ü".encode())
@example(name=b"\xc4\xe3 \xff")
def test_every_name_that_is_listed_can_be_asked_for(encoding: str, name: bytes) -> None:
    charset = Charset(encoding)
    assert charset.inbound(charset.outbound(name)) == name


@pytest.mark.parametrize(
    ("encoding", "good"), [("gbk", True), ("utf-16", False), ("base64", False), ("nope", False)]
)
def test_which_encodings_can_be_used(encoding: str, good: bool) -> None:
    assert known(encoding) is good

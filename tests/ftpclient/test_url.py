"""Addresses in all their forms."""

import pytest

from ftpclient.url import Url, parse


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("host", Url("host", 21)),
        ("host:2121", Url("host", 2121)),
        ("ada@host", Url("host", 21, "ada")),
        ("ada@example.org@host/x", Url("host", 21, "ada@example.org", "x")),
        ("ftp://host/a/b", Url("host", 21, None, "a/b")),
        ("ftp://host//a/b", Url("host", 21, None, "/a/b")),
        ("ftp://host/%2Fa", Url("host", 21, None, "/a")),
        ("FTPS://host/", Url("host", 990, None, "", True)),
        ("ftps://host:2990", Url("host", 2990, None, "", True)),
        ("ftp://a%40b@host/caf%E9%20x", Url("host", 21, "a@b", "caf\udce9 x")),
        ("host/100%25 @:[x]", Url("host", 21, None, "100%25 @:[x]")),
        ("ada@[::1]:2121/x", Url("::1", 2121, "ada", "x")),
        ("ftp://[fe80::1%25eth0]/", Url("fe80::1%25eth0", 21)),
    ],
)
def test_an_address_is_read(text: str, url: Url) -> None:
    assert parse(text) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/path",
        "http://host",
        "host:0",
        "host:65536",
        "host:x",
        "ftp://",
        "@host:",
        "ftp://host/%0d%0aDELE x",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|served|port|CR"):
        parse(text)


@pytest.mark.parametrize("text", ["ada:secret@host", "ftp://ada:secret@host/x", "ftp://ada:@host"])
def test_a_password_in_the_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="password must not stand") as refused:
        parse(text)
    assert "secret" not in str(refused.value)

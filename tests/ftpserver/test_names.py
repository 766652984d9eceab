"""Names on the running service: other encodings, names that are in none, normal forms."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service
from tests.wire import Wire

RAW = b"raw \xfe\x80\xc3("
"""Valid in no encoding that is tried here, and without Telnet's 0xFF."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("shared") / "service") as running:
        yield running


def member(service: Service, name: str, **account: str) -> tuple[Wire, Path]:
    """A user of the test's own, logged in, and the home."""
    service.add_user(name, **account)
    home = service.home(name)
    return Wire.member(service, name), home


def store(wire: Wire, name: bytes, content: bytes) -> None:
    with wire.extended() as data:
        wire.say(b"STOR " + name) >> 150
        data.sendall(content)
    wire.hear() >> 226


def fetch(wire: Wire, name: bytes) -> bytes:
    return wire.fetch(os.fsdecode(b"RETR " + name))


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gbk", "文件 一"), ("cp1252", "Prüfung €5"), ("latin-1", "été"), ("shift_jis", "表示")],
)
def test_names_in_the_encoding_of_the_account(shared: Service, encoding: str, name: str) -> None:
    """The second byte of 表 in Shift-JIS is a backslash, that of some GBK letters a pipe."""
    wire, home = member(shared, f"in-{encoding}", encoding=encoding)
    said = name.encode(encoding)
    with wire:
        (wire.say(b"MKD " + said)) >> 257
        assert [path.name for path in home.iterdir()] == [name]  # on disk everything is UTF-8
        wire.say(b"CWD " + said) >> 250
        assert f"/{name}" in os.fsencode((wire.say("PWD") >> 257).text).decode(encoding)
        store(wire, said, b"content")
        assert (home / name / name).read_bytes() == b"content"
        assert fetch(wire, said) == b"content"
        for verb in ("NLST", "LIST", "MLSD"):
            assert said + b"\r\n" in wire.fetch(verb), verb
        assert said in os.fsencode(wire.say(b"MLST " + said).text)
        assert said in os.fsencode(wire.say("STAT .").text)
        wire.say(b"RNFR " + said) >> 350
        wire.say(b"RNTO " + said + b" 2") >> 250
        wire.say(b"DELE " + said + b" 2") >> 250
        assert list((home / name).iterdir()) == []


def test_what_is_utf_8_is_taken_as_that_and_told_in_the_encoding(shared: Service) -> None:
    wire, home = member(shared, "mixed", encoding="cp1252")
    with wire:
        store(wire, "Prüfung".encode(), b"x")
        assert (home / "Prüfung").exists()
        assert wire.fetch("NLST") == "Prüfung\r\n".encode("cp1252")


def test_a_name_that_the_encoding_lacks_can_be_asked_for_as_it_is_listed(shared: Service) -> None:
    wire, home = member(shared, "lacking", encoding="cp1252")
    (home / "日本 ü").write_bytes(b"x")
    with wire:
        listed = wire.fetch("NLST").removesuffix(b"\r\n")
        assert fetch(wire, listed) == b"x"
        wire.say(b"DELE " + listed) >> 250
    assert list(home.iterdir()) == []


def test_a_letter_that_is_telnet_s_byte_is_doubled_both_ways(shared: Service) -> None:
    """ÿ is 0xFF in cp1252: on the control connection RFC 959's Telnet wants it twice, on data connections once."""
    wire, home = member(shared, "iac", encoding="cp1252")
    with wire:
        assert os.fsencode((wire.say(b"MKD a\xff\xffb") >> 257).text).startswith(b'"/a\xff\xffb"')
        assert [path.name for path in home.iterdir()] == ["aÿb"]
        assert wire.fetch("NLST") == b"a\xffb\r\n"
        assert b"a\xff\xffb" in os.fsencode(wire.say("STAT .").text)
    wire, home = member(shared, "iac-raw")
    with wire:
        (home / os.fsdecode(b"raw\xff")).touch()
        assert wire.fetch("NLST") == b"raw\xff\r\n"
        assert b"raw\xff\xff" in os.fsencode(wire.say("STAT .").text)
        wire.say(b"DELE raw\xff\xff") >> 250


def test_utf8_on_ends_the_other_encoding(shared: Service) -> None:
    wire, home = member(shared, "opted", encoding="gbk")
    (home / "文件").touch()
    with wire:
        assert wire.fetch("NLST") == "文件\r\n".encode("gbk")
        wire.say("OPTS UTF8 ON") >> 200
        assert wire.fetch("NLST") == "文件\r\n".encode()
    with Wire.greeted(shared) as early:
        early.say("OPTS UTF8 ON") >> 200
        early.login("opted")
        assert early.fetch("NLST") == "文件\r\n".encode()


@pytest.mark.parametrize("encoding", [None, "gbk", "latin-1"])
def test_a_name_in_no_encoding_is_listed_read_renamed_and_deleted(
    shared: Service, encoding: str | None
) -> None:
    account = {} if encoding is None else {"encoding": encoding}
    wire, home = member(shared, f"raw-{encoding}", **account)
    (home / os.fsdecode(RAW)).write_bytes(b"found")
    with wire:
        listed = wire.fetch("NLST").removesuffix(b"\r\n")
        assert (listed == RAW) is (encoding is None)
        for verb in ("LIST", "MLSD"):
            assert wire.fetch(verb).endswith(listed + b"\r\n"), verb
        assert fetch(wire, listed) == b"found"
        assert (wire.say(b"SIZE " + listed) >> 213).text == "5"
        wire.say(b"RNFR " + listed) >> 350
        wire.say(b"RNTO " + listed + b"2") >> 250
        assert [os.fsencode(path.name) for path in home.iterdir()] == [RAW + b"2"]
        wire.say(b"DELE " + listed + b"2") >> 250
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "code"), [("LANG", 200), ("LANG en", 200), ("LANG EN-us", 200), ("LANG fr", 504)]
)
def test_replies_are_english_and_so_is_the_default(shared: Service, line: str, code: int) -> None:
    """lftp asks for the default, which RFC 2640 section 4.1 has as LANG alone."""
    with Wire.greeted(shared) as wire:
        wire.say(line) >> code


def test_nfc_brings_the_names_of_macs_and_of_the_others_together(shared: Service) -> None:
    composed, decomposed = "Übung", "U\u0308bung"
    wire, home = member(shared, "nfc", normalize="nfc")
    with wire:
        store(wire, decomposed.encode(), b"from a Mac")
        assert [path.name for path in home.iterdir()] == [composed]
        assert fetch(wire, composed.encode()) == fetch(wire, decomposed.encode()) == b"from a Mac"
        store(wire, RAW, b"bytes in no normal form")
        wire.say(b"DELE " + RAW) >> 250
    wire, home = member(shared, "as-it-comes")
    with wire:
        store(wire, decomposed.encode(), b"x")
        assert [path.name for path in home.iterdir()] == [decomposed]


def test_nfc_leaves_no_name_on_the_disk_out_of_reach(shared: Service) -> None:
    """A home that was filled from a Mac's disk, and not over FTP."""
    composed, decomposed = "Übung", "U\u0308bung"
    wire, home = member(shared, "nfc-found", normalize="nfc")
    (home / decomposed).mkdir()
    (home / decomposed / decomposed).write_bytes(b"found")
    with wire:
        listed = wire.fetch("NLST").removesuffix(b"\r\n")
        assert listed == decomposed.encode()
        for said in (listed, composed.encode()):
            assert fetch(wire, said + b"/" + said) == b"found"
            assert (wire.say(b"SIZE " + said + b"/" + said) >> 213).text == "5"
            wire.say(b"CWD " + said) >> 250
            assert wire.fetch("NLST") == listed + b"\r\n"
            for verb in (b"NLST ", b"LIST ", b"STAT "):
                line = verb + said[:-1] + b"*"
                got = wire.fetch(os.fsdecode(line)) if b"STAT" not in verb else wire.say(line).text.encode()
                assert listed in got, line
            wire.say("CDUP") >> 250
        store(wire, composed.encode() + b"/" + composed.encode(), b"replaced")
        assert os.listdir(home / decomposed) == [decomposed]
        assert fetch(wire, listed + b"/" + listed) == b"replaced"
        wire.say(b"MKD " + composed.encode()) >> 550
        wire.say(b"RNFR " + listed) >> 350
        wire.say(b"RNTO " + composed.encode()) >> 250
        assert os.listdir(home) == [composed]
        wire.say(b"DELE " + listed + b"/" + composed.encode()) >> 250
        wire.say(b"RMD " + listed) >> 250
    assert list(home.iterdir()) == []


def test_nfc_takes_the_two_spellings_of_a_part_for_one(shared: Service) -> None:
    composed, decomposed = "Übung", "U\u0308bung"
    wire, home = member(shared, "nfc-comb", normalize="nfc")
    (home / composed).write_bytes(b"the only one")
    with wire:
        wire.say(f"COMB {composed} {decomposed}") >> 501
    assert (home / composed).read_bytes() == b"the only one"

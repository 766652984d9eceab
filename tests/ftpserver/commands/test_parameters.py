"""TYPE STRU MODE PASV EPSV PORT EPRT REST ALLO, in memory; over a network in test_transfer.py beside this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.session import Type
from tests.playbook import Playbook


@pytest.fixture
def book6(tmp_path: Path) -> Iterator[Playbook]:
    with Playbook(tmp_path, peer="::1", local="::1") as playbook:
        playbook.login()
        yield playbook


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("A", Type.ASCII),
        ("a", Type.ASCII),
        ("A N", Type.ASCII),
        ("a t", Type.ASCII),
        ("I", Type.IMAGE),
        ("i ", Type.IMAGE),
        ("L 8", Type.IMAGE),
        ("L 7", Type.ASCII),
        ("L8", Type.IMAGE),
        ("L  8", Type.IMAGE),
    ],
)
def test_types(book: Playbook, code: str, meant: Type) -> None:
    book.session.type = Type.IMAGE if meant is Type.ASCII else Type.ASCII
    book.say(f"TYPE {code}") >> 200
    assert book.session.type is meant


@pytest.mark.parametrize("code", ["E", "E N", "L 9", "L", "A C", "X", "AN", "\u0131"])
def test_other_types_are_refused_and_change_nothing(book: Playbook, code: str) -> None:
    book.say(f"TYPE {code}") >> 504
    assert book.session.type is Type.IMAGE


def test_a_session_begins_in_ascii(playbook: Playbook) -> None:
    playbook.login()
    playbook.say("REIN") >> 220
    playbook.login()
    book = playbook
    book.say("USER ada") >> 331
    book.say("PASS correct horse 7") >> 230
    assert book.session.type is Type.ASCII


@pytest.mark.parametrize("verb", ["TYPE", "STRU", "MODE"])
def test_a_parameter_must_be_named(book: Playbook, verb: str) -> None:
    book.say(verb) >> 501


@pytest.mark.parametrize("line", ["STRU R", "STRU P", "MODE B", "MODE C", "MODE S Z"])
def test_what_is_not_there_is_504_never_502(book: Playbook, line: str) -> None:
    book.say(line) >> 504


@pytest.mark.parametrize("line", ["STRU f", "MODE s", "STRU F ", "MODE  S"])
def test_the_only_structure_and_mode(book: Playbook, line: str) -> None:
    book.say(line) >> 200


def test_pasv_and_epsv_prepare_the_port(book: Playbook) -> None:
    assert not book.session.port.ready
    assert "127,0,0,1," in (book.say("PASV") >> 227).text
    assert book.session.port.ready
    assert "(|||" in (book.say("EPSV") >> 229).text
    book.say("EPSV 1") >> 229
    book.say("EPSV 2") >> 522
    for argument in ("x", "1 2", "-1", "²", "٣"):
        book.say(f"EPSV {argument}") >> 501


def test_ipv6_has_no_pasv(book6: Playbook) -> None:
    book6.say("PASV") >> 522
    book6.say("EPSV 2") >> 229
    assert "(2)" in (book6.say("EPSV 1") >> 522).text
    book6.say("PORT 127,0,0,1,200,1") >> 501


@pytest.mark.parametrize("host", ["::1", "0:0:0:0:0:0:0:1", "0000::0001"])
def test_eprt_over_ipv6_takes_every_spelling_of_the_address(book6: Playbook, host: str) -> None:
    book6.say(f"EPRT |2|{host}|40000|") >> 200


@pytest.mark.parametrize(
    "line", ["PORT 127,0,0,1,195,80", "EPRT |1|127.0.0.1|50000|", "EPRT !1!127.0.0.1!50000!"]
)
def test_a_port_of_the_peer(book: Playbook, line: str) -> None:
    book.say(line) >> 200
    assert book.session.port.ready


@pytest.mark.parametrize(
    "line",
    [
        "PORT 127,0,0,2,195,80",
        "PORT 10,0,0,1,195,80",
        "PORT 0,0,0,0,195,80",
        "EPRT |1|127.0.0.2|50000|",
        "EPRT |2|::1|50000|",
        "EPRT |2|::ffff:127.0.0.1|50000|",
        "PORT 127,0,0,1,0,22",
        "PORT 127,0,0,1,3,255",
        "EPRT |1|127.0.0.1|1023|",
    ],
)
def test_nobody_is_bounced_elsewhere(book: Playbook, line: str) -> None:
    book.say(line) >> 501
    assert not book.session.port.ready


@pytest.mark.parametrize(
    "line",
    [
        "PORT",
        "PORT 127,0,0,1,195",
        "PORT 127,0,0,1,195,256",
        "PORT 127,0,0,1,195,-1",
        "PORT 127,0,0,1,0,0",
        "PORT 127.0.0.1,195,80",
        "PORT \u0661,0,0,1,195,80",
        "EPRT",
        "EPRT |1|localhost|50000|",
        "EPRT |1|127.0.0.1|65536|",
        "EPRT |1|127.0.0.1|0|",
        "EPRT |x|127.0.0.1|50000|",
        "EPRT |1|127.0.0.1|50000",
        "EPRT 1|127.0.0.1|50000|",
    ],
)
def test_what_is_no_address_is_501(book: Playbook, line: str) -> None:
    book.say(line) >> 501


def test_an_unknown_network_is_522_and_names_those_known(book: Playbook) -> None:
    assert "(1,2)" in (book.say("EPRT |3|127.0.0.1|50000|") >> 522).text


def test_epsv_of_an_unknown_network_tells_which_there_is(book: Playbook) -> None:
    """It was a 501, from which no client learns what to ask for (RFC 2428 section 3)."""
    for network in ("3", "0", "65535"):
        assert "use (1)" in (book.say(f"EPSV {network}") >> 522).text


def test_after_epsv_all_nothing_else_opens_a_data_connection(book: Playbook) -> None:
    book.say("EPSV ALL") >> 200
    for line in ("PASV", "PORT 127,0,0,1,195,80", "EPRT |1|127.0.0.1|50000|"):
        book.say(line) >> 501
    book.say("EPSV") >> 229
    book.say("epsv all") >> 200


def test_an_arrangement_replaces_the_one_before(book: Playbook) -> None:
    book.say("PASV") >> 227
    book.say("PORT 127,0,0,1,195,80") >> 200
    book.say("EPSV") >> 229
    assert book.session.port.ready


@pytest.mark.parametrize("offset", [0, 1, 2**31, 2**32, 2**63 - 1])
def test_rest_takes_what_a_file_can_have(book: Playbook, offset: int) -> None:
    assert str(offset) in (book.say(f"REST {offset}") >> 350).text
    assert book.session.restart == offset


@pytest.mark.parametrize("offset", ["", "-1", "9223372036854775808", "18446744073709551616", "1k", "\u0661"])
def test_rest_refuses_what_no_file_can_have_and_forgets_what_was_said(book: Playbook, offset: str) -> None:
    book.say("REST 5") >> 350
    book.say(f"REST {offset}") >> 501
    assert book.session.restart == 0


def test_allo_is_answered_without_a_promise_that_cannot_be_kept(playbook: Playbook) -> None:
    playbook.login(quota={"bytes": "1MiB"})
    playbook.say("ALLO 1000") >> 200
    playbook.say("ALLO 1000 R 80") >> 200
    playbook.say("ALLO 0") >> 200
    playbook.say(f"ALLO {1024 * 1024}") >> 200
    assert "Quota exceeded" in (playbook.say(f"ALLO {1024 * 1024 + 1}") >> 552).text
    for line in ("ALLO", "ALLO x", "ALLO -1"):
        playbook.say(line) >> 501


def test_allo_beyond_the_disk_is_452(book: Playbook) -> None:
    book.say(f"ALLO {2**63 - 1}") >> 452


def test_allo_reserves_for_the_next_upload_only(playbook: Playbook) -> None:
    playbook.login(quota={"bytes": "1MiB"})
    playbook.say("ALLO 1000000") >> 200
    playbook.say("EPSV") >> 229
    said = playbook.say("STOR a") >> 150
    playbook.say("STOR b") >> 150
    playbook.say("ALLO 500000") >> 200
    playbook.say("STOR c") >> 552
    said.take(b"x" * 1_000_000)

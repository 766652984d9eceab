"""AUTH PBSZ PROT CCC in memory: who may say what when, and what each changes. The bytes are test_protection.py's."""

import pytest

from ftpserver.outcome import Secure, Unsecure
from tests.playbook import Playbook


@pytest.fixture
def offered(playbook: Playbook) -> Playbook:
    """Nobody is logged in; TLS can be had and is not on."""
    playbook.link.tls_offered = True
    return playbook


@pytest.fixture
def secure(offered: Playbook) -> Playbook:
    """The same with TLS on."""
    offered.link.secure = True
    return offered


def features(book: Playbook) -> set[str]:
    return {line.strip() for line in (book.say("FEAT") >> 211).reply.lines}


@pytest.mark.parametrize(
    ("mechanism", "private"),
    [("TLS", False), ("tls", False), ("TLS-C", False), ("SSL", True), ("TLS-P", True)],
)
def test_auth_begins_tls(offered: Playbook, mechanism: str, private: bool) -> None:
    said = offered.say(f"AUTH {mechanism}") >> 234
    assert isinstance(said.outcome, Secure)
    assert said.outcome.private is private


@pytest.mark.parametrize("mechanism", ["GSSAPI", "KERBEROS_V4", "TLSv1", "TLS TLS"])
def test_other_mechanisms_are_504(offered: Playbook, mechanism: str) -> None:
    offered.say(f"AUTH {mechanism}") >> 504
    offered.say("AUTH") >> 501


def test_without_a_certificate_there_is_no_tls_and_feat_does_not_say_so(playbook: Playbook) -> None:
    playbook.say("AUTH TLS") >> 431
    assert not {"AUTH TLS", "PBSZ", "PROT", "CCC"} & features(playbook)


def test_feat_names_them_where_tls_can_be_had(offered: Playbook) -> None:
    assert {"AUTH TLS", "PBSZ", "PROT", "CCC"} <= features(offered)


def test_tls_begins_once(secure: Playbook) -> None:
    secure.say("AUTH TLS") >> 503


@pytest.mark.parametrize("line", ["PBSZ 0", "PROT P", "PROT C"])
def test_in_clear_nothing_can_be_protected(offered: Playbook, line: str) -> None:
    offered.say(line) >> 503


def test_prot_needs_pbsz_first(secure: Playbook) -> None:
    secure.say("PROT P") >> 503
    secure.say("PBSZ 0") >> 200
    secure.say("PROT P") >> 200
    assert secure.link.private
    secure.say("PROT C") >> 200
    assert not secure.link.private


@pytest.mark.parametrize("size", ["0", "1024", "4294967295"])
def test_the_buffer_is_nought_whatever_was_asked(secure: Playbook, size: str) -> None:
    assert secure.say(f"PBSZ {size}").text == "PBSZ=0"


@pytest.mark.parametrize("size", ["", "x", "-1", "\u0661"])
def test_a_buffer_size_is_a_number(secure: Playbook, size: str) -> None:
    secure.say(f"PBSZ {size}") >> 501
    secure.say("PROT P") >> 503


@pytest.mark.parametrize(
    ("level", "code"), [("S", 536), ("E", 536), ("X", 504), ("", 501), ("p", 200), ("PC", 504)]
)
def test_levels(secure: Playbook, level: str, code: int) -> None:
    secure.say("PBSZ 0") >> 200
    secure.say(f"PROT {level}") >> code


def test_where_tls_is_required_nothing_becomes_clear(secure: Playbook) -> None:
    secure.link.tls_required = True
    secure.say("PBSZ 0") >> 200
    secure.say("PROT P") >> 200
    secure.say("PROT C") >> 534
    secure.say("CCC") >> 534
    assert secure.link.private


def test_ccc_ends_tls_and_only_tls(secure: Playbook) -> None:
    said = secure.say("CCC") >> 200
    assert isinstance(said.outcome, Unsecure)


def test_there_is_no_tls_to_end_in_clear(offered: Playbook) -> None:
    offered.say("CCC") >> 533


def test_an_account_that_demands_tls_is_told_before_its_password(offered: Playbook) -> None:
    offered.add_user("ada", tls="required")
    offered.add_user("bob")
    offered.say("USER ada") >> 530
    offered.say("PASS correct horse 7") >> 503
    offered.say("USER bob") >> 331


def test_an_account_that_demands_tls_keeps_it(secure: Playbook) -> None:
    """For this session the rule of the account is that of a server that requires TLS."""
    secure.login("ada", tls="required")
    secure.say("PBSZ 0") >> 200
    secure.say("PROT C") >> 534
    secure.say("CCC") >> 534
    assert secure.link.tls_required
    secure.add_user("bob")
    secure.say("USER bob") >> 331
    secure.say("PASS correct horse 7") >> 230
    secure.say("PROT C") >> 200

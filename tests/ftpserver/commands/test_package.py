"""The verbs as a whole: FEAT, HELP and SITE are read from the table."""

import pytest

from ftpserver.commands import site_verbs, verbs
from tests.playbook import Playbook

FEATURES = {"AVBL", "CLNT", "EPRT", "EPSV", "MDTM", "MFMT", "REST STREAM", "SIZE", "TVFS", "UTF8"}


def test_feat_is_as_rfc_2389_asks(playbook: Playbook) -> None:
    lines = (playbook.say("FEAT") >> 211).reply.encode().decode().split("\r\n")
    assert lines[0].startswith("211-")
    assert lines[-2] == "211 End"
    middle = lines[1:-2]
    assert all(line.startswith(" ") and not line.startswith("  ") for line in middle)
    assert set(map(str.strip, middle)) >= FEATURES
    assert len(set(middle)) == len(middle)
    assert " MLST type*;size*;modify*;perm*;unique*;UNIX.mode*;" in middle


def test_tls_is_told_of_only_where_it_can_be_had(playbook: Playbook) -> None:
    assert "AUTH" not in playbook.say("FEAT").text
    playbook.link.tls_offered = True
    text = playbook.say("FEAT").text
    assert "AUTH TLS" in text
    assert "PROT" in text


def test_help_names_every_verb_and_the_syntax_of_one(playbook: Playbook) -> None:
    words = (playbook.say("HELP") >> 214).text.split()
    assert set(verbs.verbs()) <= set(words)
    assert (playbook.say("HELP RETR") >> 214).text == "RETR <path>"
    assert (playbook.say("HELP xcwd") >> 214).text == "CWD <path>"
    assert "CHMOD" in (playbook.say("HELP SITE CHMOD") >> 214).text
    assert (playbook.say("HELP SITE") >> 214).text.startswith("SITE")


@pytest.mark.parametrize("word", ["NONSENSE", "SITE NONSENSE", "\x1b", "\u0131"])
def test_help_for_what_is_not_there(playbook: Playbook, word: str) -> None:
    assert b"\x1b" not in (playbook.say(f"HELP {word}") >> 501).reply.encode()


def test_the_verbs_of_the_rfcs_are_there() -> None:
    rfc959 = "USER PASS ACCT CWD CDUP QUIT REIN PORT PASV TYPE STRU MODE RETR STOR STOU APPE ALLO REST RNFR RNTO ABOR DELE RMD MKD PWD LIST NLST SITE SYST STAT HELP NOOP"  # noqa: E501
    later = (
        "FEAT OPTS EPRT EPSV SIZE MDTM MLST MLSD MFMT AUTH PBSZ PROT CCC XPWD XCWD XCUP XMKD XRMD CLNT AVBL"
    )
    assert set(f"{rfc959} {later}".split()) <= set(verbs.verbs())
    assert {"CHMOD", "UTIME", "QUOTA", "HELP"} <= set(site_verbs.verbs())

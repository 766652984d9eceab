"""The table: its own rules, and one table of ours that pins what every verb answers in every state."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from ftpserver.accounts.account import Permission
from ftpserver.commands import site_verbs, verbs
from ftpserver.commands.arguments import nothing, text
from ftpserver.commands.table import Audience, Interrupt, Row, Table
from ftpserver.session import Peer
from ftpwire.reply import Reply
from tests.service import PASSWORD, Service
from tests.wire import Wire

NOT_YET = 530

# What the line answers:      before   after    after   during a      after    after
#                             login    USER     login   transfer      RNFR     REST
STATES = ("visitor", "named", "member", "transfer", "renaming", "restarting")
ANSWERS: dict[str, tuple[int, int, int, tuple[int, ...], int, int]] = {
    "USER ada": (331, 331, 331, (226, 331), 331, 331),
    f"PASS {PASSWORD}": (503, 230, 503, (226, 503), 503, 503),
    "PASS wrong": (503, 530, 503, (226, 503), 503, 503),
    "ACCT x": (202, 202, 202, (226, 202), 202, 202),
    "REIN": (220, 220, 220, (226, 220), 220, 220),
    "QUIT": (221, 221, 221, (226, 221), 221, 221),
    "TYPE A": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "TYPE E": (NOT_YET, NOT_YET, 504, (226, 504), 504, 504),
    "STRU F": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "STRU R": (NOT_YET, NOT_YET, 504, (226, 504), 504, 504),
    "MODE S": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "MODE B": (NOT_YET, NOT_YET, 504, (226, 504), 504, 504),
    "PASV": (NOT_YET, NOT_YET, 227, (226, 227), 227, 227),
    "EPSV": (NOT_YET, NOT_YET, 229, (226, 229), 229, 229),
    "PORT 127,0,0,1,200,1": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "EPRT |1|127.0.0.1|51201|": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "REST 3": (NOT_YET, NOT_YET, 350, (226, 350), 350, 350),
    "ALLO 10": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "PWD": (NOT_YET, NOT_YET, 257, (226, 257), 257, 257),
    "XPWD": (NOT_YET, NOT_YET, 257, (226, 257), 257, 257),
    "CWD empty": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "XCWD empty": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "CDUP": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "XCUP": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "MKD made": (NOT_YET, NOT_YET, 257, (226, 257), 257, 257),
    "XMKD made": (NOT_YET, NOT_YET, 257, (226, 257), 257, 257),
    "RMD empty": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "XRMD empty": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "DELE file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "RNFR file": (NOT_YET, NOT_YET, 350, (226, 350), 350, 350),
    "RNTO renamed": (NOT_YET, NOT_YET, 503, (226, 503), 250, 503),
    "SIZE file": (NOT_YET, NOT_YET, 213, (226, 213), 213, 213),
    "MDTM file": (NOT_YET, NOT_YET, 213, (226, 213), 213, 213),
    "MFMT 20200102030405 file": (NOT_YET, NOT_YET, 213, (226, 213), 213, 213),
    "RETR file": (NOT_YET, NOT_YET, 425, (226, 425), 425, 425),
    "STOR new": (NOT_YET, NOT_YET, 425, (226, 425), 425, 425),
    "APPE new": (NOT_YET, NOT_YET, 425, (226, 425), 425, 425),
    "STOU": (NOT_YET, NOT_YET, 425, (226, 425), 425, 425),
    "LIST": (NOT_YET, NOT_YET, 425, (226, 425), 425, 425),
    "NLST": (NOT_YET, NOT_YET, 425, (226, 425), 425, 425),
    "MLSD": (NOT_YET, NOT_YET, 425, (226, 425), 425, 425),
    "MLST file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "ABOR": (226, 226, 226, (426, 226), 226, 226),
    "STAT": (211, 211, 211, (211, 226), 211, 211),
    "STAT file": (NOT_YET, NOT_YET, 213, (226, 213), 213, 213),
    "FEAT": (211, 211, 211, (226, 211), 211, 211),
    "HELP": (214, 214, 214, (226, 214), 214, 214),
    "OPTS UTF8 ON": (200, 200, 200, (226, 200), 200, 200),
    "OPTS MLST size;": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "SYST": (215, 215, 215, (226, 215), 215, 215),
    "NOOP": (200, 200, 200, (226, 200), 200, 200),
    "CLNT test": (200, 200, 200, (226, 200), 200, 200),
    "AVBL": (NOT_YET, NOT_YET, 213, (226, 213), 213, 213),
    "SITE": (501, 501, 501, (226, 501), 501, 501),
    "SITE HELP": (NOT_YET, NOT_YET, 214, (226, 214), 214, 214),
    "SITE CHMOD 600 file": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "SITE UTIME 20200102030405 file": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "SITE QUOTA": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "MFF modify=20200102030405; file": (NOT_YET, NOT_YET, 213, (226, 213), 213, 213),
    "MFCT 20200102030405 file": (NOT_YET, NOT_YET, 550, (226, 550), 550, 550),
    "HASH file": (NOT_YET, NOT_YET, 213, (226, 213), 213, 213),
    "XCRC file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "XMD5 file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "MD5 file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "XSHA file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "XSHA1 file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "XSHA256 file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "XSHA512 file": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "RANG 1 2": (NOT_YET, NOT_YET, 350, (226, 350), 350, 350),
    'COMB "whole" "file"': (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "CSID Name=test; Version=1;": (200, 200, 200, (226, 200), 200, 200),
    "LANG EN": (200, 200, 200, (226, 200), 200, 200),
    "HOST example.org": (220, 220, 503, (226, 503), 503, 503),
    "SITE UMASK": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "SITE IDLE": (NOT_YET, NOT_YET, 200, (226, 200), 200, 200),
    "SITE CPFR file": (NOT_YET, NOT_YET, 350, (226, 350), 350, 350),
    "SITE CPTO copied": (NOT_YET, NOT_YET, 503, (226, 503), 503, 503),
    "SITE COPY file copied": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "SITE MKDIR a/b": (NOT_YET, NOT_YET, 257, (226, 257), 257, 257),
    "SITE RMDIR -r empty": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "SITE SYMLINK file link": (NOT_YET, NOT_YET, 250, (226, 250), 250, 250),
    "SITE EXEC id": (504, 504, 504, (226, 504), 504, 504),
    # The service of this table has no certificate; with one, tests/ftpserver/test_protection.py goes on from here.
    "AUTH TLS": (431, 431, 431, (226, 431), 431, 431),
    "AUTH KERBEROS_V4": (504, 504, 504, (226, 504), 504, 504),
    "PBSZ 0": (503, 503, 503, (226, 503), 503, 503),
    "PROT P": (503, 503, 503, (226, 503), 503, 503),
    "CCC": (533, 533, 533, (226, 533), 533, 533),
    "SMNT x": (502, 502, 502, (226, 502), 502, 502),
    "WHAT x": (500, 500, 500, (226, 500), 500, 500),
}

_serial = count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("table") / "service") as service:
        yield service


def user_of(service: Service) -> str:
    """A user with a world of its own: one state of one verb changes nothing for the others."""
    name = f"user{next(_serial)}"
    service.add_user(name)
    home: Path = service.home(name)
    (home / "file").write_bytes(b"content")
    (home / "empty").mkdir()
    return name


@pytest.mark.parametrize("line", ANSWERS)
def test_every_verb_has_its_reply_in_every_state(shared: Service, line: str) -> None:
    visitor, named, member, transfer, renaming, restarting = ANSWERS[line]
    with Wire.greeted(shared) as wire:
        wire.say(line) >> visitor
    with Wire.greeted(shared) as wire:
        wire.say(f"USER {user_of(shared)}") >> 331
        wire.say(line) >> named
    for state, prepare, code in (
        ("member", "NOOP", member),
        ("renaming", "RNFR file", renaming),
        ("restarting", "REST 2", restarting),
    ):
        with Wire.member(shared, user_of(shared)) as wire:
            wire.say(prepare)
            assert wire.say(line).code == code, state
    with Wire.member(shared, user_of(shared)) as wire:
        assert during_a_transfer(wire, line, waits=transfer[0] == 226) == transfer


def during_a_transfer(wire: Wire, line: str, waits: bool) -> tuple[int, ...]:
    with wire.extended() as data:
        wire.say("STOR upload") >> 150
        data.sendall(b"begun")
        wire.tell(line)
        first = () if waits else (wire.hear().code,)
        if not waits and first == (426,):
            return (*first, wire.hear().code)
    return (*first, wire.hear().code) if not waits else (wire.hear().code, wire.hear().code)


def test_the_table_of_states_leaves_no_verb_out() -> None:
    said = {line.split()[0] for line in ANSWERS}
    assert set(verbs.verbs()) - said == set()
    subcommands = {line.split()[1] for line in ANSWERS if line.startswith("SITE ")}
    assert set(site_verbs.verbs()) - subcommands == set()


def test_nothing_that_exists_is_answered_502() -> None:
    assert not [line for line, codes in ANSWERS.items() if 502 in codes and line.split()[0] in verbs.verbs()]


def _hello(peer: Peer, argument: str) -> Reply:
    return Reply(200, (f"Hello {argument}.",))


def test_a_decorated_handler_becomes_a_row_and_stays_what_it_is() -> None:
    table = Table()
    returned = table.anyone("HELO", text, "HELO <name>", aliases=("EHLO",), features=("HELO",))(_hello)
    assert returned is _hello
    row = table.get("HELO")
    assert row is not None
    assert (row.verb, row.audience, row.syntax) == ("HELO", Audience.ANYONE, "HELO <name>")
    assert table.get("EHLO") is row
    assert table.get("helo") is None
    assert table.verbs() == ["EHLO", "HELO"]
    assert list(table) == [row], "a row with an alias is one row"


def test_a_row_is_modest_by_default() -> None:
    row = Row("X", _hello, text, Audience.MEMBER, "X")
    assert row.permission is None
    assert row.features == ()
    assert not row.prepares
    assert row.says is None
    assert row.takes == ()
    assert row.interrupt is Interrupt.WAITS


def test_a_verb_cannot_stand_twice_not_even_as_an_alias() -> None:
    table, other = Table(), Table()
    table.anyone("HELO", text, "HELO")(_hello)
    other.anyone("EHLO", text, "EHLO", aliases=("HELO",))(_hello)
    with pytest.raises(ValueError, match="HELO stands twice"):
        table.merge(other)


def test_merging_takes_every_row_with_its_aliases() -> None:
    table, topic = Table(), Table()
    topic.member("A", nothing, "A", aliases=("XA",), permission=Permission.READ)(
        lambda peer, argument: Reply(200, ("",))
    )
    topic.visitor("B", nothing, "B")(lambda peer, argument: Reply(200, ("",)))
    table.merge(topic)
    assert table.verbs() == ["A", "B", "XA"]
    assert [row.audience for row in table] == [Audience.MEMBER, Audience.VISITOR]


def test_every_row_has_a_syntax_that_begins_with_its_verb() -> None:
    for row in verbs:
        assert row.syntax.split()[0] == row.verb
    for row in site_verbs:
        assert row.syntax.split()[:2] == ["SITE", row.verb]

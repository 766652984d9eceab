"""Sessions and visitors as values."""

from ftpserver.session import Link, Session, Type, Visitor
from ftpwire.facts import FACTS
from ftpwire.pathname import ROOT
from tests.playbook import Playbook


def test_a_link_begins_in_clear() -> None:
    link = Link(1, ("127.0.0.1", 1), ("127.0.0.1", 21))
    assert (link.secure, link.private, link.buffer_size_said, link.client) == (False, False, False, "")


def test_a_visitor_has_nothing_but_his_link() -> None:
    visitor = Visitor(Link(1, ("127.0.0.1", 1), ("127.0.0.1", 21)))
    assert visitor.name is None
    assert visitor.failures == 0
    assert not hasattr(visitor, "home")


def test_a_session_begins_as_rfc_959_says(playbook: Playbook) -> None:
    playbook.add_user("ada")
    playbook.say("USER ada") >> 331
    playbook.say("PASS correct horse 7") >> 230
    session = playbook.session
    assert isinstance(session, Session)
    assert session.link is playbook.link
    assert (session.cwd, session.type, session.restart, session.expected) == (ROOT, Type.ASCII, 0, 0)
    assert session.rename_from is None
    assert not session.extended_only
    assert session.facts == frozenset(FACTS)
    assert not session.port.ready


def test_two_sessions_share_nothing_that_can_be_changed(playbook: Playbook) -> None:
    playbook.login("ada")
    first = playbook.session
    first.cwd = ROOT.child("x")
    playbook.say("REIN") >> 220
    playbook.login("ada")
    assert playbook.session is not first
    assert playbook.session.cwd == ROOT

"""Who is at the other end: a Visitor, whom login turns into a Session that owns its world.

A `Link` is what both have: the facts of the control connection. A visitor has nothing else but a name that
was said with USER. A session has an account, a home (jailed files and books), a working directory and the
transfer parameters of RFC 959 section 5; nothing in it is Optional that a member could need. All are plain
values: nothing here reads or writes a socket; its `port` is what PASV and PORT set up for the next transfer.
"""

from dataclasses import dataclass, field
from enum import Enum

from ftpserver.accounts.account import Account
from ftpserver.data.port import SessionPort
from ftpserver.home import Home
from ftpwire.facts import FACTS
from ftpwire.pathname import ROOT, VirtualPath

Address = tuple[str, int]


class Type(Enum):
    """The representation type (RFC 959 section 3.1.1); LOCAL 8 is IMAGE."""

    ASCII = "A"
    IMAGE = "I"


@dataclass(slots=True)
class Link:
    """One control connection: the two ends and what protects it."""

    number: int
    """Unique in the service's life; the session's name in the log and for `kick`."""
    peer: Address
    local: Address
    tls_offered: bool = False
    tls_required: bool = False
    secure: bool = False
    """TLS protects the control connection."""
    private: bool = False
    """TLS protects data connections (PROT P)."""
    ticket_used_up: bool = False
    """An upload has used a TLS 1.3 ticket, and brought no new one (see tls.py)."""
    says_close_notify: bool = False
    """The client has ended a data connection with close_notify, so one without it is cut."""
    buffer_size_said: bool = False
    """PBSZ was said, as RFC 4217 section 9 asks before PROT."""
    client: str = ""
    """What CLNT or CSID called the client."""


@dataclass(slots=True)
class Visitor:
    """Somebody who has not logged in."""

    link: Link
    name: str | None = None
    """What USER said, if it was the last command that counts."""
    failures: int = 0


@dataclass(slots=True)
class Session:
    """A member: an account with its home and the parameters of its next transfer."""

    link: Link
    account: Account
    home: Home
    port: SessionPort
    cwd: VirtualPath = ROOT
    type: Type = Type.ASCII
    restart: int = 0
    """Where the next transfer starts (REST)."""
    expected: int = 0
    """How long the next upload will be (ALLO)."""
    rename_from: VirtualPath | None = None
    extended_only: bool = False
    """EPSV ALL was said (RFC 2428 section 4)."""
    facts: frozenset[str] = field(default=frozenset(FACTS))
    """What MLST and MLSD tell."""


Peer = Visitor | Session

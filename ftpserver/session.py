"""Who is at the other end: a Visitor, whom login turns into a Session that owns its world.

A `Link` is what both have: the facts of the control connection. A visitor has nothing else but a name that
was said with USER. A session has an account, a home (jailed files and books), a working directory and the
transfer parameters of RFC 959 section 5; nothing in it is Optional that a member could need. All are plain
values: nothing here reads or writes a socket; its `port` is what PASV and PORT set up for the next transfer.
"""

import contextlib
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal
from unicodedata import normalize

from ftpserver.accounts.account import Account
from ftpserver.data.digest import HASHES
from ftpserver.data.port import SessionPort
from ftpserver.home import Home
from ftpserver.quota.base import Grant, LedgerFault
from ftpwire.charset import Charset
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
    deflate: Literal["off", "accept", "advertise"] = "accept"
    """Whether MODE Z can be had, and whether FEAT says so."""
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
    utf8_said: bool = False
    """OPTS UTF8 ON was said."""
    charset: Charset | None = None
    """How names are told to a client that knows no UTF-8."""
    announced: str | None = None
    """The address that clients connect to, when a balancer has told it."""
    client: str = ""
    """What CLNT or CSID called the client."""


@dataclass(slots=True)
class Visitor:
    """Somebody who has not logged in."""

    link: Link
    name: str | None = None
    """What USER said, if it was the last command that counts."""
    failures: int = 0


class Said(Enum):
    """What a command says for a later one, which uses it up."""

    PLACE = "REST, RANG"
    SIZE = "ALLO"
    OLD_NAME = "RNFR"
    SOURCE = "CPFR"


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
    promise: Grant | None = None
    """The room that ALLO has reserved for the next upload."""
    rename_from: VirtualPath | None = None
    copy_from: VirtualPath | None = None
    range: tuple[int, int] | None = None
    """First and last byte of the next RETR or HASH (RANG)."""
    hash_name: str = HASHES[0]
    """What HASH computes (OPTS HASH)."""
    deflate_level: int = 6
    idle_limit: float = 300.0
    """Seconds without a command that the administrator allows."""
    idle_seconds: float | None = None
    """A shorter idle time-out that the client has asked for (SITE IDLE)."""
    deflate: bool = False
    """MODE Z: data is compressed on its way."""
    warned: int = 0
    """The quota threshold in percent that the user was told of last."""
    extended_only: bool = False
    """EPSV ALL was said (RFC 2428 section 4)."""
    facts: frozenset[str] = field(default=frozenset(FACTS))
    """What MLST and MLSD tell."""

    def one_spelling(self, text: str) -> str:
        """A name or pattern to be compared with others, in the spelling that all of them share (normalize: nfc)."""
        return text if self.account.normalize is None else normalize("NFC", text)

    def forget(self, said: Said) -> None:
        """It was used up, or was said anew and wrongly."""
        match said:
            case Said.PLACE:
                self.restart, self.range = 0, None
            case Said.SIZE:
                self.expected = 0
                self.drop_promise()
            case Said.OLD_NAME:
                self.rename_from = None
            case Said.SOURCE:
                self.copy_from = None

    def drop_promise(self) -> None:
        """What ALLO has reserved is not needed any more, or is about to be reserved by the upload itself."""
        promise, self.promise = self.promise, None
        if promise is not None:
            with contextlib.suppress(LedgerFault):  # then it is held until the process ends
                promise.release()


Peer = Visitor | Session

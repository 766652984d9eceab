"""What a command comes to, as data: handlers return it, `control` carries it out.

Reply           say this
Recite          say a long answer on the control connection, line by line as it is made (STAT of a directory)
Send            send a file over the data connection
Tell            send a text that is made as it is sent over the data connection (LIST, NLST, MLSD)
Receive         take a file from the data connection
Identify        somebody says who he is (USER); login.py answers
Login           check this name and password (login.py); what comes of it is the outcome
Admit           the login succeeded: the visitor becomes this session
Restart         back to the state before login (REIN)
Secure          begin TLS on the control connection after the reply
Unsecure        end TLS on the control connection after the reply (CCC)
Leave           say this and close
Later           do this on a thread, as it may take long; what it returns is the outcome
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field

from ftpserver.session import Session
from ftpserver.storage.base import Source
from ftpserver.upload import Upload
from ftpwire.pathname import VirtualPath
from ftpwire.reply import Reply


@dataclass(frozen=True, slots=True)
class Recite:
    """`opening` and `closing` are the first and the last line of one reply; the lines between come from `lines`."""

    code: int
    opening: str
    lines: Iterator[str]
    closing: str


@dataclass(slots=True)
class Send:
    """The bytes of `source` from its offset on; as text with network line ends when `text`."""

    source: Source
    path: VirtualPath
    text: bool
    opening: Reply
    after_cr: bool = False
    """As text: whether the byte that the client has last is a CR."""


@dataclass(slots=True)
class Tell:
    """Lines in UTF-8 with their ends, in chunks that are made lazily.

    The first is made at once, if it is quick to make; making those after it may block, so `control` asks for them off
    the loop.
    """

    chunks: Generator[bytes, None, None]
    opening: Reply
    what: str
    quick: bool = True
    """Whether the first chunk is: a pattern may have to look through everything for it."""


@dataclass(slots=True)
class Receive:
    """Take a file into `upload`; as text with network line ends when `text`. `name` is told in the reply (STOU)."""

    upload: Upload
    path: VirtualPath
    text: bool
    opening: Reply
    name: str = field(default="")


@dataclass(frozen=True, slots=True)
class Identify:
    """The name that USER said."""

    name: str


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password to check."""

    name: str
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Admit:
    """The login succeeded."""

    session: Session
    reply: Reply


@dataclass(frozen=True, slots=True)
class Restart:
    """Back to the state before login; what TLS protects stays protected (RFC 4217 section 11)."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Secure:
    """Begin TLS after the reply; `private`: for data connections as well."""

    reply: Reply
    private: bool


@dataclass(frozen=True, slots=True)
class Unsecure:
    """End TLS after the reply."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Leave:
    """Say this and close the control connection."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Later:
    """Work for a thread."""

    work: "Callable[[], Outcome]"


Outcome = (
    Reply
    | Recite
    | Send
    | Tell
    | Receive
    | Identify
    | Login
    | Admit
    | Restart
    | Secure
    | Unsecure
    | Leave
    | Later
)

"""Transfer parameters: TYPE STRU MODE PASV EPSV PORT EPRT REST ALLO (RFC 959 section 4.1.2, RFC 2428, RFC 3659).

What is not implemented gets 504, never 502, so that a device that sends it goes on (RFC 1123 section 4.1.2.12).
"""

from ipaddress import ip_address

from ftpserver.commands.arguments import nothing, number, read_number, text, word
from ftpserver.commands.table import Table
from ftpserver.outcome import Outcome
from ftpserver.quota.base import QuotaExceeded, Uncounted
from ftpserver.refusal import refuse
from ftpserver.session import Address, Peer, Said, Session, Type
from ftpwire.address import (
    decode_extended,
    decode_host_port,
    encode_epsv,
    encode_host_port,
)
from ftpwire.reply import Reply

table = Table()

_TYPES = {
    "A": Type.ASCII,
    "A N": Type.ASCII,
    "A T": Type.ASCII,
    "I": Type.IMAGE,
    "L 7": Type.ASCII,
    "L7": Type.ASCII,
    "L8": Type.IMAGE,
    "L 8": Type.IMAGE,
}
_LOWEST_PORT = 1024


@table.member("TYPE", word, "TYPE A [N|T] | I | L 8")
def type_(session: Session, code: str) -> Outcome:
    """ASCII converts line ends, IMAGE and LOCAL 8 leave every byte as it is."""
    chosen = _TYPES.get(" ".join(code.split()))
    if chosen is None:
        raise refuse(504, "Types are A, I and L 8.")
    session.type = chosen
    return Reply(200, (f"Type is {'ASCII' if chosen is Type.ASCII else 'IMAGE (binary)'}.",))


@table.member("STRU", word, "STRU F")
def stru(session: Session, code: str) -> Outcome:
    """Files have no structure here."""
    if code != "F":
        raise refuse(504, "The only structure is F (file).")
    return Reply(200, ("Structure is file.",))


def _mode_feature(peer: Peer) -> str | None:
    return "MODE Z" if peer.link.deflate == "advertise" else None


@table.member("MODE", word, "MODE S | Z", features=(_mode_feature,))
def mode(session: Session, code: str) -> Outcome:
    """Data is a stream, or a compressed stream."""
    if code not in ("S", "Z") or (code == "Z" and session.link.deflate == "off"):
        raise refuse(504, "Modes are S (stream) and Z (deflate).")
    session.deflate = code == "Z"
    return Reply(200, (f"Mode is {'deflate' if session.deflate else 'stream'}.",))


@table.member("PASV", nothing, "PASV", prepares=True)
def pasv(session: Session, argument: None) -> Outcome:
    """Await a data connection over IPv4."""
    if session.extended_only:
        raise refuse(501, "EPSV ALL was sent: only EPSV is allowed now.")
    if ":" in session.link.local[0]:
        raise refuse(522, "PASV is for IPv4 only, use EPSV.")
    host, port = session.port.listen()
    return Reply(227, (f"Entering Passive Mode ({encode_host_port(host, port)}).",))


@table.member("EPSV", text, "EPSV [1|2|ALL]", features=("EPSV",), prepares=True)
def epsv(session: Session, argument: str) -> Outcome:
    """Await a data connection over the network that the control connection uses."""
    choice = argument.strip(" ").upper()
    if choice == "ALL":
        session.extended_only = True
        return Reply(200, ("EPSV ALL: other data connection commands are refused from now on.",))
    ours = "2" if ":" in session.link.local[0] else "1"
    if choice not in ("", ours):
        if choice.isascii() and choice.isdigit():
            raise refuse(522, f"Network protocol not supported, use ({ours}).")
        raise refuse(501, "EPSV takes nothing, the number of a network protocol or ALL.")
    _host, port = session.port.listen()
    return Reply(229, (f"Entering Extended Passive Mode ({encode_epsv(port)})",))


@table.member("PORT", text, "PORT <h1,h2,h3,h4,p1,p2>", prepares=True)
def port(session: Session, argument: str) -> Outcome:
    """Connect to the client at the next transfer."""
    return _aim(session, decode_host_port(argument.strip(" ")))


@table.member("EPRT", text, "EPRT <|family|address|port|>", features=("EPRT",), prepares=True)
def eprt(session: Session, argument: str) -> Outcome:
    """Connect to the client at the next transfer, over IPv4 or IPv6."""
    return _aim(session, decode_extended(argument.strip(" ")))


def _aim(session: Session, address: Address) -> Outcome:
    """Only the peer itself, never a low port: nobody is bounced to another machine or service (RFC 2577)."""
    if session.extended_only:
        raise refuse(501, "EPSV ALL was sent: only EPSV is allowed now.")
    host, port = address
    if ip_address(host) != ip_address(session.link.peer[0].partition("%")[0]):
        raise refuse(501, "Data connections go to your own address only.")
    if port < _LOWEST_PORT:
        raise refuse(501, f"Data connections go to port {_LOWEST_PORT} and above only.")
    session.port.aim((session.link.peer[0], port))
    return Reply(200, ("Command okay.",))


@table.member("REST", number, "REST <bytes>", features=("REST STREAM",), prepares=True, says=Said.PLACE)
def rest(session: Session, offset: int) -> Outcome:
    """Where the next transfer starts."""
    session.restart = offset
    return Reply(350, (f"Restarting at {offset}; send STOR or RETR.",))


@table.member("ALLO", text, "ALLO <bytes> [R <record size>]", prepares=True, says=Said.SIZE)
def allo(session: Session, argument: str) -> Outcome:
    """How long the next upload will be: it is then refused before its first byte when there is no room for it.

    The room is kept for it, for a while. Only what can never fit is refused here, as what is too much for a new file
    may be right for one that replaces another.
    """
    size = read_number(argument.strip(" ").partition(" ")[0])
    limit = session.home.tally.limits.bytes
    if limit is not None and size > limit:
        raise refuse(552, f"Quota exceeded: need {size} bytes, the quota is {limit}.")
    if size > session.home.storage.free_bytes() + _replaceable(session):
        raise refuse(452, "The disk is full; tell the administrator.")
    session.expected = size
    session.drop_promise()
    try:
        session.promise = session.home.tally.reserve(bytes=size)
    except QuotaExceeded:
        return Reply(200, ("There is no room for that much but in place of a file.",))
    return Reply(200, ("Command okay.",))


def _replaceable(session: Session) -> int:
    try:
        return session.home.usage().bytes
    except Uncounted:
        return 0

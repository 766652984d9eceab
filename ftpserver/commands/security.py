"""Security: AUTH PBSZ PROT CCC (RFC 4217 on top of RFC 2228).

AUTH TLS, its alias TLS-C and the old SSL begin TLS on the control connection; "SSL" and "TLS-P" protect data
connections as well, as the drafts that old clients follow say. A login made before is forgotten (RFC 2228
section 3), as nobody knows who heard it.
"""

from collections.abc import Callable

from ftpserver.commands.arguments import nothing, word
from ftpserver.commands.table import Table
from ftpserver.outcome import Outcome, Secure, Unsecure
from ftpserver.refusal import refuse
from ftpserver.session import Peer
from ftpwire.reply import Reply

table = Table()

_MECHANISMS = {"TLS": False, "TLS-C": False, "SSL": True, "TLS-P": True}


def _when_offered(line: str) -> Callable[[Peer], str | None]:
    """A FEAT line that stands only where TLS can be had."""
    return lambda peer: line if peer.link.tls_offered else None


@table.anyone("AUTH", word, "AUTH TLS", features=(_when_offered("AUTH TLS"),))
def auth(peer: Peer, mechanism: str) -> Outcome:
    """Begin TLS."""
    if mechanism not in _MECHANISMS:
        raise refuse(504, "The only mechanism is TLS.")
    if not peer.link.tls_offered:
        raise refuse(431, "TLS is not available: the server has no certificate.")
    if peer.link.secure:
        raise refuse(503, "TLS is on already.")
    return Secure(Reply(234, ("Begin the TLS handshake.",)), private=_MECHANISMS[mechanism])


@table.anyone("PBSZ", word, "PBSZ 0", features=(_when_offered("PBSZ"),))
def pbsz(peer: Peer, size: str) -> Outcome:
    """TLS buffers for itself, so the size is 0 whatever was asked (RFC 4217 section 9)."""
    if not peer.link.secure:
        raise refuse(503, "Send AUTH TLS first.")
    if not (size.isascii() and size.isdigit()):
        raise refuse(501, "A number is needed: PBSZ 0.")
    peer.link.buffer_size_said = True
    return Reply(200, ("PBSZ=0",))


@table.anyone("PROT", word, "PROT P | C", features=(_when_offered("PROT"),))
def prot(peer: Peer, level: str) -> Outcome:
    """Whether data connections are protected."""
    if not peer.link.secure:
        raise refuse(503, "Send AUTH TLS first.")
    if not peer.link.buffer_size_said:
        raise refuse(503, "Send PBSZ 0 first.")
    if level in ("S", "E"):
        raise refuse(536, "TLS protects wholly or not at all: P or C.")
    if level not in ("P", "C"):
        raise refuse(504, "Levels are P (private) and C (clear).")
    if level == "C" and peer.link.tls_required:
        raise refuse(534, "This server takes protected data connections only.")
    peer.link.private = level == "P"
    return Reply(200, (f"Data connections are {'private' if level == 'P' else 'clear'}.",))


@table.anyone("CCC", nothing, "CCC", features=(_when_offered("CCC"),))
def ccc(peer: Peer, argument: None) -> Outcome:
    """End TLS on the control connection, for firewalls that must read along; data connections stay protected."""
    if not peer.link.secure:
        raise refuse(533, "The control connection is clear already.")
    if peer.link.tls_required:
        raise refuse(534, "This server takes protected control connections only.")
    return Unsecure(Reply(200, ("The control connection is clear from now on.",)))

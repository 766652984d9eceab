"""Access control: USER PASS ACCT REIN QUIT (RFC 959 section 4.1.1)."""

from ftpserver.commands.arguments import nothing, text
from ftpserver.commands.table import Table
from ftpserver.outcome import Identify, Leave, Login, Outcome, Restart
from ftpserver.refusal import refuse
from ftpserver.session import Peer, Visitor
from ftpwire.reply import Reply

table = Table()


@table.anyone("USER", text, "USER <name>")
def user(peer: Peer, name: str) -> Outcome:
    """Begin a login; of a member too, whose session ends with it (RFC 959 allows USER at any point)."""
    if not name:
        raise refuse(501, "A user name is needed.")
    return Identify(name)


@table.visitor("PASS", text, "PASS <password>")
def pass_(visitor: Visitor, password: str) -> Outcome:
    """Finish a login."""
    name, visitor.name = visitor.name, None
    if name is None:
        raise refuse(503, "Send USER first.")
    return Login(name, password.encode("utf-8", "surrogateescape"))


@table.anyone("ACCT", text, "ACCT <account>")
def acct(peer: Peer, account: str) -> Outcome:
    """Nothing here needs an account beside the name."""
    return Reply(202, ("No account is needed.",))


@table.anyone("REIN", nothing, "REIN")
def rein(peer: Peer, argument: None) -> Outcome:
    """Forget the login; the control connection stays (RFC 959), and so does its TLS (RFC 4217 section 11)."""
    return Restart(Reply(220, ("Ready for a new user.",)))


@table.anyone("QUIT", nothing, "QUIT")
def quit_(peer: Peer, argument: None) -> Outcome:
    """Close, after the transfer if one runs."""
    return Leave(Reply(221, ("Goodbye.",)))

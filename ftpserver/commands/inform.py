"""What a client asks about the server: FEAT OPTS SYST HELP NOOP STAT CLNT AVBL (RFC 959, RFC 2389, RFC 2640)."""

import re

from ftpserver import __version__
from ftpserver.accounts.account import Permission
from ftpserver.commands.arguments import nothing, optional_path, text, word
from ftpserver.commands.listing import list_lines, request
from ftpserver.commands.table import Interrupt, Table
from ftpserver.data.digest import HASHES
from ftpserver.outcome import Outcome, Recite
from ftpserver.refusal import refuse
from ftpserver.session import Peer, Session, Visitor
from ftpwire.facts import FACTS, parse_selection
from ftpwire.pathname import VirtualPath
from ftpwire.reply import Reply

table = Table()

_HOST = re.compile(r"[A-Z0-9._-]{1,253}|\[[0-9A-F:.]{2,45}\]|[0-9A-F:.]{2,45}")  # lftp omits the brackets


@table.anyone("NOOP", text, "NOOP")
def noop(peer: Peer, argument: str) -> Outcome:
    """Nothing."""
    return Reply(200, ("Command okay.",))


@table.anyone("SYST", nothing, "SYST")
def syst(peer: Peer, argument: None) -> Outcome:
    """What clients look at to choose a listing parser."""
    return Reply(215, ("UNIX Type: L8",))


@table.anyone("CLNT", text, "CLNT <name of the client>", features=("CLNT",))
def clnt(peer: Peer, name: str) -> Outcome:
    """The client tells its name, for the log."""
    peer.link.client = name
    return Reply(200, ("Noted.",))


def _opts(peer: Peer, argument: str) -> tuple[str, str]:
    option, _, value = argument.strip(" ").partition(" ")
    if not option:
        raise refuse(501, "OPTS needs a command.")
    return option.upper(), value.strip(" ")


@table.anyone(
    "OPTS", _opts, "OPTS UTF8 ON | MLST [facts] | HASH [algorithm] | MODE Z LEVEL <1-9>", features=("UTF8",)
)
def opts(peer: Peer, option: tuple[str, str]) -> Outcome:
    """Options of a verb (RFC 2389 section 4)."""
    verb, value = option
    if verb in ("UTF8", "UTF-8"):
        if value.upper() not in ("", "ON", "NLST"):
            raise refuse(504, "UTF-8 is always on.")
        peer.link.utf8_said = True
        peer.link.charset = None
        return Reply(200, ("UTF-8 is on.",))
    if verb == "MLST":
        if not isinstance(peer, Session):
            raise refuse(530, "Log in with USER and PASS.")
        peer.facts = parse_selection(value)
        return Reply(200, (_chosen_facts(peer.facts),))
    if verb == "MODE":
        return _choose_level(peer, value)
    if verb == "HASH":
        return _choose_hash(peer, value)
    raise refuse(501, f"{verb if verb.isascii() and verb.isalnum() else 'It'} has no options.")


def _choose_level(peer: Peer, value: str) -> Outcome:
    words = value.upper().split()
    if not isinstance(peer, Session):
        raise refuse(530, "Log in with USER and PASS.")
    if len(words) != 3 or words[:2] != ["Z", "LEVEL"] or words[2] not in "123456789" or len(words[2]) != 1:
        raise refuse(501, "OPTS MODE Z LEVEL 1 to 9.")
    peer.deflate_level = int(words[2])
    return Reply(200, (f"MODE Z LEVEL set to {words[2]}.",))


def _choose_hash(peer: Peer, name: str) -> Outcome:
    if not isinstance(peer, Session):
        raise refuse(530, "Log in with USER and PASS.")
    if name:
        if name.upper() not in HASHES:
            raise refuse(504, f"HASH knows {', '.join(HASHES)}.")
        peer.hash_name = name.upper()
    return Reply(200, (peer.hash_name,))


def _chosen_facts(facts: frozenset[str]) -> str:
    """RFC 3659 section 7.8: "MLST OPTS" and the facts in force, in our order."""
    chosen = "".join(f"{fact};" for fact in FACTS if fact in facts)
    return f"MLST OPTS {chosen}".rstrip(" ")


@table.anyone("STAT", text, "STAT [path]", interrupt=Interrupt.ANSWERS)
def stat(peer: Peer, argument: str) -> Outcome:
    """The state of the connection; with a path, its listing on the control connection."""
    if argument:
        if not isinstance(peer, Session):
            raise refuse(530, "Log in with USER and PASS.")
        peer.home.need(Permission.LIST)
        return Recite(213, "Status follows:", list_lines(peer, request(peer, argument)), "End of status.")
    lines = [f"Connected from {peer.link.peer[0]} port {peer.link.peer[1]}."]
    if isinstance(peer, Session):
        lines.append(f"Logged in as {peer.account.name}; the current directory is {peer.cwd.text}")
        representation, mode = peer.type.name, "deflate" if peer.deflate else "stream"
        lines.append(f"TYPE: {representation}; STRU: file; MODE: {mode}")
        lines.append(f"Data connections: {'TLS' if peer.link.private else 'plain'}")
    else:
        lines.append("Not logged in.")
    lines.append(f"Control connection: {'TLS' if peer.link.secure else 'plain'}")
    if peer.link.client:
        lines.append(f"Client: {peer.link.client}")
    return Reply(211, ("Status of the FTP server:", *lines, "End of status."))


@table.anyone("CSID", text, "CSID <Name=...; Version=...;>", features=("CSID",))
def csid(peer: Peer, facts: str) -> Outcome:
    """Client and server tell each other what they are (draft-peterson-streamlined-ftp-command-extensions)."""
    peer.link.client = facts
    return Reply(200, (f"Name=ftpserver; Version={__version__}; OS=Unix; CaseSensitive=1; DirSep=/;",))


@table.anyone("LANG", text, "LANG [EN]", features=("LANG EN*",))
def lang(peer: Peer, language: str) -> Outcome:
    """Replies are in English, which is the default that nothing means (RFC 2640 section 4.1)."""
    if language.strip(" ").upper().partition("-")[0] not in ("", "EN"):
        raise refuse(504, "Replies are in English only: LANG EN.")
    return Reply(200, ("Replies are in English.",))


@table.visitor("HOST", word, "HOST <name>", features=("HOST",))
def host(visitor: Visitor, name: str) -> Outcome:
    """Which of several names of the server the client means (RFC 7151); all mean the same one here."""
    if not _HOST.fullmatch(name):
        raise refuse(501, "A host name, or an address in brackets, is needed.")
    return Reply(220, ("Host accepted.",))


@table.member("AVBL", optional_path, "AVBL [path]", features=("AVBL",))
def avbl(session: Session, target: VirtualPath) -> Outcome:
    """How many more bytes may be stored: what the quota and the disk leave (draft-peterson-streamlined-ftp)."""
    session.home.stat(target)
    return Reply(213, (str(session.home.free_bytes()),))

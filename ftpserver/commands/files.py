"""Files by name: DELE RNFR RNTO SIZE MDTM MFMT (RFC 959 section 4.1.3, RFC 3659 sections 3 and 4, draft-somers)."""

from ftpserver.accounts.account import Permission
from ftpserver.commands.arguments import path, read_mode, text, timed_path
from ftpserver.commands.table import Table
from ftpserver.data.text import network_size
from ftpserver.outcome import Later, Outcome
from ftpserver.refusal import refuse
from ftpserver.session import Said, Session, Type
from ftpwire.entry import Entry, Kind
from ftpwire.errors import LocalError
from ftpwire.pathname import VirtualPath
from ftpwire.reply import Reply
from ftpwire.timeval import decode_timeval, encode_timeval

table = Table()


@table.member("DELE", path, "DELE <path>", permission=Permission.DELETE, changes=True)
def dele(session: Session, target: VirtualPath) -> Outcome:
    """Remove a file, a link or whatever else has a name and is no directory."""
    session.home.remove_file(target)
    return Reply(250, ("File removed.",))


@table.member("RNFR", path, "RNFR <path>", permission=Permission.RENAME, says=Said.OLD_NAME)
def rnfr(session: Session, target: VirtualPath) -> Outcome:
    """What the next command, RNTO, will rename."""
    session.home.stat(target, follow=False)
    session.rename_from = target
    return Reply(350, ("Ready for RNTO.",))


@table.member("RNTO", path, "RNTO <path>", permission=Permission.RENAME, changes=True, takes=(Said.OLD_NAME,))
def rnto(session: Session, target: VirtualPath) -> Outcome:
    """Rename what RNFR named."""
    if session.rename_from is None:
        raise refuse(503, "Send RNFR first.")
    session.home.rename(session.rename_from, target)
    return Reply(250, ("Renamed.",))


@table.member("SIZE", path, "SIZE <path>", features=("SIZE",), permission=Permission.LIST)
def size(session: Session, target: VirtualPath) -> Outcome:
    """How many bytes RETR would send now; in ASCII that has to be counted (RFC 3659 section 4)."""
    entry = _file(session, target)
    if session.type is Type.IMAGE:
        return Reply(213, (str(entry.size),))
    return Later(lambda: _text_size(session, target))


def _text_size(session: Session, target: VirtualPath) -> Outcome:
    source = session.home.open_source(target)
    try:
        return Reply(213, (str(network_size(source.fd, session.home.go_on)),))
    finally:
        source.close()


@table.member("MDTM", text, "MDTM [YYYYMMDDHHMMSS] <path>", features=("MDTM",), permission=Permission.LIST)
def mdtm(session: Session, argument: str) -> Outcome:
    """When a file was modified; old clients set the time with the same verb."""
    if not argument:
        raise refuse(501, "A path is needed.")
    try:
        target = VirtualPath.resolve(session.cwd, argument)
        entry = _file(session, target)
    except FileNotFoundError:
        time, blank, name = argument.partition(" ")
        if not blank or not time.isdigit():
            raise
        return _modify(session, time, VirtualPath.resolve(session.cwd, name))
    try:
        return Reply(213, (encode_timeval(entry.modified or 0),))
    except LocalError:
        raise refuse(550, "Its time is beyond any calendar.") from None


@table.member(
    "MFMT", timed_path, "MFMT <YYYYMMDDHHMMSS> <path>", features=("MFMT",), permission=Permission.ATTRIBUTES
)
def mfmt(session: Session, argument: tuple[str, VirtualPath]) -> Outcome:
    """Set when a file was modified."""
    time, target = argument
    return _modify(session, time, target)


def _facts_and_path(session: Session, argument: str) -> tuple[dict[str, str], VirtualPath]:
    facts, blank, name = argument.partition("; ")
    pairs = [fact.partition("=") for fact in facts.split(";")]
    if not blank or not name or not all(key and value for key, _, value in pairs):
        raise refuse(501, "Facts and a path are needed: MFF modify=YYYYMMDDHHMMSS;UNIX.mode=0644; name.")
    return {key.lower(): value for key, _, value in pairs}, VirtualPath.resolve(session.cwd, name)


@table.member(
    "MFF",
    _facts_and_path,
    "MFF <fact=value;...> <path>",
    features=("MFF modify;UNIX.mode;",),
    permission=Permission.ATTRIBUTES,
)
def mff(session: Session, argument: tuple[dict[str, str], VirtualPath]) -> Outcome:
    """Set facts of a file: all of them, or none when one cannot be set."""
    facts, target = argument
    if set(facts) - {"modify", "unix.mode"}:
        raise refuse(504, "Only the facts modify and UNIX.mode can be set.")
    told, seconds = "", None
    if "modify" in facts:
        seconds = decode_timeval(facts["modify"])
        told = f"modify={encode_timeval(seconds)};"
    if "unix.mode" in facts:
        mode = read_mode(facts["unix.mode"], "UNIX.mode is three octal digits, perhaps after a 0.")
        told += f"UNIX.mode={mode:04o};"
        session.home.set_mode(target, mode, seconds)
    elif seconds is not None:
        session.home.set_modified(target, seconds)
    return Reply(213, (f"{told} {target.text}",))


@table.member("MFCT", timed_path, "MFCT <YYYYMMDDHHMMSS> <path>", permission=Permission.ATTRIBUTES)
def mfct(session: Session, argument: tuple[str, VirtualPath]) -> Outcome:
    """Set when a file was created: Linux keeps that time and lets nobody set it, so this says why not."""
    time, target = argument
    decode_timeval(time)
    session.home.stat(target)
    raise refuse(550, "The system does not let the creation time be set; use MFMT for the modification time.")


def _modify(session: Session, time: str, target: VirtualPath) -> Outcome:
    session.home.need(Permission.ATTRIBUTES)
    seconds = decode_timeval(time)
    session.home.set_modified(target, seconds)
    return Reply(213, (f"Modify={encode_timeval(seconds)}; {target.text}",))


def _file(session: Session, target: VirtualPath) -> Entry:
    entry = session.home.stat(target)
    if entry.kind is not Kind.FILE:
        raise refuse(550, "Not a regular file.")
    return entry

"""Integrity: HASH and RANG (draft-bryan-ftpext-hash), XCRC XMD5 XSHA1 XSHA256 XSHA512 of older clients.

A hash reads the whole file, so it is computed on a thread; TCP keepalive holds the quiet control connection open
meanwhile. RANG limits the next HASH or RETR to some bytes.
"""

import re
from dataclasses import dataclass

from ftpserver.accounts.account import Permission
from ftpserver.commands.arguments import path, read_number
from ftpserver.commands.table import Table
from ftpserver.data.digest import HASHES, digest
from ftpserver.outcome import Later, Outcome
from ftpserver.refusal import refuse
from ftpserver.session import Peer, Said, Session
from ftpwire.pathname import VirtualPath
from ftpwire.reply import Reply

table = Table()

_RANGE = re.compile(r"(?P<path>.*?)(?: (?P<first>[0-9]{1,19}))?(?: (?P<end>[0-9]{1,19}))?", re.DOTALL)
_QUOTED = re.compile(
    r'"(?P<path>(?:[^"]|"")*)"(?: +(?P<first>[0-9]{1,19})(?: +(?P<end>[0-9]{1,19}))?)? *', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A file, and which of its bytes: from `first` up to but without `end` (None: to the end of the file)."""

    target: VirtualPath
    first: int = 0
    end: int | None = None


def _hash_feature(peer: Peer) -> str:
    chosen = peer.hash_name if isinstance(peer, Session) else HASHES[0]
    return "HASH " + ";".join(f"{name}*" if name == chosen else name for name in HASHES)


@table.member(
    "HASH", path, "HASH <path>", features=(_hash_feature,), permission=Permission.READ, takes=(Said.PLACE,)
)
def hash_(session: Session, target: VirtualPath) -> Outcome:
    """The digest of a file, or of the bytes that RANG chose, by the algorithm that OPTS HASH chose."""
    name = session.hash_name
    first, last = session.range or (0, None)
    part = _Part(target, first, None if last is None else last + 1)

    def work() -> Outcome:
        told, end = _digest(session, part, name)
        return Reply(213, (f"{name} {part.first}-{max(part.first, end - 1)} {told} {target.text}",))

    return Later(work)


def _digest(session: Session, part: _Part, name: str) -> tuple[str, int]:
    """The digest, and where the bytes ended. Raises OSError, Refusal, SessionEnded."""
    source = session.home.open_source(part.target)
    try:
        end = source.size if part.end is None else min(part.end, source.size)
        if part.first > source.size:
            raise refuse(501, f"The file has {source.size} bytes only.")
        return digest(name, source.fd, part.first, end, session.home.go_on)
    finally:
        source.close()


def _part(session: Session, argument: str) -> _Part:
    """The argument of the X verbs: a path, which may be quoted, then perhaps the first byte and the end."""
    match = _QUOTED.fullmatch(argument)
    if match is not None:
        name = match["path"].replace('""', '"')
    elif argument and _names_a_file(session, argument):
        return _Part(VirtualPath.resolve(session.cwd, argument))
    else:
        match = _RANGE.fullmatch(argument)
        name = match["path"] if match is not None else ""
    if match is None or not name:
        raise refuse(501, 'A path is needed: "name" [first [end]].')
    numbers = [read_number(text) for text in (match["first"], match["end"]) if text is not None]
    if len(numbers) == 1 and match.re is _RANGE:
        numbers = [0, *numbers]  # one number alone is the end, as the first servers of XCRC had it
    return _Part(VirtualPath.resolve(session.cwd, name), *numbers)


def _names_a_file(session: Session, text: str) -> bool:
    try:
        session.home.stat(VirtualPath.resolve(session.cwd, text))
    except OSError:
        return False
    return True


def _register(verb: str, name: str, *aliases: str) -> None:
    @table.member(
        verb,
        _part,
        f"{verb} <path> [first [end]]",
        features=(verb,),
        aliases=aliases,
        permission=Permission.READ,
    )
    def x_hash(session: Session, part: _Part) -> Outcome:
        return Later(lambda: Reply(250, (_digest(session, part, name)[0].upper(),)))


_register("XCRC", "CRC32")
_register("XMD5", "MD5", "MD5")
_register("XSHA1", "SHA-1", "XSHA")
_register("XSHA256", "SHA-256")
_register("XSHA512", "SHA-512")


def _two_numbers(session: Session, argument: str) -> tuple[int, int]:
    words = argument.split()
    if len(words) != 2:
        raise refuse(501, "Two numbers are needed: RANG <first byte> <last byte>.")
    return read_number(words[0]), read_number(words[1])


@table.member(
    "RANG", _two_numbers, "RANG <first> <last>", features=("RANG STREAM",), prepares=True, says=Said.PLACE
)
def rang(session: Session, chosen: tuple[int, int]) -> Outcome:
    """The bytes, both ends included, of the next RETR or HASH; `RANG 1 0` means all again."""
    first, last = chosen
    if first > last:
        if (first, last) != (1, 0):
            raise refuse(501, "The last byte stands before the first.")
        session.range = None
        return Reply(350, ("The range is the whole file.",))
    session.range = chosen
    return Reply(350, (f"The range is {first} to {last}; send RETR or HASH.",))

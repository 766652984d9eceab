"""Listings: LIST NLST MLSD MLST (RFC 959 section 4.1.3, RFC 3659 section 7).

A listing is a lazy run of lines, made while it is sent: the first line of a directory of a million names is as quick
as that of ten. A directory of up to `_SORTED` names is sorted; a larger one comes in the order of the disk. What most
clients ask for, one directory, the storage lists in one go, quicker than entry by entry. What a pattern or -R finds
may be far between, so there even the first lines are work for a thread, and end with the session.

LIST and NLST take the options that clients send as if this were `ls` (`-a`, `-l` and the like mean nothing
here, as all names and facts are always shown; `-R` lets LIST descend) and patterns, unless something has that very
name. Patterns and -R never go through a link, so no loop of links can make them endless.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from itertools import islice

from ftpserver.accounts.account import Permission
from ftpserver.commands.arguments import optional_path
from ftpserver.commands.table import Table
from ftpserver.outcome import Outcome, Tell
from ftpserver.refusal import refuse
from ftpserver.session import Peer, Said, Session
from ftpserver.storage.listing import in_chunks
from ftpwire.entry import Entry, Kind
from ftpwire.facts import FACTS, FactLine, feature_line
from ftpwire.listing import UnixLine, display_name
from ftpwire.pathname import ROOT, VirtualPath
from ftpwire.reply import Reply

table = Table()

_SORTED = 256
_OPTIONS = re.compile(r"(?:-[A-Za-z1]+(?: +|$))+")
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Request:
    """What to list: the path as it was said, and whether to descend."""

    text: str
    recursive: bool


def request(session: Session, argument: str) -> Request:
    """The argument of LIST and NLST: options, then a path or pattern or nothing."""
    options = _OPTIONS.match(argument)
    if options is None:
        return Request(argument, False)
    return Request(argument[options.end() :], "R" in options.group())


@table.member(
    "LIST", request, "LIST [-alR] [path or pattern]", permission=Permission.LIST, takes=(Said.PLACE,)
)
def list_(session: Session, what: Request) -> Outcome:
    """The entries of a directory, or one file, as `ls -l` shows them."""
    line = _unix_line(session)
    found = _found(session, what, line)
    chunks = session.home.listing(found, line) if isinstance(found, VirtualPath) else in_chunks(found)
    quick = not (what.recursive or _is_pattern(session, what.text))
    return Tell(chunks, Reply(150, ("Here comes the directory listing.",)), "LIST", quick)


@table.member("NLST", request, "NLST [path or pattern]", permission=Permission.LIST, takes=(Said.PLACE,))
def nlst(session: Session, what: Request) -> Outcome:
    """The names in a directory, or those that match a pattern with the directory as it was said before them."""
    pattern = _is_pattern(session, what.text)
    if pattern:
        chunks = in_chunks(display_name(shown) for shown, _entry in _matches(session, what.text))
    else:
        target = VirtualPath.resolve(session.cwd, what.text)
        if session.home.stat(target).kind is Kind.DIRECTORY:
            chunks = session.home.listing(target, None)
        else:
            chunks = in_chunks(iter((display_name(what.text),)))
    return Tell(chunks, Reply(150, ("Here comes the name list.",)), "NLST", not pattern)


@table.member("MLSD", optional_path, "MLSD [path]", permission=Permission.LIST, takes=(Said.PLACE,))
def mlsd(session: Session, target: VirtualPath) -> Outcome:
    """The entries of a directory, for machines."""
    if session.home.stat(target).kind is not Kind.DIRECTORY:
        raise refuse(501, "MLSD lists directories only, use MLST.")
    return Tell(
        session.home.listing(target, _fact_line(session)),
        Reply(150, ("Here comes the directory listing.",)),
        "MLSD",
    )


def _mlst_feature(peer: Peer) -> str:
    return feature_line(peer.facts if isinstance(peer, Session) else frozenset(FACTS))


@table.member("MLST", optional_path, "MLST [path]", permission=Permission.LIST, features=(_mlst_feature,))
def mlst(session: Session, target: VirtualPath) -> Outcome:
    """The facts of one name, on the control connection."""
    entry = session.home.stat(target, follow=False)
    entry.name = target.text
    return Reply(250, (f"Listing {target.text}", _fact_line(session).encode(entry), "End"))


def _fact_line(session: Session) -> FactLine:
    allowed = session.account.permissions
    return FactLine(
        session.facts,
        perm_file=_letters(allowed, _FILE_LETTERS),
        perm_directory=_letters(allowed, _DIRECTORY_LETTERS),
    )


# RFC 3659 section 7.5.5, with the permission each letter stands for here.
_FILE_LETTERS = {
    "a": Permission.OVERWRITE,
    "d": Permission.DELETE,
    "f": Permission.RENAME,
    "r": Permission.READ,
    "w": Permission.OVERWRITE,
}
_DIRECTORY_LETTERS = {
    "c": Permission.CREATE,
    "d": Permission.RMDIR,
    "e": None,
    "f": Permission.RENAME,
    "l": Permission.LIST,
    "m": Permission.MKDIR,
    "p": Permission.DELETE,
}


def _letters(
    allowed: frozenset[Permission], letters: dict[str, Permission] | dict[str, Permission | None]
) -> str:
    return "".join(letter for letter, needed in letters.items() if needed is None or needed in allowed)


def _unix_line(session: Session) -> UnixLine:
    owner = session.account.name.replace(" ", "_")
    return UnixLine(time.time(), owner, owner)


def list_lines(session: Session, what: Request) -> Iterator[str]:
    """The lines of LIST, which STAT says too. Raises OSError when what was named is not there."""
    line = _unix_line(session)
    found = _found(session, what, line)
    if isinstance(found, VirtualPath):
        return map(line.encode, _gently_sorted(session.home.scan(found)))
    return found


def _found(session: Session, what: Request, line: UnixLine) -> Iterator[str] | VirtualPath:
    """The lines of what was named, or the one directory whose entries they are. Raises OSError."""
    if _is_pattern(session, what.text):
        return _listed_matches(session, what, line.encode)
    target = VirtualPath.resolve(session.cwd, what.text)
    entry = session.home.stat(target)
    if entry.kind is not Kind.DIRECTORY:
        entry.name = what.text
        return iter((line.encode(entry),))
    return _listed_tree(session, target, what.text or ".", line.encode) if what.recursive else target


def _listed_matches(session: Session, what: Request, line: Callable[[Entry], str]) -> Iterator[str]:
    for shown, entry in _matches(session, what.text):
        entry.name = shown
        yield line(entry)


def _listed_tree(
    session: Session, top: VirtualPath, shown: str, line: Callable[[Entry], str]
) -> Iterator[str]:
    """Blocks as `ls -R` makes them, a directory a block."""
    waiting = [(top, shown)]
    first = True
    while waiting:
        target, name = waiting.pop()
        if not first:
            yield ""
        yield f"{display_name(name)}:"
        first = False
        below = []
        try:
            for entry in _gently_sorted(_lasting(session, session.home.scan(target))):
                if entry.kind is Kind.DIRECTORY:
                    below.append((target.child(entry.name), f"{name}/{entry.name}"))
                yield line(entry)
        except OSError:
            continue  # it vanished or may not be read: the others are still worth listing
        waiting.extend(reversed(below))


def _is_pattern(session: Session, text: str) -> bool:
    if not _MAGIC.search(text):
        return False
    try:
        session.home.stat(VirtualPath.resolve(session.cwd, text), follow=False)
    except OSError:
        return True
    return False


def _matches(session: Session, text: str) -> Iterator[tuple[str, Entry]]:
    """What a pattern stands for: (as it is shown, its facts), component by component.

    "." and ".." are resolved first, lexically as in every path: a pattern that could go down and up again by
    turns would find everything below again for every turn.
    """
    absolute = text.startswith("/")
    base, shown = (ROOT, "/") if absolute else (session.cwd, "")
    parts: list[str] = []
    for part in text.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part == "..":
            base, shown = base.parent, shown if absolute else f"{shown}../"
        elif part not in ("", "."):
            parts.append(part)
    return _match_parts(session, base, shown, parts) if parts else iter(())


def _match_parts(
    session: Session, base: VirtualPath, shown: str, parts: list[str]
) -> Iterator[tuple[str, Entry]]:
    """A directory is read to its end before those below it, so that one is open at a time, however many parts."""
    waiting = [(base, shown, 0)]
    while waiting:
        where, before, depth = waiting.pop()
        found = _candidates(session, where, parts[depth])
        depth += 1
        if depth == len(parts):
            for entry in found:
                yield f"{before}{entry.name}", entry
        else:
            names = [entry.name for entry in found if entry.kind is Kind.DIRECTORY]
            waiting += [(where.child(name), f"{before}{name}/", depth) for name in reversed(names)]


def _candidates(session: Session, base: VirtualPath, pattern: str) -> Iterator[Entry]:
    try:
        if not _MAGIC.search(pattern):
            entry = session.home.stat(base.child(pattern))
            entry.name = pattern
            return iter((entry,))
        entries = session.home.scan(base)
    except OSError:
        return iter(())
    matches = re.compile(translate(session.one_spelling(pattern))).match
    hidden = pattern.startswith(".")
    return _gently_sorted(
        entry
        for entry in _lasting(session, entries)
        if matches(session.one_spelling(entry.name)) and (hidden or not entry.name.startswith("."))
    )


def _lasting(session: Session, entries: Iterator[Entry]) -> Iterator[Entry]:
    """The same, as long as the session lasts. Raises SessionEnded."""
    for entry in entries:
        session.home.go_on()
        yield entry


def _gently_sorted(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Sorted by name when there are few, else as they come; nothing is read before the first is asked for."""
    first = list(islice(entries, _SORTED + 1))
    if len(first) <= _SORTED:
        first.sort(key=lambda entry: entry.name)
    yield from first
    yield from entries

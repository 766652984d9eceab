"""MLSx lines, said and heard: "type=file;size=3;modify=20260102030405; name" (RFC 3659 section 7).

Facts end in ";", one space follows, the rest of the line is the name as it is. Times are UTC. Links are
said as `OS.unix=slink`, devices and the like as `OS.unix=special`. Fact names are heard in any case; facts
we do not know, and values that make no sense, are as if unsaid: one odd fact must not cost a client the
listing.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from ftpwire.entry import Entry, Kind
from ftpwire.errors import LocalError, RemoteError
from ftpwire.printable import printable
from ftpwire.timeval import decode_timeval, encode_timeval

FACTS = ("type", "size", "modify", "perm", "unique", "UNIX.mode")
"""The facts we can say, in the order we say them."""

_CANONICAL = {fact.lower(): fact for fact in FACTS}
_TYPES = {Kind.FILE: "file", Kind.DIRECTORY: "dir", Kind.LINK: "OS.unix=slink", Kind.OTHER: "OS.unix=special"}
_KINDS = {"file": Kind.FILE, "dir": Kind.DIRECTORY, "cdir": Kind.DIRECTORY, "pdir": Kind.DIRECTORY}
_LINK_TYPES = frozenset(("os.unix=slink", "os.unix=symlink"))
_NUMBER = re.compile(r"[0-9]{1,19}")
_OCTAL = re.compile(r"[0-7]{1,7}")
_FILE = Kind.FILE  # looking a member up on its enum is slow in a listing's loop


class FactLine:
    """Says entries with a selection of facts."""

    __slots__ = ("_mode", "_modify", "_perms", "_say_perm", "_size", "_type", "_types", "_unique", "selected")

    def __init__(
        self, selected: frozenset[str] | None = None, perm_file: str = "", perm_directory: str = ""
    ) -> None:
        """Say the facts in `selected`, all by default; the perms are for entries without one of their own."""
        chosen = frozenset(FACTS) if selected is None else selected
        self.selected = chosen
        self._type = "type" in chosen
        self._size = "size" in chosen
        self._modify = "modify" in chosen
        self._unique = "unique" in chosen
        self._mode = "UNIX.mode" in chosen
        self._say_perm = "perm" in chosen
        self._types = {kind: f"type={word};" if self._type else "" for kind, word in _TYPES.items()}
        perms = {Kind.FILE: perm_file, Kind.DIRECTORY: perm_directory}
        self._perms = {kind: _perm(perms.get(kind, "")) if self._say_perm else "" for kind in Kind}

    def encode(self, entry: Entry, type: str | None = None) -> str:
        """Return the line without its end; `type` ("cdir", "pdir") replaces the word for the entry's kind."""
        kind = entry.kind
        line = self._types[kind]
        if type is not None and self._type:
            line = f"type={type};"
        if kind is _FILE and self._size and entry.size is not None:
            line += f"size={entry.size};"
        if self._modify and (modified := entry.modified) is not None:
            line += _modify(modified)
        perm = entry.perm
        if perm is None:
            line += self._perms[kind]
        elif self._say_perm:
            line += _perm(perm)
        if self._unique and (unique := entry.unique) is not None:
            line += f"unique={unique};"
        if self._mode and (mode := entry.mode) is not None:
            line += _mode(mode)
        name = entry.name
        return f"{line} {name if name.isprintable() else printable(name)}"

    def constants(self, kind: Kind) -> tuple[str, str]:
        """The type and the perm fact that every entry of this kind has in common, with their ends."""
        return self._types[kind], self._perms[kind]

    @staticmethod
    def decode(line: str) -> Entry:
        """Read a line without its end. Raises RemoteError when it holds no name."""
        if line.startswith(" "):
            facts, name = "", line[1:]
        else:
            facts, found, name = line.partition("; ")
            if not found:
                facts, _, name = line.partition(" ")
        if not name:
            raise RemoteError("the line holds no name")
        return _entry(name, _values(facts))


def feature_line(selected: frozenset[str]) -> str:
    """Return the line of FEAT: every fact we can say, those selected with a star (RFC 3659 section 7.8)."""
    return "MLST " + "".join(f"{fact}*;" if fact in selected else f"{fact};" for fact in FACTS)


def parse_feature(text: str) -> frozenset[str]:
    """Return the selected facts, of those we know, from the MLST line of a FEAT reply."""
    words = text.strip().rpartition(" ")[2].split(";")
    return parse_selection(";".join(word[:-1] for word in words if word.endswith("*")))


def parse_selection(text: str) -> frozenset[str]:
    """Return the facts that an OPTS MLST argument ("type;size;") asks for, without those we cannot say."""
    return frozenset(_CANONICAL[word] for word in text.lower().split(";") if word in _CANONICAL)


def _modify(modified: float | int) -> str:
    try:
        return f"modify={encode_timeval(modified)};"
    except LocalError:  # a disk can hold times that RFC 3659 cannot say
        return ""


def _perm(perm: str) -> str:
    return f"perm={perm};" if perm else ""


@lru_cache(maxsize=4096)
def _mode(mode: int) -> str:
    return f"UNIX.mode=0{mode & 0o7777:03o};"


def _values(facts: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for fact in facts.split(";"):
        key, found, value = fact.partition("=")
        if found:
            values[key.lower()] = value
    return values


def _entry(name: str, values: Mapping[str, str]) -> Entry:
    kind, target = _kind(values.get("type", ""))
    return Entry(
        name,
        kind,
        size=_whole(values.get("size", "")),
        modified=_time(values.get("modify", "")),
        mode=_permissions(values.get("unix.mode", "")),
        unique=values.get("unique"),
        target=target,
        owner=values.get("unix.ownername") or values.get("unix.owner"),
        group=values.get("unix.groupname") or values.get("unix.group"),
        perm=values.get("perm"),
    )


def _kind(word: str) -> tuple[Kind, str | None]:
    base, found, target = word.partition(":")
    if base.lower() in _LINK_TYPES:
        return Kind.LINK, target if found and target else None
    return _KINDS.get(word.lower(), Kind.OTHER), None


def _whole(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _permissions(text: str) -> int | None:
    return int(text, 8) & 0o7777 if _OCTAL.fullmatch(text) else None


def _time(text: str) -> float | None:
    try:
        return decode_timeval(text)
    except RemoteError:
        return None

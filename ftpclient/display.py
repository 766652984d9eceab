"""What a person sees: names and texts made harmless, entries as lines or as JSON, sizes in units.

Rules. Nothing a server sent reaches a terminal raw: control characters (ESC steers terminals), bytes that are
not UTF-8 and marks that reverse the direction of writing are shown as "?". JSON keeps them, escaped, so that
a script gets the exact name.
"""

import re
import sys
import time
from collections.abc import Iterable

from ftpwire.entry import Entry, Kind
from ftpwire.listing import display_name

_LETTERS = {Kind.FILE: "-", Kind.DIRECTORY: "d", Kind.LINK: "l", Kind.OTHER: "?"}
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_DIRECTION = re.compile("[\u2028\u2029\u202a-\u202e\u2066-\u2069\n\t]")


def shown(text: str) -> str:
    """Make one line of text harmless to a terminal."""
    harmless = _DIRECTION.sub("?", display_name(text))
    return harmless.encode("utf-8", "replace").decode("utf-8")


def shown_lines(text: str) -> str:
    """Make a text of several lines harmless, line by line."""
    return "\n".join(shown(line) for line in text.split("\n"))


def say(text: str) -> None:
    """Tell the person one line that is not a result."""
    print(shown_lines(text), file=sys.stderr, flush=True)


def size_text(size: int) -> str:
    """Write a number of bytes in the unit that fits."""
    value, unit = float(size), _UNITS[0]
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            break
        value /= 1024
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def entry_line(entry: Entry, long: bool = False) -> str:
    """Write an entry for a person; `long` adds kind, size and time (UTC)."""
    name = shown(entry.name) + ("/" if entry.kind is Kind.DIRECTORY and not entry.name.endswith("/") else "")
    if entry.kind is Kind.LINK and entry.target is not None:
        name += f" -> {shown(entry.target)}"
    if not long:
        return name
    size = "-" if entry.size is None or entry.kind is Kind.DIRECTORY else str(entry.size)
    return f"{_LETTERS[entry.kind]}{_mode(entry.mode)} {size:>12}  {time_text(entry.modified):16}  {name}"


def _mode(mode: int | None) -> str:
    if mode is None:
        return "?" * 9
    return "".join(
        letter if mode >> bit & 1 else "-" for bit, letter in zip(range(8, -1, -1), "rwx" * 3, strict=True)
    )


def time_text(seconds: float | None) -> str:
    """Write a time (seconds, UTC) to the minute; empty when unknown or beyond the calendar."""
    try:
        return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return ""


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Sort entries by name."""
    return sorted(entries, key=lambda entry: entry.name)


def entry_facts(entry: Entry) -> dict[str, object]:
    """The facts of an entry that are known, for JSON."""
    facts: dict[str, object] = {
        "name": entry.name,
        "kind": entry.kind.value,
        "size": entry.size,
        "modified": entry.modified,
        "mode": None if entry.mode is None else f"{entry.mode:04o}",
        "target": entry.target,
    }
    return {key: value for key, value in facts.items() if value is not None}


def as_json(document: object) -> str:
    """Write JSON in pure ASCII: no name can break the terminal or the encoding."""
    import json  # most commands print none

    return json.dumps(document, ensure_ascii=True)

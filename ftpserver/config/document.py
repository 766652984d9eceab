"""YAML read with line numbers, and nothing in it that surprises.

A document is built from the parser's events, never by a YAML constructor, so that each of these is a fault
with its line: anchors, aliases and merge keys (a small file can otherwise stand for gigabytes), tags, keys
given twice, keys that are not text, several documents in one file, more than 1 MiB, more than 16 levels.

Plain words mean what YAML 1.2 says: true, false, null, numbers; everything else is text. So `off` and `yes`
are text, `2026-12-31` is text (the model reads the date), and `010` and `1_000` are text, which no number
field accepts.
"""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ftpserver.config.fault import Fault, Faulty

MAX_BYTES = 1 << 20
MAX_DEPTH = 16

Location = tuple[str | int, ...]
"""The way to a value: ("listen", 0, "port")."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, bool | None] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True)
_WORDS |= dict.fromkeys(("false", "False", "FALSE"), False)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]+(?:[eE][-+]?[0-9]{1,4})?|[eE][-+]?[0-9]{1,4})")


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: plain values, and the line where each of them was written."""

    file: Path
    value: dict[str, Any]
    lines: Mapping[Location, int]

    def line(self, location: Location) -> int | None:
        """Return the line of a value or, where it was not written, of the nearest thing around it."""
        while location and location not in self.lines:
            location = location[:-1]
        return self.lines.get(location)

    def fault(self, location: Location, message: str) -> Fault:
        """Return a fault at the line of `location`."""
        return Fault(self.file, self.line(location), message)


def read_document(file: Path) -> Document:
    """Read and parse one YAML file. Raises Faulty, also when the file cannot be read."""
    try:
        data, _ = read_regular(file)
    except OSError as error:
        raise Faulty([Fault(file, None, f"cannot be read: {error.strerror}")]) from error
    return parse_document(file, data)


def read_regular(file: Path, flags: int = 0) -> tuple[bytes, os.stat_result]:
    """Return the bytes (a little more than allowed, at most) and the status of a regular file.

    Raises OSError, and Faulty when it is anything but a regular file.
    """
    # O_NONBLOCK: a FIFO must be refused below, not waited for.
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Faulty([Fault(file, None, "is not a regular file")])
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            return stream.read(MAX_BYTES + 1), status
    finally:
        os.close(descriptor)


def parse_document(file: Path, data: bytes) -> Document:
    """Parse the bytes of one YAML file; an empty one is an empty mapping. Raises Faulty."""
    if len(data) > MAX_BYTES:
        raise Faulty([Fault(file, None, f"is larger than {MAX_BYTES} bytes")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Faulty([Fault(file, line, "is not UTF-8 text")]) from error
    builder = _Builder(file)
    try:
        value = builder.document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        builder.faults.append(Fault(file, _error_line(error), f"is not YAML: {_error_text(error, text)}"))
    except yaml.reader.ReaderError as error:
        before = text[: error.position] if isinstance(error.position, int) else ""
        builder.faults.append(Fault(file, before.count("\n") + 1, "contains a control character"))
    except _TooDeep as error:
        builder.faults.append(Fault(file, error.line, f"is nested deeper than {MAX_DEPTH} levels"))
    if builder.faults:
        raise Faulty(builder.faults)
    return Document(file, value, builder.lines)


class _TooDeep(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _Builder:
    """Turns the parser's events into plain values and remembers lines and faults."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[Location, int] = {}
        self.faults: list[Fault] = []

    def document(self, events: Iterator[Any]) -> dict[str, Any]:
        value: Any = None
        count = 0
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            count += 1
            if count > 1:
                self._fault(event, "only one document may stand in a file; remove the second '---'")
                break
            value = self._node(next(events), events, ())
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.faults.append(Fault(self.file, self.lines.get(()), "must be 'key: value' lines"))
            return {}
        return value

    def _node(self, event: Any, events: Iterator[Any], location: Location) -> Any:
        line = event.start_mark.line + 1
        self.lines.setdefault(location, line)
        if isinstance(event, yaml.AliasEvent):
            self._fault(event, "aliases (*name) are not allowed; write the value itself")
            return None
        if event.anchor is not None:
            self._fault(event, "anchors (&name) are not allowed")
        if event.tag is not None:
            self._fault(event, f"tags ({event.tag!r}) are not allowed")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if len(location) >= MAX_DEPTH:
            raise _TooDeep(line)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, location)
        return self._mapping(events, location)

    def _sequence(self, events: Iterator[Any], location: Location) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, (*location, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], location: Location) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else None
            if key is None:
                self._fault(event, "a key must be a plain word")
            elif key in mapping:
                first = self.lines[(*location, key)]
                self._fault(event, f"{key!r} is given twice (first in line {first})")
            else:
                self._node(event, events, (*location, key))
                mapping[key] = self._node(next(events), events, (*location, key))
                continue
            # A bad entry is still read to its end, in a place of its own: faults after it are to be found.
            nowhere = (*location, -event.start_mark.index - 1)
            self._node(event, events, nowhere)
            self._node(next(events), events, nowhere)
        return mapping

    def _fault(self, event: Any, message: str) -> None:
        self.faults.append(Fault(self.file, event.start_mark.line + 1, message))


def _scalar(event: Any) -> str | int | float | bool | None:
    text: str = event.value
    if not event.implicit[0] or event.style:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _error_line(error: yaml.MarkedYAMLError) -> int | None:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark is not None else None


def _error_text(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark is not None:
        line = "".join(text.split("\n")[mark.line : mark.line + 1])
        if line[mark.column : mark.column + 1] == "\t":
            return "a tab may not stand here; indent with spaces"
    return " ".join(part for part in (error.problem, error.context) if part)

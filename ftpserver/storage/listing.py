"""A directory as a client lists it: lines in a form of the client's choice, a chunk at a time.

A chunk is whole lines in UTF-8 with their ends. The first one is short enough to be made at once, and it is all of
most directories; those after it are long enough that handing them on costs little. A directory of fewer than `_FIRST`
names is sorted; a larger one comes in the order of the disk, so that it is never held whole and its first line is as
quick as that of a small one.

Each chunk begins as a batch of names. Where the names alone are asked for, nothing else is looked at. Links are
described, not followed. Hidden files are left out, and what vanishes meanwhile.

Where it could be built, `_lines` (in C) says the common names of a batch, several times as quick, and leaves the others
to the functions here, which define every line. A listing has the same bytes without it. It needs no interpreter, so a
thread that has nothing else to do says half of a long batch.
"""

import os
import stat
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import islice
from threading import Semaphore
from types import ModuleType

from ftpserver.storage.base import Form
from ftpserver.storage.entries import entry_of, target_of
from ftpserver.storage.hidden import is_hidden
from ftpwire.entry import Entry, Kind
from ftpwire.facts import FactLine
from ftpwire.listing import UnixLine
from ftpwire.printable import printable

_FIRST = 257
_MORE = 1000

_Pieces = list[bytes | tuple[str, ...]]
"""Finished lines, and names that are still to be described, in their order."""
_Quick = Callable[[int, list[str]], _Pieces]
"""Takes a directory and names."""

_PROCESSORS = len(os.sched_getaffinity(0))
_processors = Semaphore(_PROCESSORS)  # those that no listing is known to use
_helpers = ThreadPoolExecutor(_PROCESSORS, "listing")


def _accelerator() -> ModuleType | None:
    if sys.getfilesystemencoding() != "utf-8":  # a name would not be its UTF-8
        return None
    try:
        return import_module("ftpserver.storage._lines")
    except ImportError:
        return None


_native = _accelerator()


def listing(directory: int, form: Form | None) -> Generator[bytes, None, None]:
    """Return the chunks of a directory's listing; it closes at exhaustion or `close()`. Raises OSError."""
    chunks = _chunks(directory, form)
    next(chunks)  # a generator that has not begun would not close what it holds
    return chunks


def in_chunks(lines: Iterator[str]) -> Generator[bytes, None, None]:
    """Return lines that something else makes, each without its end, as chunks."""
    wanted = _FIRST
    while some := list(islice(lines, wanted)):
        yield _chunk(some)
        wanted = _MORE


def _chunks(directory: int, form: Form | None) -> Generator[bytes, None, None]:
    try:
        with os.scandir(directory) as found:
            yield b""  # for our maker
            make = _maker(directory, form)
            for names in _batches(found):
                if chunk := make(names):
                    yield chunk
    finally:
        os.close(directory)


def _batches(found: "Iterator[os.DirEntry[str]]") -> Iterator[list[str]]:
    names = (name for item in found if (name := item.name)[0] != "." or not is_hidden(name))
    wanted = _FIRST
    while batch := list(islice(names, wanted)):
        if wanted == _FIRST and len(batch) < _FIRST:
            batch.sort()
        yield batch
        wanted = _MORE


def _maker(directory: int, form: Form | None) -> Callable[[list[str]], bytes]:
    """What makes a chunk of some names; an empty one when there is nothing to say of them."""
    if form is None:
        return _said
    quick = _quick(form)
    if quick is None:
        return lambda names: _described(directory, names, form)
    return lambda names: b"".join(
        piece if isinstance(piece, bytes) else _described(directory, piece, form)
        for piece in _shared(quick, directory, names)
    )


def _shared(quick: _Quick, directory: int, names: list[str]) -> _Pieces:
    """What `quick` makes of these names; the second half of many on another thread, where a processor is idle."""
    if len(names) < _MORE:
        return quick(directory, names)
    with _processor() as ours, _processor() as another:
        return _in_halves(quick, directory, names) if ours and another else quick(directory, names)


@contextmanager
def _processor() -> Iterator[bool]:
    """Whether there is a processor that no other listing uses; it is this one's as long as this lasts."""
    had = _processors.acquire(blocking=False)
    try:
        yield had
    finally:
        if had:
            _processors.release()


def _in_halves(quick: _Quick, directory: int, names: list[str]) -> _Pieces:
    half = len(names) // 2
    other = _helpers.submit(quick, directory, names[half:])
    try:
        first = quick(directory, names[:half])
    finally:
        second = other.result()  # however the first ended: it uses the directory, which is closed then
    return first + second


def _said(names: Iterable[str]) -> bytes:
    return _chunk([name if name.isprintable() else printable(name) for name in names])


def _chunk(lines: list[str]) -> bytes:
    return _bytes("\r\n".join(lines) + "\r\n") if lines else b""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _quick(form: Form) -> _Quick | None:
    """What says the common names in this form, if anything does."""
    if _native is None:
        return None
    if isinstance(form, UnixLine):
        return partial(_native.unix_lines, form.now, _bytes(form.owners))
    if isinstance(form, FactLine):
        words = (tuple(map(_bytes, form.constants(kind))) for kind in (Kind.FILE, Kind.DIRECTORY))
        said = (fact in form.selected for fact in ("size", "modify", "unique", "UNIX.mode"))
        return partial(_native.fact_lines, *words, *said)
    return None


def _described(directory: int, names: Iterable[str], form: Form) -> bytes:
    encode = form.encode
    return _chunk([encode(entry) for name in names if (entry := _entry(directory, name)) is not None])


def _entry(directory: int, name: str) -> Entry | None:
    """The facts of a name, or None when it has vanished."""
    try:
        facts = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None
    return entry_of(name, facts, target_of(name, directory) if stat.S_ISLNK(facts.st_mode) else None)

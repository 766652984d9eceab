"""Changes of many files at once, made on the server: copy, combine, remove a tree, make a path of directories.

Nothing travels over the network. All of it goes through the home, step by step as a client would: reserved before
it is written, put in place when complete, settled; so a copy can neither exceed the quota nor destroy what it
replaces, and whatever is cut short leaves true books. It may be long and it waits for locks: call it on a thread. It
ends between two steps, as if it had failed, when the session ends (SessionEnded).
"""

import errno
import os
from collections.abc import Sequence
from contextlib import closing

from ftpserver.data.receive import Obstacle
from ftpserver.home import Home
from ftpserver.storage.base import Source, StorageBusy, Version
from ftpserver.upload import Ending, Upload
from ftpwire.entry import Entry, Kind
from ftpwire.pathname import VirtualPath

_CHUNK = 8 * 1024 * 1024


def copy(home: Home, source: VirtualPath, target: VirtualPath) -> None:
    """Copy a file, or a directory with all that is in it; links are not copied. Raises as Home does."""
    if target == source or target.is_below(source):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    if home.stat(source).kind is not Kind.DIRECTORY:
        _copy_file(home, source, target)
        return
    home.make_directory(target, wait=True)
    made = home.stat(
        target, follow=False
    ).unique  # a link may have led it into the source: it is no part of that
    waiting = [(source, target)]
    while waiting:
        old, new = waiting.pop()
        for entry in _entries(home, old):
            home.go_on()
            below_old, below_new = old.child(entry.name), new.child(entry.name)
            if entry.unique == made:
                continue
            if entry.kind is Kind.DIRECTORY:
                home.make_directory(below_new, wait=True)
                waiting.append((below_old, below_new))
            elif entry.kind is Kind.FILE:
                _copy_file(home, below_old, below_new)


def _copy_file(home: Home, source: VirtualPath, target: VirtualPath) -> None:
    upload = home.upload(target, wait=True)
    try:
        with closing(home.open_source(source)) as opened:
            _append(home, opened, opened.size, upload, 0)
    except BaseException:
        upload.finish(Ending.REFUSED, wait=True)
        raise
    upload.finish(Ending.COMPLETE, wait=True)


class SameFile(Exception):
    """What is to be combined names one file twice, by whatever paths."""


def combine(home: Home, target: VirtualPath, parts: Sequence[VirtualPath]) -> int:
    """Append the parts to the target, in order, then remove them. Raises SameFile, and as Home does.

    Returns how many parts stay: what has the name of one and is not what was copied, as it was stored anew or changed
    meanwhile, or is a link.
    """
    upload = home.upload_in_place(target, None, _total(home, parts), wait=True)
    copied: list[Version] = []
    try:
        position, files = upload.offset, {Version.of(os.fstat(upload.fd)).identity}
        for part in parts:
            with closing(home.open_source(part)) as source:
                version = Version.of(os.fstat(source.fd))
                if version.identity in files:
                    raise SameFile
                position = _append(home, source, version.size, upload, position)
            files.add(version.identity)
            copied.append(version)
    except BaseException:
        os.ftruncate(upload.fd, upload.offset)  # the parts are all there still
        upload.finish(Ending.REFUSED, wait=True)
        raise
    upload.finish(Ending.COMPLETE, wait=True)
    return sum(not _remove_copied(home, part, version) for part, version in zip(parts, copied, strict=True))


def _remove_copied(home: Home, part: VirtualPath, version: Version) -> bool:
    """Remove a part if it is what was copied; tells whether it was. Raises as Home does."""
    try:
        home.remove_file(part, wait=True, only=version)
    except (FileNotFoundError, StorageBusy):  # another has put something else there, or writes into it
        return False
    return True


def _total(home: Home, parts: Sequence[VirtualPath]) -> int:
    """How long all are together: they are there, can be read and have room, or nothing is done. Raises OSError."""
    total = 0
    for part in parts:
        with closing(home.open_source(part)) as source:
            total += source.size
    return total


def _append(home: Home, source: Source, size: int, upload: Upload, position: int) -> int:
    """Write the first `size` bytes of a file into an upload at `position`; returns where they end."""
    offset = 0
    while offset < size:
        home.go_on()
        wanted = min(_CHUNK, size - offset)
        _cover(upload, position + wanted)
        copied = os.copy_file_range(source.fd, upload.fd, wanted, offset, position)
        if not copied:
            break
        offset += copied
        position += copied
    return position


def _entries(home: Home, directory: VirtualPath) -> list[Entry]:
    """All that is in a directory before anything there changes. Raises OSError."""
    found = []
    for entry in home.scan(directory):
        home.go_on()
        found.append(entry)
    return found


def _cover(upload: Upload, end: int) -> None:
    try:
        upload.cover(end)
    except Obstacle as obstacle:
        obstacle.remove()
        upload.cover(end)


def remove_tree(home: Home, target: VirtualPath) -> None:
    """Remove a directory and all that is in it, never through a link. Raises as Home does."""
    waiting = [(target, False)]
    while waiting:
        directory, emptied = waiting.pop()
        if emptied:
            home.remove_directory(directory, wait=True)
            continue
        waiting.append((directory, True))
        for entry in _entries(home, directory):
            home.go_on()
            if entry.kind is Kind.DIRECTORY:
                waiting.append((directory.child(entry.name), False))
            else:
                home.remove_file(directory.child(entry.name), wait=True)


def make_path(home: Home, target: VirtualPath) -> None:
    """Make a directory and those above it that are missing. Raises as Home does."""
    missing = [target]
    while missing[-1].parent.text != "/":
        missing.append(missing[-1].parent)
    for directory in reversed(missing):
        home.go_on()
        try:
            home.make_directory(directory, wait=True)
        except FileExistsError:
            if home.stat(directory).kind is not Kind.DIRECTORY:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None

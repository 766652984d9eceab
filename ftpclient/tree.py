"""Whole trees: listed first, so that the job's size is known, then moved file by file.

Rules
- Names from a server are hostile until proven harmless: one that is empty, ".", "..", or holds a separator or
  NUL is never joined to a local path; it is reported as a failure and the rest goes on (aioftp and fsspec
  write outside the target for `../x`).
- Links to files are followed, links to directories are not: a loop must end. Devices and pipes are left out.
  Both are said in a note.
- A local link to a file outside the tree is not sent but reported as a failure, unless the caller wants it: who
  publishes a tree must not publish /etc/passwd with it by mistake. It is looked at when the tree is listed, so this is
  no jail against somebody who changes the tree meanwhile.
- One file that fails does not stop the others; a lost session, a full disk or quota does.
- Directories go up and trees come down in batches: one round trip for many commands.
"""

import errno
import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ParamSpec

from ftpclient.client import Client
from ftpclient.errors import SESSION_OVER, BadName, Full, in_words, refusal
from ftpclient.listing import safe_name
from ftpclient.meter import SILENT, Meter
from ftpclient.transfer import Moved, get_file, put_file
from ftpwire.command import Command
from ftpwire.entry import Entry, Kind

MAX_DEPTH = 200
"""Directories below each other; a hostile server can nest without end."""

_FATAL_HERE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EMFILE})

_LEADS_OUT = "a link that leads out of the tree is not followed"

Arguments = ParamSpec("Arguments")


@dataclass(slots=True)
class Report:
    """What became of a job, told to `meter` as it happens; whoever passes its own keeps it of a job given up."""

    meter: Meter = SILENT
    moved: list[Moved] = field(default_factory=list)
    failures: list[tuple[str, Exception]] = field(default_factory=list)
    directories: int = 0
    removed: int = 0

    def fail(self, name: str, fault: Exception) -> None:
        """Note one failure."""
        self.failures.append((name, fault))
        text = in_words(fault)
        self.meter.note(f"failed: {text}" if text.startswith(name) else f"failed: {name}: {text}")

    def attempt(
        self, name: str, act: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> None:
        """Do one part of the job; note its failure, and raise it when the rest must fail too."""
        try:
            act(*args, **kwargs)
        except (OSError, ValueError) as fault:
            if is_fatal(fault):
                raise
            self.fail(name, fault)


def is_fatal(fault: Exception) -> bool:
    """Whether every further file of the job would fail the same way."""
    return isinstance(fault, (*SESSION_OVER, Full)) or (
        isinstance(fault, OSError) and fault.errno in _FATAL_HERE
    )


@dataclass(frozen=True, slots=True)
class Found:
    """One entry of a remote tree; `relative` is its path below the root, "" for the root itself."""

    relative: str
    path: str
    entry: Entry


def walk(client: Client, root: str, report: Report, exact: bool = False) -> Iterator[Found]:
    """List a remote tree, parents before children; what cannot be listed or is not safe goes into the report.

    Raises the FtpError of the root itself.
    """
    pending = [("", root, 0)]
    while pending:
        relative, path, depth = pending.pop()
        try:
            entries = client.list(path, exact)
        except Exception as fault:
            if not relative or is_fatal(fault):
                raise
            report.fail(path, fault)
            continue
        for entry in entries:
            if not safe_name(entry.name) or depth >= MAX_DEPTH:
                report.fail(entry.name, BadName("refused: a name like this must not become a local path"))
                continue
            found = Found(posixpath.join(relative, entry.name), posixpath.join(path, entry.name), entry)
            yield found
            if entry.kind is Kind.DIRECTORY:
                pending.append((found.relative, found.path, depth + 1))


def get_tree(
    client: Client, remote: str, local: Path, report: Report | None = None, *, resume: bool = False
) -> Report:
    """Download the contents of a remote directory into `local`, which is made if it is not there."""
    report = report or Report()
    files: list[Found] = []
    local.mkdir(parents=True, exist_ok=True)
    for found in walk(client, client.absolute(remote), report, exact=True):
        if found.entry.kind is Kind.DIRECTORY:
            report.attempt(found.path, _make_local, local / found.relative, report)
        elif found.entry.kind is Kind.OTHER:
            report.meter.note(f"left out: {found.path}: not a file")
        elif found.entry.kind is Kind.LINK and client.is_directory(found.path):
            report.meter.note(f"left out: {found.path}: a link to a directory")
        else:
            files.append(found)
    report.meter.expect(len(files), sum(_size(found.entry) for found in files))
    for found in files:
        report.attempt(found.path, _get, client, found, local, resume, report)
    return report


def _make_local(directory: Path, report: Report) -> None:
    directory.mkdir(exist_ok=True)
    report.directories += 1


def _get(client: Client, found: Found, local: Path, resume: bool, report: Report) -> None:
    # The size that a listing tells for a link is the link's own.
    entry = None if found.entry.kind is Kind.LINK else found.entry
    report.moved.append(
        get_file(client, found.path, local / found.relative, resume=resume, meter=report.meter, entry=entry)
    )


def _size(entry: Entry) -> int:
    return entry.size or 0 if entry.kind is Kind.FILE else 0


def local_tree(
    root: Path, report: Report, *, outside: bool = False
) -> tuple[list[str], list[tuple[str, os.stat_result]]]:
    """List a local tree: directories, parents first, and files with their facts; names are relative.

    A link to a file that lies outside the tree is a failure, unless `outside` takes it for that file. Raises the
    OSError of the root itself.
    """
    top = root.resolve()
    directories: list[str] = []
    files: list[tuple[str, os.stat_result]] = []
    pending = [""]
    while pending:
        relative = pending.pop()
        try:
            entries = sorted(os.scandir(root / relative), key=lambda entry: entry.name)
        except OSError as fault:
            if not relative:
                raise
            report.fail(str(root / relative), fault)
            continue
        for entry in entries:
            name = posixpath.join(relative, entry.name)
            try:
                facts = entry.stat()
            except OSError as fault:
                report.fail(entry.path, fault)
                continue
            if stat.S_ISREG(facts.st_mode):
                if outside or not entry.is_symlink() or _leads_below(top, entry.path):
                    files.append((name, facts))
                else:
                    report.fail(entry.path, OSError(errno.ELOOP, _LEADS_OUT, entry.path))
            elif stat.S_ISDIR(facts.st_mode) and not entry.is_symlink():
                directories.append(name)
                pending.append(name)
            else:
                report.meter.note(f"left out: {entry.path}: neither a file nor a directory of this tree")
    return directories, files


def _leads_below(top: Path, link: str) -> bool:
    return Path(link).resolve().is_relative_to(top)


def put_tree(
    client: Client,
    local: Path,
    remote: str,
    report: Report | None = None,
    *,
    resume: bool = False,
    outside: bool = False,
) -> Report:
    """Upload the contents of a local directory into the remote one, which is made if it is not there.

    `outside` also sends the files that links out of the tree point at.
    """
    report = report or Report()
    remote = client.absolute(remote)
    directories, files = local_tree(local, report, outside=outside)
    report.meter.expect(len(files), sum(facts.st_size for _, facts in files))
    client.make_directory(remote, parents=True)
    make_directories(client, [posixpath.join(remote, name) for name in directories], report)
    for name, _ in files:
        target = posixpath.join(remote, name)
        report.attempt(str(local / name), _put, client, local / name, target, resume, report)
    return report


def _put(client: Client, local: Path, target: str, resume: bool, report: Report) -> None:
    report.moved.append(put_file(client, local, target, resume=resume, meter=report.meter))


def make_directories(client: Client, paths: list[str], report: Report) -> None:
    """Make remote directories, parents first, in batches; those that exist are fine."""
    replies = client.batch([Command("MKD", path) for path in paths])
    for path, reply in zip(paths, replies, strict=True):
        if reply.completion:
            report.directories += 1
        elif not client.is_directory(path):
            fault = refusal(reply, path)
            if is_fatal(fault):
                raise fault
            report.fail(path, fault)


def remove_any(client: Client, remote: str, report: Report | None = None) -> Report:
    """Remove a file, a directory with everything below it, or a link (and not what it points at)."""
    report = report or Report()
    path = client.absolute(remote).rstrip("/")
    parent, name = posixpath.split(path)
    # Only the listing tells a link to a directory from a directory.
    entry = next((entry for entry in client.list(parent or "/") if entry.name == name), None)
    if entry.kind is Kind.DIRECTORY if entry else client.is_directory(path or "/"):
        return remove_tree(client, path or "/", report)
    client.remove(path)
    report.removed += 1
    return report


def remove_tree(client: Client, remote: str, report: Report | None = None) -> Report:
    """Remove a remote directory and everything below it; links are removed, not followed.

    The root of the server is emptied: no server removes it.
    """
    report = report or Report()
    root = client.absolute(remote)
    found = [*walk(client, root, report)]
    files = [item.path for item in found if item.entry.kind is not Kind.DIRECTORY]
    # Children stand behind their parents in the walk, so the reverse order empties before it removes.
    directories = [item.path for item in reversed(found) if item.entry.kind is Kind.DIRECTORY]
    commands = [Command("DELE", path) for path in files]
    if root.strip("/"):
        directories.append(root)
    else:
        report.meter.note("/: only emptied, the root itself stays")
    commands += [Command("RMD", path) for path in directories]
    for command, reply in zip(commands, client.batch(commands), strict=True):
        if reply.completion:
            report.removed += 1
        else:
            report.fail(command.argument, refusal(reply, command.argument))
    return report


@dataclass(slots=True)
class Usage:
    """How much stands below a directory."""

    bytes: int = 0
    files: int = 0
    directories: int = 0


def usage(client: Client, remote: str, report: Report) -> Usage:
    """Add up the sizes below a remote directory."""
    total = Usage()
    for found in walk(client, client.absolute(remote), report):
        if found.entry.kind is Kind.DIRECTORY:
            total.directories += 1
        else:
            total.files += 1
            total.bytes += _size(found.entry)
    return total

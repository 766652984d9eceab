"""One tree made equal to another: planned whole, shown if asked, then carried out by several sessions.

Rules
- A file is copied when its size differs or when the source is newer (times compared to the second, since no
  listing tells more). What is equal is not touched, so doing it again does nothing.
- Copies carry the source's time where the other side can set it; without MFMT an upload is at least not
  older.
- With `delete`, what the source does not have is removed at the end; but never when the source could not be
  listed completely. A file where a directory must be (or the reverse) is replaced only with `delete`.
- Links to directories and special files are left alone on both sides; what goes up is not sent through links that
  lead out of its tree, unless the caller wants it.
"""

import os
import posixpath
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ftpclient.client import Client
from ftpclient.errors import Exists, NotFound
from ftpclient.lanes import Lanes, Opener
from ftpclient.transfer import get_file, put_file
from ftpclient.tree import Report, local_tree, make_directories, walk
from ftpwire.entry import Entry, Kind


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides whether two files are the same."""

    size: int | None
    modified: float | None

    def is_new_to(self, other: "Facts") -> bool:
        """Whether this source must be copied over that target."""
        if self.size is not None and other.size is not None and self.size != other.size:
            return True
        if self.modified is None or other.modified is None:
            return False
        return int(self.modified) > int(other.modified)


@dataclass(slots=True)
class Tree:
    """One side: its directories (parents first) and files, by relative path."""

    directories: list[str] = field(default_factory=list)
    files: dict[str, Facts] = field(default_factory=dict)


@dataclass(slots=True)
class Plan:
    """What is to be done; every name is relative to both roots."""

    make: list[str] = field(default_factory=list)
    copy: list[tuple[str, int]] = field(default_factory=list)
    clear: list[tuple[str, bool]] = field(default_factory=list)
    """Removed first, as something else goes there: name, and whether it is a directory."""
    remove: list[tuple[str, bool]] = field(default_factory=list)
    """Removed last."""

    def lines(self) -> list[str]:
        """The plan as a person reads it."""
        verbs = [*(("remove", name) for name, _ in self.clear), *(("make", name + "/") for name in self.make)]
        verbs += [("copy", name) for name, _ in self.copy] + [("remove", name) for name, _ in self.remove]
        return [f"{verb:6} {name}" for verb, name in verbs]


class Side(Protocol):
    """The side that is written to; `client` is the lane's own session."""

    def make(self, client: Client, names: list[str], report: Report) -> None:
        """Make directories."""

    def copy(self, client: Client, name: str, report: Report) -> None:
        """Copy one file here from the other side."""

    def remove(self, client: Client, name: str, directory: bool) -> None:
        """Remove a file or an empty directory."""


@dataclass(frozen=True, slots=True)
class Up:
    """From here to the server."""

    local: Path
    remote: str

    def make(self, client: Client, names: list[str], report: Report) -> None:
        """Make remote directories in one batch."""
        client.make_directory(self.remote, parents=True)
        make_directories(client, [posixpath.join(self.remote, name) for name in names], report)

    def copy(self, client: Client, name: str, report: Report) -> None:
        """Upload one file."""
        path = posixpath.join(self.remote, name)
        report.moved.append(put_file(client, self.local / name, path, meter=report.meter))

    def remove(self, client: Client, name: str, directory: bool) -> None:
        """Remove on the server."""
        path = posixpath.join(self.remote, name)
        if directory:
            client.remove_directory(path)
        else:
            client.remove(path)


@dataclass(frozen=True, slots=True)
class Down:
    """From the server to here; `entries` are the facts its listing told."""

    local: Path
    remote: str
    entries: dict[str, Entry]

    def make(self, client: Client, names: list[str], report: Report) -> None:
        """Make local directories."""
        self.local.mkdir(parents=True, exist_ok=True)
        for name in names:
            report.attempt(name, self._make_one, name, report)

    def _make_one(self, name: str, report: Report) -> None:
        (self.local / name).mkdir(exist_ok=True)
        report.directories += 1

    def copy(self, client: Client, name: str, report: Report) -> None:
        """Download one file."""
        found = self.entries[name]
        entry = found if found.kind is Kind.FILE else None
        path = posixpath.join(self.remote, name)
        report.moved.append(get_file(client, path, self.local / name, meter=report.meter, entry=entry))

    def remove(self, client: Client, name: str, directory: bool) -> None:
        """Remove here."""
        if directory:
            (self.local / name).rmdir()
        else:
            (self.local / name).unlink()


def plan(source: Tree, target: Tree, report: Report, delete: bool) -> Plan:
    """Decide what is to be done; what stands in the way is a failure unless `delete` removes it."""
    result = Plan()
    old_directories, directories = set(target.directories), set(source.directories)
    for name in source.directories:
        if name in target.files:
            result.clear.append((name, False))
        if name not in old_directories:
            result.make.append(name)
    for name, facts in source.files.items():
        if name in old_directories:
            inside = [*_below(name, target), (name, True)]
            result.clear += [item for item in inside if item not in result.clear]
        if name not in target.files or facts.is_new_to(target.files[name]):
            result.copy.append((name, facts.size or 0))
    cleared = {name for name, _ in result.clear}
    if delete:
        extra = [(name, False) for name in target.files if name not in source.files]
        extra += [(name, True) for name in reversed(target.directories) if name not in directories]
        result.remove = [(name, directory) for name, directory in extra if name not in cleared]
    else:
        _refuse_clearing(result, cleared, report)
    return result


def _below(name: str, tree: Tree) -> list[tuple[str, bool]]:
    files = [(path, False) for path in tree.files if path.startswith(name + "/")]
    return files + [(path, True) for path in reversed(tree.directories) if path.startswith(name + "/")]


def _refuse_clearing(result: Plan, cleared: set[str], report: Report) -> None:
    blocked = [name for name, _ in result.clear]
    result.clear = []
    for name in blocked:
        report.failures.append(
            (name, Exists("something else stands there; --delete would replace it", path=name))
        )
    result.make = [name for name in result.make if not _is_blocked(name, cleared)]
    result.copy = [(name, size) for name, size in result.copy if not _is_blocked(name, cleared)]


def _is_blocked(name: str, cleared: set[str]) -> bool:
    return any(name == other or name.startswith(other + "/") for other in cleared)


def remote_side(client: Client, root: str, report: Report) -> tuple[Tree, dict[str, Entry]]:
    """List the remote side, with the entries its listing told."""
    tree, entries = Tree(), {}
    for found in walk(client, root, report, exact=True):
        kind = found.entry.kind
        if kind is Kind.DIRECTORY:
            tree.directories.append(found.relative)
        elif kind is Kind.FILE:
            tree.files[found.relative] = Facts(found.entry.size, found.entry.modified)
            entries[found.relative] = found.entry
        elif kind is Kind.LINK and not client.is_directory(found.path):
            tree.files[found.relative] = Facts(client.size(found.path), None)
            entries[found.relative] = found.entry
        else:
            report.meter.note(f"left out: {found.path}: neither a file nor a directory of this tree")
    return tree, entries


def local_side(root: Path, report: Report, *, outside: bool) -> Tree:
    """List the local side; `outside` takes links that lead out of it for the files they point at."""
    directories, files = local_tree(root, report, outside=outside)
    return Tree(directories, {name: Facts(facts.st_size, facts.st_mtime) for name, facts in files})


def prepare(
    client: Client,
    local: Path,
    remote: str,
    *,
    up: bool,
    delete: bool,
    report: Report,
    outside: bool = False,
) -> tuple[Plan, Side]:
    """List both sides and plan; a target that is not there yet is empty.

    `outside` sends the files that links out of the local tree point at.
    """
    remote = client.absolute(remote)
    if up:
        source = local_side(local, report, outside=outside)
        delete = delete and _is_whole(report)
        try:
            target, _ = remote_side(client, remote, report)
        except NotFound:
            target = Tree()
        return plan(source, target, report, delete), Up(local, remote)
    source, entries = remote_side(client, remote, report)
    delete = delete and _is_whole(report)
    target = local_side(local, report, outside=True) if os.path.isdir(local) else Tree()
    return plan(source, target, report, delete), Down(local, remote, entries)


def _is_whole(report: Report) -> bool:
    """Whether the source was listed whole; what is missing in half a list may still exist."""
    if report.failures:
        report.meter.note("nothing will be removed: the source could not be listed completely")
    return not report.failures


def carry_out(steps: Plan, side: Side, client: Client, more: Opener, lanes: int, report: Report) -> None:
    """Do what was planned, with up to `lanes` sessions; raise what makes going on senseless."""
    for name, directory in steps.clear:
        report.attempt(name, side.remove, client, name, directory)
    side.make(client, steps.make, report)
    report.meter.expect(len(steps.copy), sum(size for _, size in steps.copy))
    copied = Lanes(
        [name for name, _ in steps.copy],
        lambda session, name: report.attempt(name, side.copy, session, name, report),
        report.meter.note,
    )
    copied.run(client, more, lanes)
    for name, directory in steps.remove:
        failures = len(report.failures)
        report.attempt(name, side.remove, client, name, directory)
        report.removed += failures == len(report.failures)

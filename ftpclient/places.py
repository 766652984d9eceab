"""Where things go when only one side was named, and what a path stands for.

Rules, the same in the shell and on the command line
- Download: no local name means the remote one, here; an existing local directory, or a trailing slash, means
  into it.
- Upload: no remote name, or a trailing slash, means the local name there; so does an existing remote
  directory.
- For a tree both names mean the directories themselves, so that doing it again changes nothing; a trailing
  slash means into it.
- A name taken from the server must be safe (`listing.safe_name`).
"""

import fnmatch
import posixpath
from pathlib import Path

from ftpclient.client import Client
from ftpclient.errors import BadName, NotFound, Refused
from ftpclient.listing import safe_name
from ftpwire.entry import Entry, Kind

_PATTERN = frozenset("*?[")


def download_target(remote: str, local: str | None, here: Path, tree: bool = False) -> Path:
    """Decide the local path of a download; raise BadName when the remote path gives no usable name."""
    if local and not local.endswith("/"):
        target = here / local
        if tree or not target.is_dir():
            return target
    folder = here / local if local else here
    name = posixpath.basename(remote.rstrip("/"))
    if not safe_name(name):
        raise BadName("say what it shall be called here", path=remote or "/")
    return folder / name


def upload_target(client: Client, local: Path, remote: str | None, tree: bool = False) -> str:
    """Decide the remote path of an upload; may ask the server whether a directory is there."""
    if remote and not remote.endswith("/") and (tree or not client.is_directory(remote)):
        return remote
    name = local.resolve().name
    if not safe_name(name):
        raise BadName("say what it shall be called there", path=str(local))
    return posixpath.join(remote or "", name)


def entries_at(client: Client, path: str, exact: bool = False) -> list[Entry]:
    """List a directory, or the one entry of a file; raise NotFound."""
    try:
        return client.list(path, exact)
    except NotFound as fault:
        first: Refused = fault
    except Refused as fault:
        first = fault
    # Servers say anything from 501 to 550 when the path is a file.
    entry = client.stat(path) if path else None
    if entry is None or entry.kind is Kind.DIRECTORY:
        raise first
    entry.name = path
    return [entry]


def is_pattern(text: str) -> bool:
    """Whether a path holds a wildcard."""
    return any(mark in _PATTERN for mark in text)


def expand(client: Client, pattern: str) -> list[str]:
    """Expand `*`, `?` and `[...]` against the server's names; a leading dot must be written."""
    found = ["/" if pattern.startswith("/") else ""]
    for part in (part for part in pattern.split("/") if part):
        if is_pattern(part):
            found = [posixpath.join(base, name) for base in found for name in _matches(client, base, part)]
        else:
            found = [posixpath.join(base, part) for base in found]
    return found


def _matches(client: Client, base: str, part: str) -> list[str]:
    try:
        names = [entry.name for entry in client.list(base) if safe_name(entry.name)]
    except Refused:
        return []  # the pattern met a file where it needs a directory
    return sorted(
        name for name in names if fnmatch.fnmatchcase(name, part) and (part[0] == "." or name[0] != ".")
    )


def move(client: Client, old: str, new: str) -> str:
    """Rename, into `new` if that is a directory; return the new path."""
    name = old.rstrip("/").rpartition("/")[2]
    target = f"{new.rstrip('/')}/{name}" if client.is_directory(new) else new
    client.rename(old, target)
    return target

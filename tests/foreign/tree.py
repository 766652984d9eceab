"""A real tree to move: the running interpreter's own standard library, and the names that break clients.

`library(folder)` makes a private copy (another process may be compiling into the original): every file of the
standard library directory but installed packages (site-packages, dist-packages). Compiled files (__pycache__)
are left out where the sources alone are two thousand, and taken in where a distribution ships fewer: the tree
always holds thousands of files. Links of the distribution become the files they lead to. To that come a few
names that are legal and awkward. `differences(a, b)` compares byte for byte and says what differs.
"""

import filecmp
import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

LEAST_FILES = 1300  # of the smallest distribution we know (Debian's python3, with its compiled files)
_INSTALLED = ("site-packages", "dist-packages")
_AWKWARD = (
    "a space",
    " leading and trailing ",
    "-rf",
    ".hidden",
    "hash#mark",
    "per%41cent",
    "question?",
    "it's [quoted] {1,2}",
    "semi;colon & and",
    "ünï-日本-😀",
    "~tilde",
    "x" * 200,
    "...",
)


def library(folder: Path) -> Path:
    """Copies the standard library and the awkward names into `folder`, made here, and returns it."""
    source = Path(sysconfig.get_path("stdlib"))
    sources = sum(1 for path in files(source) if "__pycache__" not in path and not _installed(path))
    skipped = (*_INSTALLED, "__pycache__") if sources >= 2000 else _INSTALLED
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns(*skipped))
    odd = folder / "odd names"
    for number, name in enumerate(_AWKWARD):
        directory = odd / name
        directory.mkdir(parents=True)
        (directory / name).write_bytes(os.urandom(number * 997))
    (odd / "empty file").touch()
    count = sum(1 for _ in files(folder))
    assert count >= LEAST_FILES, f"only {count} files in {source}: this is no whole standard library"
    return folder


def package(folder: Path) -> Path:
    """A small part of the same tree, some hundred files, for what is slow or repeated."""
    source = Path(sysconfig.get_path("stdlib"))
    for name in ("encodings", "email", "json", "unittest"):
        shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def files(root: Path) -> Iterator[str]:
    """The relative path of every file below `root`, directories in order of name."""
    for directory, directories, names in os.walk(root):
        directories.sort()
        for name in sorted(names):
            yield os.path.relpath(os.path.join(directory, name), root)


def directories(root: Path) -> Iterator[str]:
    """The relative path of every directory below `root`, parents before their children."""
    for directory, below, _ in os.walk(root):
        below.sort()
        for name in below:
            yield os.path.relpath(os.path.join(directory, name), root)


def plant(tree: Path, home: Path) -> None:
    """Puts `tree` into `home` on the server's disk, as another program would, by hard links where it can."""
    shutil.copytree(tree, home, copy_function=_link, dirs_exist_ok=True)


def differences(one: Path, other: Path) -> list[str]:
    """Every path that is in one tree only or whose bytes differ; empty means that the files are the same."""
    mine, theirs = set(files(one)), set(files(other))
    found = [f"only in {one}: {path}" for path in sorted(mine - theirs)]
    found += [f"only in {other}: {path}" for path in sorted(theirs - mine)]
    found += [
        f"differs: {path}"
        for path in sorted(mine & theirs)
        if not filecmp.cmp(one / path, other / path, shallow=False)
    ]
    return found[:20] + [f"... {len(found) - 20} more"] * (len(found) > 20)


def _installed(path: str) -> bool:
    return any(part in _INSTALLED for part in Path(path).parts)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target

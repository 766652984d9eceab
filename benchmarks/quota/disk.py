"""What is on the disk, seen from outside: logical bytes of every file of a home, named or not."""

import contextlib
import os
import stat
from pathlib import Path

from benchmarks.machine import process_tree

# What servers keep in the home for themselves is not the user's.
_OWN = {".ftpquota"}


def named(home: Path) -> dict[tuple[int, int], int]:
    """Size by inode of every regular file below the home."""
    found: dict[tuple[int, int], int] = {}
    for folder, _, files in os.walk(home):
        for name in set(files) - _OWN:
            with contextlib.suppress(OSError):
                facts = os.lstat(os.path.join(folder, name))
                if stat.S_ISREG(facts.st_mode):
                    found[facts.st_dev, facts.st_ino] = facts.st_size
    return found


def nameless(root: int, below: Path) -> dict[tuple[int, int], int]:
    """Size by inode of the files without a name below a folder that the process tree `root` has open."""
    found: dict[tuple[int, int], int] = {}
    for pid in process_tree(root):
        with contextlib.suppress(OSError):
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    link = os.readlink(entry.path)
                    if link.startswith(f"{below}/") and link.endswith("(deleted)"):
                        facts = os.stat(entry.path)
                        if stat.S_ISREG(facts.st_mode) and facts.st_nlink == 0:
                            found[facts.st_dev, facts.st_ino] = facts.st_size
    return found


def used(home: Path) -> int:
    """Bytes of the named files."""
    return sum(named(home).values())


def present(home: Path, root: int) -> int:
    """Bytes of the named files of a home and of the nameless ones that the process tree `root` has open beside it."""
    return sum({**nameless(root, home.parent), **named(home)}.values())

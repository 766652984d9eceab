"""A slow disk for every server alike: a directory of each home is a file system (bindfs) that reads at a low rate.

It takes root and FUSE. Whoever waits for it in the one thread that serves everybody keeps everybody waiting.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shutil import which

RATE = "4M"  # bytes a second
CLIENTS = 4


def slow_disks_can_be_made() -> bool:
    """Whether this machine and its user can."""
    return os.geteuid() == 0 and os.path.exists("/dev/fuse") and which("bindfs") is not None


@contextlib.contextmanager
def slow_disk(homes: list[Path], name: str, source: Path) -> Iterator[None]:
    """In each home, the directory `name` has the file `source` on a slow disk, unread as yet."""
    with contextlib.ExitStack() as stack:
        for home in dict.fromkeys(homes[:CLIENTS]):
            place = home / name
            options = [f"--read-rate={RATE}", "-o", "ro,allow_other"]
            subprocess.run(["bindfs", *options, source.parent, place], check=True)
            stack.callback(partial(subprocess.run, ["umount", "--lazy", place], check=True))
        yield

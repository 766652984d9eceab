"""Books against disk, over the wire: what SITE QUOTA says beside what a walk of the home finds.

agree(wire, home)             # ledger = disk, nothing promised any more
"""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

from tests.service import PATIENCE
from tests.wire import Wire

_LINE = re.compile(r"^\s*(Bytes|Entries): (\d+) used.*?(\d+) promised", re.MULTILINE)


def disk(root: Path) -> tuple[int, int]:
    """What a walk finds: bytes of regular files, each name counted, and entries."""
    size = entries = 0
    for where, folders, files in os.walk(root):
        entries += len(folders) + len(files)
        for name in files:
            path = os.path.join(where, name)
            size += 0 if os.path.islink(path) else os.lstat(path).st_size
    return size, entries


def books(wire: Wire) -> tuple[int, int, int, int]:
    """Bytes and entries used, bytes and entries promised; an uncounted home is counted by this."""
    text = (wire.say("SITE QUOTA") >> 200).text
    found = {kind: (int(used), int(held)) for kind, used, held in _LINE.findall(text)}
    assert set(found) == {"Bytes", "Entries"}, text
    (bytes, held_bytes), (files, held_files) = found["Bytes"], found["Entries"]
    return bytes, files, held_bytes, held_files


def agree(wire: Wire, home: Path) -> tuple[int, int]:
    """Asserts that ledger and disk agree and that nothing is promised; returns bytes and entries."""
    found, booked = disk(home), books(wire)
    assert booked == (*found, 0, 0), f"the books say {booked}, the disk {found}: {sorted(os.listdir(home))}"
    return found


def in_force(wire: Wire, limit: int) -> None:
    """Asserts that the quota of `limit` bytes is in force: what is left can be had, and not a byte more."""
    left = limit - books(wire)[0]
    wire.say(f"ALLO {left}") >> 200
    with wire.extended() as data:
        wire.say("STOR .probe") >> 150
        data.sendall(b"p" * left)
    wire.hear() >> 226
    with wire.extended() as data:
        wire.say("STOR .one more byte") >> 150
        data.sendall(b"p")
    wire.hear() >> 552
    wire.say("DELE .probe") >> 250


def nothing_stray(homes: Path) -> None:
    """Asserts that no temporary file is left below the homes."""
    left = [path for path in homes.rglob(".ftpserver-*") if path.name != ".ftpserver-staging"]
    assert left == [], left


def until(question: Callable[[], bool], what: str) -> None:
    """Asks until the answer is true; the deadline only turns "never" into a failure."""
    deadline = time.monotonic() + PATIENCE
    while not question():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)

"""Writing to a disk, and which disks are quick at it.

A write mostly costs what copying into memory costs. Now and then it has to wait: for a server in the network, for a
disk that stands still, for others' pages to be written first. No system call tells that beforehand, so experience does:
a disk is trusted for a moment when a write to it was quick, and known as slow for a while when one took long. Of any
other nothing is known: it is best tried on a thread.
"""

import os
import threading
import time

LONG = 0.02
"""Seconds after which a write has kept others waiting; less may be the turn of another process."""
_TRUSTED = 1.0
_DISTRUSTED = 5.0

# Devices, whether writes to them are quick, and until when that is known.
_quick: dict[int, tuple[bool, float]] = {}
_some_slow_until = 0.0
_noting = threading.Lock()


def write(fd: int, data: "bytes | memoryview", offset: int) -> bool:
    """Write all of it, and return whether that took long. Blocks. Raises OSError."""
    began = time.monotonic()
    while data:
        written = os.pwrite(fd, data, offset)
        if written == len(data):
            break
        offset += written
        data = data[written:]
    return time.monotonic() - began > LONG


def device_of(fd: int) -> int:
    """The disk of a file; ask before it is written: a file system of the network may write all of it to answer."""
    return os.fstat(fd).st_dev


def some_are_slow() -> bool:
    """Whether any disk is known as slow."""
    return _some_slow_until > 0 and time.monotonic() < _some_slow_until  # mostly 0, which is cheap


def is_quick(device: int) -> bool | None:
    """Whether a write to this disk is quick, as far as is known."""
    known = _quick.get(device)
    return known[0] if known is not None and time.monotonic() < known[1] else None


def note(device: int, long: bool) -> None:
    """A write to this disk took long, or did not; to be called from any thread."""
    global _some_slow_until
    with _noting:
        if long:
            _some_slow_until = time.monotonic() + _DISTRUSTED
            _quick[device] = False, time.monotonic() + _DISTRUSTED
        elif is_quick(device) is None:
            _quick[device] = True, time.monotonic() + _TRUSTED

"""What of a file is in memory, and what has to come from a disk, or over a network, first.

Most file systems tell (preadv2 with RWF_NOWAIT). Of those that cannot, the ones that live in memory have everything
there; of any other (FUSE, some network file systems) nothing is taken to be there, so that whoever reads it does so on
a thread and keeps nobody waiting.
"""

import ctypes
import errno
import os
import time

_FETCH = 1024 * 1024
_PROBE = (bytearray(1),)
_CANNOT_TELL = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_IN_MEMORY = frozenset({0x01021994, 0x858458F6, 0x958458F6})  # tmpfs, ramfs, hugetlbfs (statfs(2))
_libc = ctypes.CDLL(None, use_errno=True)

_MUTE_SECONDS = 60.0  # then a device is asked again: its number may be another file system's

_mute: dict[
    int, tuple[bool, float]
] = {}  # devices that cannot tell, what is taken to be so there, and until when


def at_hand(fd: int, device: int, offset: int, count: int) -> bool:
    """Whether these bytes of a file can be read at once, as far as is known; `device` is where it lies.

    Only the last one is looked at: the system reads ahead, so the others are there when it is.
    """
    known = _mute.get(device)
    if known is not None and time.monotonic() < known[1]:
        return known[0]
    try:
        os.preadv(fd, _PROBE, offset + count - 1, os.RWF_NOWAIT)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in _CANNOT_TELL:
            there = _lives_in_memory(fd)
            _mute[device] = there, time.monotonic() + _MUTE_SECONDS
            return there
    return True  # also when it cannot be read at all: who tries will hear why


def fetch(fd: int, offset: int, count: int) -> None:
    """Read these bytes, and drop them: they are in memory then. Blocks. Raises OSError."""
    end = offset + count
    while offset < end:
        found = len(os.pread(fd, min(_FETCH, end - offset), offset))
        if not found:
            return
        offset += found


def _lives_in_memory(fd: int) -> bool:
    facts = (ctypes.c_long * 32)()  # struct statfs: its first word is the kind
    return _libc.fstatfs(fd, facts) == 0 and facts[0] & 0xFFFFFFFF in _IN_MEMORY

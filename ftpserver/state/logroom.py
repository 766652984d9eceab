"""Room for a write-ahead log on a disk that others fill.

Theory. What became of a change is written after it, and by then the disk may be full: of the files of those who are
served, as often as not. Then nobody has written it down; and who would delete something to make room cannot, as that
has to be written down too. So the first blocks of the log are taken from the file system in advance. They stay the
log's when SQLite begins it again from its start, which it does after every checkpoint.

The log is as long as before (FALLOC_FL_KEEP_SIZE): SQLite knows nothing of it.
"""

import ctypes
import os
from pathlib import Path

BYTES = 512 * 1024
"""As many as some fifty changes take; a log that was longer once has more."""
_KEEP_SIZE = 1

_libc = ctypes.CDLL(None, use_errno=True)
_fallocate = (
    getattr(_libc, "fallocate64", None) or _libc.fallocate
)  # musl has the second only, and it is as wide
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_fallocate.restype = ctypes.c_int


def take_room(log: Path) -> bool:
    """Take the first blocks of the file `log`; False where there is no room, no such file, or the disk cannot."""
    try:
        fd = os.open(log, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return bool(_fallocate(fd, _KEEP_SIZE, 0, BYTES) == 0)
    finally:
        os.close(fd)

"""Digests of a part of a file: what HASH and the X verbs tell.

A digest reads all of it, so it belongs on a thread. Between two chunks it calls `go_on`, which may raise what ends it.
"""

import hashlib
import os
import zlib
from collections.abc import Callable
from typing import Protocol

from ftpserver.data.text import GoOn

_CHUNK = 1024 * 1024


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class _Crc32:
    """zlib's CRC in the manner of hashlib."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08X}"


_ALGORITHMS: dict[str, Callable[[], _Digest]] = {
    "SHA-256": hashlib.sha256,
    "SHA-512": hashlib.sha512,
    "SHA-1": hashlib.sha1,
    "MD5": hashlib.md5,
    "CRC32": _Crc32,
}
HASHES = tuple(_ALGORITHMS)
"""The names of what can be computed, the best first."""


def digest(name: str, fd: int, first: int, end: int, go_on: GoOn) -> tuple[str, int]:
    """The digest, in hexadecimal, of the bytes from `first` up to but without `end`, and where they ended.

    A file that became shorter ends before. Raises OSError, and what `go_on` raises.
    """
    computed, position = _ALGORITHMS[name](), first
    while position < end and (chunk := os.pread(fd, min(_CHUNK, end - position), position)):
        go_on()
        computed.update(chunk)
        position += len(chunk)
    return computed.hexdigest(), position

"""A walk of a home that no session has open: for counting it, and for comparing it with its books."""

from collections.abc import Iterator
from pathlib import Path

from ftpserver.storage.local import LocalStorage


def walk_home(home: Path, homes: Path) -> Iterator[tuple[int, int]]:
    """The increments of bytes and entries of a home; none of one that was never made. Raises OSError."""
    try:
        storage = LocalStorage.open(home, below=homes, create=False)
    except FileNotFoundError:
        return
    try:
        yield from storage.count()
    finally:
        storage.close()

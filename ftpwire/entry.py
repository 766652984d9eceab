"""What a listing tells about one name, whichever form it is told in.

A fact that is unknown is None. Storage makes entries from the disk; `facts` and `listing` say and read them.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a name stands for, in the words of the MLSx type fact."""

    FILE = "file"
    DIRECTORY = "dir"
    LINK = "link"
    OTHER = "other"

    __hash__ = str.__hash__  # an enumeration's own is slow in a listing's loop


@dataclass(slots=True)
class Entry:
    """One name of a directory and what is known about it."""

    name: str
    kind: Kind
    size: int | None = None
    """Bytes."""
    modified: float | int | None = None
    """Seconds since 1970, UTC."""
    mode: int | None = None
    """Permission bits, 0o7777."""
    links: int | None = None
    """Hard links."""
    unique: str | None = None
    """Equal for two names of one file; opaque, without spaces and semicolons."""
    target: str | None = None
    """What a link points at, as it stands in the link."""
    owner: str | None = None
    group: str | None = None
    perm: str | None = None
    """The MLSx perm fact: what the current user may do with it (RFC 3659 section 7.5.5)."""

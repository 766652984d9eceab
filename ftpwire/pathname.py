"""Path names as a client sees them: one tree whose root is the user's home (RFC 959 section 4.1.3 and 5.3.1).

`VirtualPath` is absolute and normal by construction: "/" or "/a/b", never ".", "..", an empty part or NUL.
Resolving is lexical and says nothing about files: the jail asks the kernel. Backslash, "%2e", "~" and a
leading "-" are ordinary characters of a name. The 257 reply quotes a path and doubles the quotes inside it.
"""

import re
from dataclasses import dataclass

from ftpwire.errors import LocalError, RemoteError

MAX_PATH = 4096
"""Bytes in a path, as PATH_MAX."""

_SURELY_SHORT = MAX_PATH // 4  # characters: none takes more than four bytes
_PLAIN_NAME = re.compile(r"[^./\0][^/\0]*")  # most arguments: one name, neither "." nor ".."

_QUOTED = re.compile(r'"((?:[^"]|"")*+)"')  # possessive: one pass, whatever the text


@dataclass(frozen=True, slots=True)
class VirtualPath:
    """An absolute, normal path below the user's home."""

    text: str

    def __post_init__(self) -> None:
        text = self.text
        if text == "/":
            return
        closed = f"{text}/"  # so that every part stands between two slashes
        if text[:1] != "/" or "//" in closed or "/./" in closed or "/../" in closed or "\0" in text:
            raise LocalError("a virtual path is absolute and normal")

    @classmethod
    def resolve(cls, cwd: "VirtualPath", text: str) -> "VirtualPath":
        """Return the path that `text` names in the directory `cwd`; ".." at the root stays there.

        Raises RemoteError when the text holds NUL, or it or the result is longer than 4096 bytes.
        """
        if _PLAIN_NAME.fullmatch(text) and len(cwd.text) + len(text) < _SURELY_SHORT:
            return cls._surely(f"{cwd.text}/{text}" if cwd.text != "/" else f"/{text}")
        if "\0" in text:
            raise RemoteError("a path cannot hold NUL")
        _check_length(text)
        parts = [] if text.startswith("/") else list(cwd.parts)
        for part in text.split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        path = "/" + "/".join(parts)
        _check_length(path)
        return cls(path)

    @classmethod
    def _surely(cls, text: str) -> "VirtualPath":
        """The path of a text that is known to be absolute and normal."""
        path = object.__new__(cls)
        object.__setattr__(path, "text", text)
        return path

    @property
    def parts(self) -> tuple[str, ...]:
        """The names from the root down; none for the root."""
        return tuple(self.text[1:].split("/")) if self.text != "/" else ()

    @property
    def name(self) -> str:
        """The last name; empty for the root."""
        return self.text.rpartition("/")[2]

    @property
    def parent(self) -> "VirtualPath":
        """The directory the name is in; the root is its own parent."""
        return VirtualPath(self.text.rpartition("/")[0] or "/")

    @property
    def relative(self) -> str:
        """The path as seen from the root directory: "a/b", "." for the root."""
        return self.text[1:] or "."

    def child(self, name: str) -> "VirtualPath":
        """Return the path of a name in this directory. Raises LocalError when it is not one plain name."""
        if not name or "/" in name:
            raise LocalError("a name is not empty and holds no slash")
        return VirtualPath(f"{self.text}/{name}" if self.text != "/" else f"/{name}")

    def is_below(self, other: "VirtualPath") -> bool:
        """Tell whether this path is inside the directory `other`, at any depth; no path is below itself."""
        return self.text.startswith(other.text.rstrip("/") + "/") and self.text != other.text

    def __str__(self) -> str:
        return self.text


ROOT = VirtualPath("/")


def _check_length(text: str) -> None:
    if len(text) <= _SURELY_SHORT:
        return
    try:
        size = len(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        raise RemoteError("the path cannot be written in UTF-8") from None
    if size > MAX_PATH:
        raise RemoteError("the path is too long")


def quote(text: str) -> str:
    """Return the text in quotes, those inside doubled, as the 257 reply shows a path."""
    return '"' + text.replace('"', '""') + '"'


def unquote(text: str) -> str:
    """Return the first quoted string of the text, its doubled quotes single again. Raises RemoteError."""
    start = text.find('"')
    match = _QUOTED.match(text, start) if start >= 0 else None
    if match is None:
        raise RemoteError("the reply holds no quoted path")
    return match[1].replace('""', '"')

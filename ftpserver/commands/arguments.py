"""The kinds of argument a verb can have: each reads the text after the verb, or refuses it with 501.

Text is read as it stands: nothing is stripped from names. Numbers are ASCII digits only, at most nineteen of them.
"""

import re

from ftpserver.refusal import refuse
from ftpserver.session import Peer, Session
from ftpwire.pathname import VirtualPath

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_LARGEST = 2**63 - 1
_MODE = re.compile(r"0?[0-7]{3}")


def nothing(peer: Peer, text: str) -> None:
    """A verb without an argument; one that is there is ignored, as devices send them."""


def text(peer: Peer, text: str) -> str:
    """Any text, also none."""
    return text


def word(peer: Peer, text: str) -> str:
    """One word, its ASCII letters upper-cased, with blanks around it ignored."""
    stripped = text.strip(" ")
    if not stripped:
        raise refuse(501, "An argument is needed.")
    return stripped.upper() if stripped.isascii() else stripped  # the dotless i is no I


def path(session: Session, text: str) -> VirtualPath:
    """A path, relative to the working directory."""
    if not text:
        raise refuse(501, "A path is needed.")
    return VirtualPath.resolve(session.cwd, text)


def optional_path(session: Session, text: str) -> VirtualPath:
    """A path, or nothing for the working directory."""
    return VirtualPath.resolve(session.cwd, text) if text else session.cwd


def number(peer: Peer, text: str) -> int:
    """A number of bytes, 0 to 2^63 - 1."""
    return read_number(text.strip(" "))


def read_number(text: str) -> int:
    """The number that these digits are. Raises Refusal."""
    if not _NUMBER.fullmatch(text) or int(text) > _LARGEST:
        raise refuse(501, "A number from 0 to 9223372036854775807 is needed.")
    return int(text)


def read_mode(text: str, help: str) -> int:
    """The permission bits that three octal digits are, perhaps after a 0. Raises Refusal with this help."""
    if not _MODE.fullmatch(text):
        raise refuse(501, help)
    return int(text, 8)


def timed_path(session: Session, text: str) -> tuple[str, VirtualPath]:
    """A time and a path: MFMT's argument."""
    time, blank, name = text.partition(" ")
    if not blank or not name:
        raise refuse(501, "A time YYYYMMDDHHMMSS and a path are needed.")
    return time, VirtualPath.resolve(session.cwd, name)

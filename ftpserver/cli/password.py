"""Asking for a password, and turning it into the hash that an account file holds.

bcrypt reads no more than 72 bytes and ends at NUL; a password beyond that is refused, for a shorter one would
then log in as well.
"""

import sys

import click

from ftpserver.cli import Trouble

COST = 12
"""bcrypt rounds as a power of two: about a quarter of a second."""

MAX_BYTES = 72
_MAX_LINE = 4096


def ask_password(name: str, from_stdin: bool) -> bytes:
    """Return the new password of `name`: one line of standard input, or typed twice at the terminal.

    Raises Trouble when there is no terminal or the password cannot be used.
    """
    if from_stdin:
        line = sys.stdin.buffer.readline(_MAX_LINE)
        password = line.removesuffix(b"\n").removesuffix(b"\r")
    elif sys.stdin.isatty():
        text = click.prompt(
            f"Password for {name}", hide_input=True, confirmation_prompt=True, default="", show_default=False
        )
        password = str(text).encode("utf-8", "surrogateescape")
    else:
        raise Trouble("there is no terminal to ask for the password; use --password-stdin")
    _refuse_unusable(password)
    return password


def hash_password(password: bytes) -> str:
    """Return the bcrypt hash of a usable password; takes a quarter of a second."""
    import bcrypt

    return bcrypt.hashpw(password, bcrypt.gensalt(COST)).decode("ascii")


def _refuse_unusable(password: bytes) -> None:
    if not password:
        raise Trouble("the password is empty")
    if len(password) > MAX_BYTES:
        raise Trouble(f"the password is longer than {MAX_BYTES} bytes, which bcrypt cannot use")
    if any(byte in password for byte in b"\0\r\n"):
        raise Trouble("the password contains NUL, CR or LF, which no FTP client can send")

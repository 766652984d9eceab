"""Exit codes by cause: the one table that the program, its help and its tests read.

Scripts rely on these numbers, so they are never given another meaning. The first failure of a command
decides.
"""

from enum import IntEnum

from ftpclient import errors


class Exit(IntEnum):
    """Why the program ended."""

    OK = 0
    FAILED = 1
    USAGE = 2
    LOGIN = 3
    CONNECT = 4
    TLS = 5
    NOT_FOUND = 6
    PERMISSION = 7
    FULL = 8
    TIMEOUT = 9
    LOST = 10
    LOCAL = 11
    VERIFY = 12
    PARTLY = 13
    INTERRUPTED = 130


MEANING: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.FAILED: "the server refused, for a reason not listed below",
    Exit.USAGE: "the command line is wrong",
    Exit.LOGIN: "the login was refused",
    Exit.CONNECT: "the server cannot be reached",
    Exit.TLS: "no trusted encrypted connection",
    Exit.NOT_FOUND: "no such file or directory on the server",
    Exit.PERMISSION: "the server does not permit it",
    Exit.FULL: "quota or disk of the server is full (452, 552)",
    Exit.TIMEOUT: "the server was silent for too long",
    Exit.LOST: "the connection was lost",
    Exit.LOCAL: "a local file could not be read or written",
    Exit.VERIFY: "what arrived is not what was sent",
    Exit.PARTLY: "some files were done, some failed",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
}

_CAUSES: tuple[tuple[type[BaseException], Exit], ...] = (
    (KeyboardInterrupt, Exit.INTERRUPTED),
    (errors.LoginRefused, Exit.LOGIN),
    (errors.CannotConnect, Exit.CONNECT),
    (errors.TlsFailed, Exit.TLS),
    (errors.NotFound, Exit.NOT_FOUND),
    (errors.Denied, Exit.PERMISSION),
    (errors.Full, Exit.FULL),
    (errors.TimedOut, Exit.TIMEOUT),
    (errors.ConnectionLost, Exit.LOST),
    (errors.TransferCut, Exit.LOST),
    (errors.VerificationFailed, Exit.VERIFY),
    (errors.BadName, Exit.USAGE),
    (errors.FtpError, Exit.FAILED),
    (OSError, Exit.LOCAL),
    (ValueError, Exit.USAGE),
)


def exit_of(error: BaseException) -> Exit:
    """Tell which exit code an error stands for."""
    for cause, code in _CAUSES:
        if isinstance(error, cause):
            return code
    return Exit.FAILED


def table() -> str:
    """Write the exit codes as lines of text, for `--help`."""
    return "\n".join(f"{code.value:>5}  {meaning}" for code, meaning in MEANING.items())

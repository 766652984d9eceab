"""What can go wrong with a server, as members of the OSError family.

A caller that knows files already knows these: a missing remote file is a `FileNotFoundError`, a refused one a
`PermissionError`, a silent server a `TimeoutError`. Each also is an `FtpError`, so that faults of the server
stay apart from faults of the local disk, and carries the server's reply code and text. The text is what the
server sent and may hold control characters: whoever prints it passes it through `ftpclient.display.shown`.

Reply codes: RFC 959 §4.2, RFC 2228 §5, RFC 4217, RFC 2428. A 550 says no more than "no", so its text is read
for the reason; when that does not tell, the error is a plain `Refused`.
"""

import errno
from typing import ClassVar

from ftpwire.reply import Reply


class FtpError(OSError):
    """The server, or the way to it, failed; `code` is its reply code if it gave one."""

    number: ClassVar[int] = errno.EIO

    def __init__(self, text: str, *, code: int | None = None, path: str | None = None) -> None:
        super().__init__(self.number, text, path)
        self.text = text
        self.code = code
        self.path = path

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        code = f" ({self.code})" if self.code else ""
        return f"{where}{self.text}{code}"


class Refused(FtpError):
    """The server said no, for a reason that has no class of its own."""


class Unsupported(Refused):
    """The server does not know the command (500, 502, 504)."""

    number = errno.EOPNOTSUPP


class NotFound(Refused, FileNotFoundError):
    """There is no such file or directory on the server."""

    number = errno.ENOENT


class Exists(Refused, FileExistsError):
    """The name is taken on the server."""

    number = errno.EEXIST


class NotDirectory(Refused, NotADirectoryError):
    """A file stands where a directory is needed."""

    number = errno.ENOTDIR


class IsDirectory(Refused, IsADirectoryError):
    """A directory stands where a file is needed."""

    number = errno.EISDIR


class Denied(Refused, PermissionError):
    """The account may not do that."""

    number = errno.EACCES


class Full(Refused):
    """The quota or the disk of the server is used up (452, 552)."""

    number = errno.ENOSPC


class LoginRefused(Refused):
    """The server did not take the name and password."""

    number = errno.EACCES


class BadName(FtpError):
    """A name holds what a command line cannot carry: CR, LF or NUL."""

    number = errno.EINVAL


class TlsFailed(FtpError):
    """No encrypted connection could be made, or it was cut without its proper end."""

    number = errno.EPROTO


class Untrusted(TlsFailed):
    """The server's certificate is of nobody we trust, or not the server's."""


class ProtocolFault(FtpError):
    """The server sent what is not FTP."""

    number = errno.EPROTO


class TimedOut(FtpError, TimeoutError):
    """The server was silent for too long."""

    number = errno.ETIMEDOUT


class CannotConnect(FtpError, ConnectionError):
    """The server could not be reached."""

    number = errno.ECONNREFUSED


class ConnectionLost(FtpError, ConnectionError):
    """The control connection ended; the session is over."""

    number = errno.ECONNRESET


class TransferCut(FtpError, ConnectionError):
    """A data connection failed or ended early; the session itself goes on."""

    number = errno.ECONNABORTED


class VerificationFailed(FtpError):
    """What arrived is not what was sent, by count or by content."""

    number = errno.EIO


SESSION_OVER = (ConnectionLost, TimedOut, ProtocolFault, TlsFailed, LoginRefused)
"""After one of these no further file of a job can succeed on the same connection."""

_BY_CODE: dict[int, type[FtpError]] = {
    421: ConnectionLost,
    425: TransferCut,
    426: TransferCut,
    430: LoginRefused,
    431: TlsFailed,
    452: Full,
    500: Unsupported,
    502: Unsupported,
    504: Unsupported,
    521: TlsFailed,
    522: TlsFailed,
    530: LoginRefused,
    532: LoginRefused,
    533: TlsFailed,
    534: TlsFailed,
    552: Full,
}

_BY_TEXT: tuple[tuple[type[FtpError], tuple[str, ...]], ...] = (
    (NotFound, ("no such", "not found", "not exist", "doesn't exist", "can't find", "cannot find")),
    # vsftpd says only that it failed; most often nothing is there (curl makes the same choice: its exit code
    # 78).
    (NotFound, ("failed to open file", "could not get file", "failed to change directory")),
    (NotFound, ("can't check for file existence",)),  # Pure-FTPd to MLSD, MLST and SIZE of what is not there
    (NotDirectory, ("not a directory",)),
    (IsDirectory, ("is a directory", "not a regular file", "not a plain file")),
    (Full, ("quota", "no space", "disk full", "not enough space")),
    (Refused, ("not empty",)),
    (Exists, ("exists",)),
    (
        Denied,
        ("permission", "denied", "not allowed", "not permitted", "privileges", "read-only", "forbidden"),
    ),
)


def in_words(fault: BaseException) -> str:
    """Say a fault as a person would: the file, then what is wrong with it, and none of the system's numbers."""
    if isinstance(fault, OSError) and not isinstance(fault, FtpError) and fault.strerror:
        return fault.strerror if fault.filename is None else f"{fault.filename}: {fault.strerror}"
    return str(fault) or type(fault).__name__


def refusal(reply: Reply, path: str | None = None) -> FtpError:
    """Make the error that a 4xx or 5xx reply (or an unexpected one) stands for."""
    text = reply.text or "no reason given"
    kind = _BY_CODE.get(reply.code)
    if kind is None:
        if reply.code < 400:
            return ProtocolFault(f"unexpected reply: {text}", code=reply.code, path=path)
        kind = _by_text(reply.code, text)
    return kind(text, code=reply.code, path=path)


def _by_text(code: int, text: str) -> type[FtpError]:
    lowered = text.lower()
    for kind, phrases in _BY_TEXT:
        if any(phrase in lowered for phrase in phrases):
            return kind
    return Denied if code == 553 else Refused

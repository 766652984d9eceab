"""What a line of a client is: a command, none, or a sign that its sender speaks another protocol.

Who speaks another protocol before a login is sent off without a word: a browser that was made to post FTP commands
somewhere (the ALPACA attack), a mailer, a TLS client at a port where TLS begins with AUTH. During a transfer only a
bare verb that its row lets (ABOR, STAT) is not kept waiting.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ftpserver.commands import verbs
from ftpserver.commands.table import Interrupt
from ftpwire.charset import Charset
from ftpwire.command import Command
from ftpwire.errors import RemoteError
from ftpwire.reply import Reply

_OVERLONG = Reply(500, ("The command line is too long.",))
_GARBLED = Reply(500, ("That is no command.",))
_MANY = 1000
_MUCH = 64 * 1024  # bytes
_FOREIGN = frozenset({"GET", "POST", "HEAD", "PUT", "CONNECT", "OPTIONS", "PATCH", "PRI", "EHLO", "HELO"})
_TLS_HANDSHAKE = b"\x16\x03"


@dataclass(frozen=True, slots=True)
class Stranger:
    """The sender speaks another protocol: `reason` is for the log."""

    reason: str


def read(line: bytes | None, charset: Charset | None, visitor: bool) -> Command | Reply | Stranger:
    """The command of a line, or what to say or do instead; None is a line that was too long to be one.

    `charset` is what the client writes names in where that is not UTF-8; `visitor`: nobody has logged in.
    """
    if line is None:
        return _OVERLONG
    if charset is not None:
        line = charset.inbound(line)
    try:
        command = Command.decode(line)
    except RemoteError:
        if visitor and line.startswith(_TLS_HANDSHAKE):
            return Stranger("TLS was spoken without AUTH TLS")
        return _GARBLED
    if visitor and command.verb in _FOREIGN:
        return Stranger("another protocol than FTP was spoken")
    return command


def overflow(waiting: Sequence[bytes | None]) -> bool:
    """Whether so many lines wait to be carried out, or such long ones, that no more are to be read."""
    return len(waiting) > _MANY or sum(map(len, filter(None, waiting))) > _MUCH


def interrupt_of(line: bytes | None) -> Interrupt:
    """What a line may do while a transfer runs; only a bare verb may do anything."""
    row = verbs.get(line.strip().upper().decode("latin-1")) if line else None
    return Interrupt.WAITS if row is None else row.interrupt

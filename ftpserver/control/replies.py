"""Replies on their way to one client: encoded, collected, and long ones made while they are read.

The encoding is UTF-8, or what the account says for a client that knows no UTF-8. A recital (STAT of a directory) is
made in slices, on a thread, the next one when the client has taken those before; so it may be as long as it likes.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from itertools import islice

from ftpserver.control.channel import ControlChannel
from ftpserver.outcome import Recite
from ftpserver.session import Link
from ftpwire.charset import Charset
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

_SLICE = 200


class Replies:
    """Writes replies to a channel."""

    __slots__ = ("_channel", "_link", "_loop", "_on_recited", "_pool", "_recital")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Executor,
        channel: ControlChannel,
        link: Link,
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._channel = channel
        self._link = link
        self._recital: Recite | None = None
        self._on_recited: Callable[[], None] | None = None

    @property
    def reciting(self) -> bool:
        """Whether a long answer is under way."""
        return self._recital is not None

    def write(self, reply: Reply) -> None:
        """Have this sent with the next flush of the channel."""
        data = reply.encode()
        self._channel.write(data if self._link.charset is None else _in_charset(data, self._link.charset))

    def say(self, reply: Reply) -> None:
        """Send this at once."""
        self.write(reply)
        self._channel.flush()

    def recite(self, recital: Recite, on_recited: Callable[[], None]) -> None:
        """Begin a long answer; `on_recited` is called when it has ended."""
        self._recital = recital
        self._on_recited = on_recited
        self._channel.write(f"{recital.code}-{recital.opening}\r\n".encode())
        self.go_on()

    def go_on(self) -> None:
        """Have the next lines of a long answer made when the client has read those before."""
        self._channel.flush()
        if self._recital is None or self._channel.closed or self._channel.unsent:
            return
        lines = islice(self._recital.lines, _SLICE)
        self._loop.run_in_executor(self._pool, list, lines).add_done_callback(self._made)

    def _made(self, made: "asyncio.Future[list[str]]") -> None:
        error = None if made.cancelled() else made.exception()
        recital = self._recital
        if recital is None or self._channel.closed or made.cancelled():
            return
        if error is not None:
            logger.error("a listing broke off: %s", error)
        elif lines := made.result():
            # A name may begin with digits; no line in the middle may look like the last one.
            text = "".join(f" {line}\r\n" if line[:1].isdigit() else f"{line}\r\n" for line in lines)
            data = text.encode("utf-8", "surrogateescape").replace(b"\xff", b"\xff\xff")  # Telnet's IAC
            self._channel.write(data if self._link.charset is None else _in_charset(data, self._link.charset))
            self.go_on()
            return
        on_recited, self._on_recited, self._recital = self._on_recited, None, None
        self.say(Reply(recital.code, (recital.closing,)))
        assert on_recited is not None
        on_recited()


def _in_charset(data: bytes, charset: Charset) -> bytes:
    """Control connection bytes in another encoding: in it a letter may be the byte that Telnet wants doubled."""
    return charset.outbound(data.replace(b"\xff\xff", b"\xff")).replace(b"\xff", b"\xff\xff")

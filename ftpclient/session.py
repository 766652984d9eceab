"""A logged-in connection: reached, encrypted, signed in, and able to run one transfer at a time.

Theory. `Session` owns the control connection and the plan for data connections and knows what the server can
do; it knows nothing of files and directories, which `ftpclient.client.Client` adds. Order at the start: AUTH
TLS (RFC 4217 §4), login, then in one batch TYPE I, FEAT, OPTS UTF8 ON (old servers want to be told), PWD and,
if encrypted, PBSZ and PROT P. A server that encrypts logins but not data is refused.

A transfer ends well only when the data ended well and the server confirmed it (226 or 250). When the data is
cut, the server's reply is read for the reason. When we fail ourselves, the data connection is reset and the
reply that will come is read off before the next command.
"""

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from ftpclient.control import Control, Trace
from ftpclient.data import BUFFER, DataConnection
from ftpclient.dial import DataPlan
from ftpclient.errors import LoginRefused, ProtocolFault, Refused, TlsFailed, TransferCut, refusal
from ftpclient.trust import Tls, make_context
from ftpclient.url import FTP_PORT, FTPS_PORT
from ftpwire.command import Command
from ftpwire.errors import RemoteError
from ftpwire.pathname import unquote
from ftpwire.reply import Reply


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach a server; `timeout` is in seconds of silence."""

    tls: Tls = Tls.AUTO
    context: ssl.SSLContext | None = None
    timeout: float = 60.0
    active: bool = False
    trace: Trace | None = None


class Session:
    """A connection to one server; a context manager that says goodbye."""

    def __init__(self, control: Control, settings: Settings | None = None) -> None:
        self.features: dict[str, str] = {}
        """FEAT: the feature's word in upper case, and what followed it."""
        self._control = control
        self._settings = settings or Settings()
        self._plan = DataPlan(control, self._settings.active)
        self._context: ssl.SSLContext | None = None
        self._cwd = "/"
        self._buffer: memoryview | None = None

    @classmethod
    def connect(cls, host: str, port: int | None = None, settings: Settings | None = None) -> Self:
        """Reach the server and encrypt as the settings ask; raise CannotConnect, TlsFailed or TimedOut."""
        settings = settings or Settings()
        implicit = settings.tls is Tls.IMPLICIT
        port = port or (FTPS_PORT if implicit else FTP_PORT)
        client = cls(Control.connect(host, port, settings.timeout, settings.trace), settings)
        try:
            client._open()
        except BaseException:
            client.close()
            raise
        return client

    def _open(self) -> None:
        control, tls = self._control, self._settings.tls
        if tls is Tls.IMPLICIT:
            self._encrypt()
        greeting = control.greeting()
        if not greeting.completion:
            raise refusal(greeting)
        if tls in (Tls.AUTO, Tls.REQUIRE):
            reply = control.ask("AUTH", "TLS")
            if reply.code == 234:
                self._encrypt()
            elif tls is Tls.REQUIRE:
                raise TlsFailed(f"the server offers no TLS: {reply.text}", code=reply.code)

    def _encrypt(self) -> None:
        self._context = self._settings.context or make_context()
        self._control.start_tls(self._context)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.quit()
        else:
            self.close()

    @property
    def encrypted(self) -> bool:
        """Whether the control connection is encrypted."""
        return self._control.tls is not None

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self._control.closed

    def login(self, user: str, password: str = "") -> None:
        """Log in and learn what the server can do; raise LoginRefused."""
        reply = self._control.ask("USER", user)
        if reply.code == 331:
            reply = self._control.ask("PASS", password)
        if reply.code not in (230, 232, 202):
            fault = refusal(reply)
            raise LoginRefused(fault.text, code=reply.code) if isinstance(fault, Refused) else fault
        self._negotiate()

    def _negotiate(self) -> None:
        commands = [Command("TYPE", "I"), Command("FEAT", ""), Command("OPTS", "UTF8 ON"), Command("PWD", "")]
        if self.encrypted:
            commands += [Command("PBSZ", "0"), Command("PROT", "P")]
        binary, features, _, where, *protection = self._control.exchange(commands)
        if not binary.completion:
            raise refusal(binary)
        if protection:
            if not protection[-1].completion:
                raise TlsFailed("the server does not encrypt data connections", code=protection[-1].code)
            self._plan.context = self._context
        self.features = _features(features) if features.completion else {}
        self._cwd = working_directory(where)

    def quit(self) -> None:
        """Say goodbye and close; a server that is already gone is no error."""
        with contextlib.suppress(OSError):
            if not self.closed:
                self._control.ask("QUIT")
        self.close()

    def close(self) -> None:
        """Close without a word."""
        self._control.close()

    def interrupt(self) -> None:
        """End the session from another thread, whatever it is doing: that gets ConnectionLost."""
        self._control.interrupt()

    def batch(self, commands: Sequence[Command]) -> list[Reply]:
        """Send simple commands (none that opens a data connection) at once; return their replies in order."""
        return self._control.exchange(commands)

    def received(self, data: DataConnection | None) -> Iterator[memoryview]:
        """Yield the data as it arrives; each part is valid until the next is asked for."""
        if self._buffer is None:
            self._buffer = memoryview(bytearray(BUFFER))
        while data and (got := data.receive_into(self._buffer)):
            yield self._buffer[:got]

    @contextlib.contextmanager
    def transfer(self, command: Command, offset: int, path: str) -> Iterator[DataConnection | None]:
        """Run one transfer from byte `offset`; None stands for no data at all.

        Raises the FtpError of the refusal (about `path`), also when the transfer was begun and not confirmed.
        """
        data = self._plan.open(command, offset, path)
        if data is None:
            yield None
            return
        try:
            yield data
        except (TransferCut, TlsFailed) as cut:
            data.abort()
            reply = self._control.final()  # says why the other side cut
            raise cut if reply.completion else refusal(reply, path) from cut
        except BaseException:
            data.abort()
            raise
        try:
            with contextlib.suppress(TransferCut, TlsFailed):
                data.end()  # after a download the server may be gone already
            reply = self._control.final()
            self._plan.remember(data)
        finally:
            data.close()
        if not reply.completion:
            raise refusal(reply, path)


def _features(reply: Reply) -> dict[str, str]:
    words = (line.strip().partition(" ") for line in reply.lines[1:-1])
    return {word.upper(): rest for word, _, rest in words if word}


def working_directory(reply: Reply) -> str:
    """Read the reply to PWD."""
    if not reply.completion:
        return "/"  # a server without PWD; absolute paths are then the user's affair
    try:
        return unquote(reply.text)
    except RemoteError as fault:
        raise ProtocolFault(f"the reply to PWD cannot be read: {fault}") from fault

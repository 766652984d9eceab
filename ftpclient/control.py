"""The control connection: commands go out, replies come back in the same order.

Theory. FTP numbers nothing: the n-th final reply answers the n-th command. So every command sent is put into
a first-in first-out queue of expected answers, and each final reply takes one off; a preliminary reply (1xx)
takes none. That makes a batch a plain loop: `exchange` writes up to WINDOW commands before it reads the first
reply, which saves a round trip for each. An answer left unread (the user pressed Ctrl-C) is read off before
the next command, so the two sides never drift apart.

Rules
- A silent, ended or incomprehensible connection is closed at once; nothing is sent on it again.
- 421 is the end of the session, whatever command it seems to answer (RFC 959 §5.4).
- Nothing that arrived in clear text before the TLS handshake is believed after it (CVE-2011-1575 class).
- Every command is encoded before any is sent, so a bad name cannot leave half a batch on the wire.
- The trace shows commands with their secrets masked.
"""

import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

from ftpclient.errors import (
    BadName,
    CannotConnect,
    ConnectionLost,
    ProtocolFault,
    TimedOut,
    TlsFailed,
    Untrusted,
    refusal,
)
from ftpwire.command import Command
from ftpwire.errors import LocalError, RemoteError
from ftpwire.reply import Reply, ReplyReader

WINDOW = 64
WINDOW_BYTES = 16 * 1024
"""Limits of one batch: its replies must fit into the socket buffers, or both sides wait for each other."""

Trace = Callable[[str], None]


class Control:
    """One control connection, over TLS once `start_tls` has been called."""

    def __init__(self, sock: socket.socket, host: str, timeout: float, trace: Trace | None = None) -> None:
        self.host = host
        self.timeout = timeout
        self.window = WINDOW
        self._socket = sock
        self._trace = trace
        self._reader = ReplyReader()
        self._expected: deque[Command] = deque()
        self._arrived: deque[Reply] = deque()
        self._closed = False
        sock.settimeout(timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A long transfer leaves this connection silent; routers forget silent connections.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    @classmethod
    def connect(cls, host: str, port: int, timeout: float, trace: Trace | None = None) -> Self:
        """Open the connection, within `timeout` seconds for each address; raise CannotConnect."""
        try:
            sock = socket.create_connection((host, port), timeout)
        except TimeoutError as fault:
            raise CannotConnect(f"{host} port {port} does not answer") from fault
        except (OSError, UnicodeError) as fault:
            reason = getattr(fault, "strerror", None) or str(fault)
            raise CannotConnect(f"{host} port {port}: {reason}") from fault
        return cls(sock, host, timeout, trace)

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self._closed

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The encrypted socket, or None in clear text."""
        return self._socket if isinstance(self._socket, ssl.SSLSocket) else None

    @property
    def family(self) -> int:
        """The address family, which data connections share."""
        return self._socket.family

    @property
    def peer(self) -> tuple[str | int, ...]:
        """The server's socket address; data connections go there and nowhere else."""
        return self._address(self._socket.getpeername)

    @property
    def local(self) -> tuple[str | int, ...]:
        """Our own socket address, as the server can reach it."""
        return self._address(self._socket.getsockname)

    def _address(self, ask: Callable[[], tuple[str | int, ...]]) -> tuple[str | int, ...]:
        try:
            return ask()
        except OSError as fault:
            raise self._lost(fault) from fault

    def fileno(self) -> int:
        """The descriptor, for poll(2)."""
        return self._socket.fileno()

    def start_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt the connection from here on; raise TlsFailed and close it when that fails."""
        if self._arrived or self._reader.pending:
            self.close()
            raise TlsFailed("the server (or someone between) sent more before the TLS handshake")
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=self.host)
        except (OSError, ValueError) as fault:
            self.close()
            kind = Untrusted if isinstance(fault, ssl.SSLCertVerificationError) else TlsFailed
            raise kind(tls_reason(fault)) from fault
        if self._trace:
            self._trace(f"-- {self._socket.version()}")

    def send(self, *commands: Command) -> None:
        """Put commands on the wire and expect their answers; raise BadName, ConnectionLost or TimedOut."""
        try:
            data = b"".join(command.encode() for command in commands)
        except LocalError as fault:
            raise BadName(str(fault)) from fault
        self.require_open()
        if self._trace:
            for command in commands:
                self._trace(f"-> {command}")
        try:
            self._socket.sendall(data)
        except TimeoutError as fault:
            self.close()
            raise TimedOut("the server takes no commands") from fault
        except OSError as fault:
            # What the server said before it left (a 421) is worth more than "broken pipe".
            self._expected.extend(commands)
            raise self._last_words(fault) from fault
        except BaseException:
            self.close()
            raise
        self._expected.extend(commands)

    def reply(self) -> Reply:
        """Wait for the next reply, preliminary or final; raise TimedOut, ConnectionLost or ProtocolFault."""
        while not self._arrived:
            self.require_open()
            self._fill()
        reply = self._arrived.popleft()
        if reply.code == 421:
            self.close()
            raise refusal(reply)
        if not reply.preliminary:
            if not self._expected:
                self.close()
                raise ProtocolFault(f"a reply to no command: {reply.text}", code=reply.code)
            self._expected.popleft()
        return reply

    def final(self) -> Reply:
        """Wait for the final reply to the oldest unanswered command."""
        while (reply := self.reply()).preliminary:
            pass
        return reply

    def settle(self) -> None:
        """Read off the answers that an interrupted caller left unread."""
        while self._expected:
            self.final()

    def exchange(self, commands: Sequence[Command]) -> list[Reply]:
        """Send commands without waiting between them and return their final replies in order."""
        self.settle()
        replies: list[Reply] = []
        sent = 0
        for batch in _batches(commands, self.window):
            self.send(*batch)
            sent += len(batch)
            while len(replies) < sent:
                replies.append(self.final())
        return replies

    def ask(self, verb: str, argument: str = "") -> Reply:
        """Send one command and return its final reply."""
        return self.exchange([Command(verb, argument)])[0]

    def need(self, verb: str, argument: str = "", path: str | None = None) -> Reply:
        """Send one command; raise the error its refusal stands for (about `path`) unless it was granted."""
        reply = self.ask(verb, argument)
        if not (reply.completion or reply.intermediate):
            raise refusal(reply, path)
        return reply

    def greeting(self) -> Reply:
        """Wait for the server's first words (220)."""
        self._expected.append(Command("CONNECT", ""))
        return self.final()

    def overtaking(self) -> Reply | None:
        """Look, without waiting, for a final reply that has come before its data connection ended."""
        if not self._closed:
            self._socket.settimeout(0)
            try:
                self._fill()
            except (BlockingIOError, ssl.SSLWantReadError):
                pass
            finally:
                if not self._closed:
                    self._socket.settimeout(self.timeout)
        return next((reply for reply in self._arrived if not reply.preliminary), None)

    def close(self) -> None:
        """End the connection without another word; may be called again."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._socket.close()

    def interrupt(self) -> None:
        """End the connection from another thread: its own gets ConnectionLost, at once even where it waits."""
        self._closed = True
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # TLS is the other thread's: left alone

    def require_open(self) -> None:
        """Raise ConnectionLost when the session is over."""
        if self._closed:
            raise ConnectionLost("the connection is closed")

    def _fill(self) -> None:
        try:
            data = self._socket.recv(64 * 1024)
        except (BlockingIOError, ssl.SSLWantReadError):
            raise
        except TimeoutError as fault:
            self.close()
            raise TimedOut(f"no reply within {self.timeout:g} seconds") from fault
        except OSError as fault:
            raise self._lost(fault) from fault
        if not data:
            self.close()
            raise ConnectionLost("the server closed the connection")
        self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            replies = self._reader.feed(data)
        except RemoteError as fault:
            self.close()
            raise ProtocolFault(f"the server does not speak FTP: {fault}") from fault
        self._arrived.extend(replies)
        if self._trace:
            for reply in replies:
                self._trace(f"<- {reply.code} {reply.text}")

    def _last_words(self, fault: OSError) -> Exception:
        try:
            while True:
                self.reply()
        except (ConnectionLost, ProtocolFault, TimedOut) as words:
            return words if words.code else self._lost(fault)

    def _lost(self, fault: OSError) -> ConnectionLost:
        self.close()
        return ConnectionLost(f"the connection was lost: {fault.strerror or fault}")


def _batches(commands: Sequence[Command], window: int) -> list[list[Command]]:
    batches: list[list[Command]] = []
    size = WINDOW_BYTES + 1
    for command in commands:
        length = len(command.verb) + 4 * len(command.argument)
        if size + length > WINDOW_BYTES or len(batches[-1]) >= window:
            batches.append([])
            size = 0
        batches[-1].append(command)
        size += length
    return batches


def tls_reason(fault: Exception) -> str:
    """Say in plain words why a handshake failed."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {fault.verify_message}"
    if isinstance(fault, TimeoutError):
        return "the TLS handshake was not finished in time"
    return f"the TLS handshake failed: {getattr(fault, 'reason', None) or fault}"

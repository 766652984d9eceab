"""Opening the data connection that every transfer needs anew.

Rules
- Passive first: EPSV, then PASV for servers that do not know it. The address in a 227 reply is ignored; we
  connect to the peer of the control connection (a lying server could make us reach anyone). Active mode
  (`PORT`, `EPRT`) only when asked for; then only the server's own address is accepted. RFC 959, RFC 2428.
- The TLS handshake comes after the command was accepted, because servers start theirs then (RFC 4217 §7), and
  it resumes the TLS session of the control connection, which servers demand as proof that both ends are the
  same.
"""

import contextlib
import select
import socket
import ssl
from collections.abc import Callable, Iterator

from ftpclient.control import Control, tls_reason
from ftpclient.data import DataConnection, Watch, reset_on_close
from ftpclient.errors import FtpError, ProtocolFault, TimedOut, TlsFailed, TransferCut, refusal
from ftpwire.address import decode_epsv, decode_pasv, encode_extended, encode_host_port
from ftpwire.command import Command
from ftpwire.errors import RemoteError


class DataPlan:
    """How this session opens data connections; remembers what the server turned out not to know."""

    def __init__(self, control: Control, active: bool = False) -> None:
        self.context: ssl.SSLContext | None = None
        self._control = control
        self._active = active
        self._extended = True
        self._session: ssl.SSLSession | None = None

    def open(self, command: Command, offset: int = 0, path: str | None = None) -> DataConnection | None:
        """Start a transfer from byte `offset`; None means the server answered at once that there is no data.

        Raises the FtpError that the server's refusal stands for.
        """
        control = self._control
        control.settle()
        raw, accept = self._listen() if self._active else self._dial()
        try:
            if offset:
                control.need("REST", str(offset), path)
            control.send(command)
            reply = control.reply()
            if not reply.preliminary:
                reset_on_close(raw, False)  # nothing was begun, nothing is to be cut
                raw.close()
                if reply.completion:
                    return None
                raise refusal(reply, path)
            raw = accept()
            return DataConnection(self._secured(raw), control)
        except BaseException:
            raw.close()
            raise

    def remember(self, data: DataConnection) -> None:
        """Keep the newest TLS session: servers with single-use tickets take the old one only once."""
        session = data.tls.session if data.tls else None
        if session is not None and session.has_ticket:
            self._session = session

    def _secured(self, raw: socket.socket) -> socket.socket:
        if self.context is None or self._control.tls is None:
            return raw
        raw.settimeout(self._control.timeout)
        try:
            return self.context.wrap_socket(
                raw,
                server_hostname=self._control.host,
                session=self._session or self._control.tls.session,
                suppress_ragged_eofs=False,
            )
        except OSError as fault:
            raise self._explained(fault) from fault

    def _explained(self, fault: OSError) -> FtpError:
        # A server that wants session reuse drops the handshake and says so on the control connection.
        reply = self._control.overtaking()
        if reply and not reply.completion:
            return TlsFailed(reply.text, code=reply.code)
        return TlsFailed(f"data connection: {tls_reason(fault)}")

    def _dial(self) -> tuple[socket.socket, Callable[[], socket.socket]]:
        raw = self._connect(self._passive_port())
        return raw, lambda: raw

    def _passive_port(self) -> int:
        control = self._control
        ipv4 = control.family == socket.AF_INET
        try:
            if self._extended:
                reply = control.ask("EPSV")
                if reply.code == 229:
                    return decode_epsv(reply.text)
                if not (ipv4 and reply.permanent):
                    raise refusal(reply)
                self._extended = False
            reply = control.ask("PASV")
            if reply.code != 227:
                raise refusal(reply)
            return decode_pasv(reply.text)[1]
        except RemoteError as fault:
            raise ProtocolFault(str(fault)) from fault

    def _connect(self, port: int) -> socket.socket:
        peer = self._control.peer
        with self._new_socket() as raw:
            reset_on_close(raw, True)
            try:
                raw.connect((peer[0], port, *peer[2:]))
            except OSError as fault:
                raise TransferCut(f"no data connection to port {port}: {fault.strerror or fault}") from fault
        return raw

    def _listen(self) -> tuple[socket.socket, Callable[[], socket.socket]]:
        control = self._control
        address = control.local
        with self._new_socket() as listener:
            listener.bind((address[0], 0, *address[2:]))
            listener.listen(1)
            host, port = str(address[0]), int(listener.getsockname()[1])
            if control.family == socket.AF_INET:
                control.need("PORT", encode_host_port(host, port))
            else:
                control.need("EPRT", encode_extended(host, port))
        return listener, lambda: self._accept(listener)

    def _accept(self, listener: socket.socket) -> socket.socket:
        watch = Watch(listener, self._control)
        with listener:
            while True:
                try:
                    watch.wait(select.POLLIN)
                except TransferCut as cut:
                    raise refusal(self._control.final()) from cut  # 425: the server cannot reach us
                except TimedOut as fault:
                    raise TimedOut("the server does not open the data connection") from fault
                raw, address = listener.accept()
                if address[0] == self._control.peer[0]:
                    reset_on_close(raw, True)
                    return raw
                raw.close()  # a stranger was faster; the server is still to come

    @contextlib.contextmanager
    def _new_socket(self) -> Iterator[socket.socket]:
        """Make a socket like that of the control connection; close it if the block fails."""
        raw = socket.socket(self._control.family, socket.SOCK_STREAM)
        try:
            raw.settimeout(self._control.timeout)
            yield raw
        except BaseException:
            raw.close()
            raise

"""The data connection: opened anew for every transfer, and ended in a way both sides understand.

Rules
- Passive first: EPSV, then PASV for servers that do not know it. The address in a 227 reply is ignored; we
  connect to the peer of the control connection (a lying server could make us reach anyone). Active mode
  (`PORT`, `EPRT`) only when asked for; then only the server's own address is accepted. RFC 959, RFC 2428.
- The TLS handshake comes after the command was accepted, because servers start theirs then (RFC 4217 §7), and
  it resumes the TLS session of the control connection, which servers demand as proof that both ends are the
  same.
- A TLS stream that ends without close_notify is cut, not complete (`suppress_ragged_eofs=False`).
- Sockets do not block: while we wait for the data we also listen to the control connection, so that "552
  quota exceeded" ends an upload at once instead of at the time-out.
- To the server a plain close of an upload means "complete". So a data socket is born to be reset when it is closed
  (SO_LINGER 0), and is closed in order only once its transfer has ended; an interrupt at any point, or `kill -9`,
  resets it.
"""

import contextlib
import os
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import BinaryIO

from ftpclient.control import Control, tls_reason
from ftpclient.errors import FtpError, ProtocolFault, TimedOut, TlsFailed, TransferCut, refusal
from ftpwire.address import decode_epsv, decode_pasv, encode_extended, encode_host_port
from ftpwire.command import Command
from ftpwire.errors import RemoteError

BUFFER = 512 * 1024
"""Bytes moved at a time; 256 KiB to 1 MiB measured best (clients.md §3c)."""

FILE_SLICE = 4 * 1024 * 1024
"""Bytes handed to one sendfile(2), which is also how often progress is told."""


class DataConnection:
    """One open data connection; `cut` is what the other side did to it, if it did."""

    def __init__(self, sock: socket.socket, control: Control) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._control = control
        self._listening = True
        self._ended = False

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The encrypted socket, or None in clear text."""
        return self._socket if isinstance(self._socket, ssl.SSLSocket) else None

    def receive_into(self, buffer: memoryview) -> int:
        """Read what there is, at most the buffer, waiting for the first byte; 0 is the end of the data."""
        while True:
            try:
                got = self._socket.recv_into(buffer)
            except (BlockingIOError, ssl.SSLWantReadError):
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)
            except OSError as fault:
                raise _cut(fault) from fault
            else:
                return self._fill_up(buffer, got)

    def _fill_up(self, buffer: memoryview, got: int) -> int:
        # TLS hands out one record (16 KiB) at a time; collect what has already arrived, to write it at once.
        while self.tls and 0 < got < len(buffer):
            try:
                more = self._socket.recv_into(buffer[got:])
            except OSError:
                break  # nothing there yet, or an end that the next call reports
            if not more:
                break
            got += more
        return got

    def send(self, data: memoryview) -> None:
        """Write all of `data`."""
        while data:
            try:
                sent = self._socket.send(data)
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(select.POLLOUT)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
            except OSError as fault:
                raise _cut(fault) from fault
            else:
                data = data[sent:]

    def send_file(self, file: BinaryIO, offset: int) -> int:
        """Send a slice of a regular file by sendfile(2); return its length, 0 at the end of the file."""
        while True:
            try:
                return os.sendfile(self._socket.fileno(), file.fileno(), offset, FILE_SLICE)
            except BlockingIOError:
                self._wait(select.POLLOUT)
            except ConnectionError as fault:
                raise _cut(fault) from fault

    def end(self) -> None:
        """Tell the server that nothing more comes from us; the reply must be read before `close`.

        After an upload that is what completes it. After a download it is the answer to the server's close_notify,
        which some servers await before they reply. Closing at once could reset the connection, since unread TLS
        tickets lie in the receive buffer, and the server would lose the tail of an upload.
        """
        if self._ended:
            return
        self._ended = True
        try:
            if tls := self.tls:
                self._wait(select.POLLOUT)
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.unwrap()  # sends our close_notify; theirs may never come, so it is not awaited
            self._socket.shutdown(socket.SHUT_WR)
        except OSError as fault:
            if isinstance(fault, FtpError):
                raise
            raise _cut(fault) from fault

    def close(self) -> None:
        """Release the socket, in order if the transfer has ended; may be called again."""
        with contextlib.suppress(OSError):
            if self._ended:
                _reset_on_close(self._socket, False)
            self._socket.close()

    def abort(self) -> None:
        """Reset the connection, so that the server cannot take what it got for the whole."""
        with contextlib.suppress(OSError):
            _reset_on_close(self._socket, True)
            self._socket.close()

    def _wait(self, event: int) -> None:
        deadline = time.monotonic() + self._control.timeout
        poll = select.poll()
        poll.register(self._socket, event)
        while True:
            if self._listening:
                poll.register(self._control, select.POLLIN)
            left = deadline - time.monotonic()
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, left) * 1000)}
            if self._socket.fileno() in ready:
                return
            if not ready:
                raise TimedOut(f"the data connection stood still for {self._control.timeout:g} seconds")
            if reply := self._control.overtaking():
                # The final reply may overtake the last data; only a refusal ends the transfer early.
                if not reply.completion or event == select.POLLOUT:
                    raise TransferCut("the server ended the transfer early")
                self._listening = False
                poll.unregister(self._control)


def _reset_on_close(sock: socket.socket, wanted: bool) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", wanted, 0))


def _cut(fault: OSError) -> TransferCut | TlsFailed:
    if isinstance(fault, ssl.SSLEOFError):
        return TlsFailed("the encrypted data connection was cut before its proper end")
    if isinstance(fault, ssl.SSLError):
        return TlsFailed(f"the encrypted data connection failed: {fault.reason or fault}")
    return TransferCut(f"the data connection was cut: {fault.strerror or fault}")


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
                _reset_on_close(raw, False)  # nothing was begun, nothing is to be cut
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
        raw = socket.socket(self._control.family, socket.SOCK_STREAM)
        try:
            raw.settimeout(self._control.timeout)
            _reset_on_close(raw, True)
            raw.connect((peer[0], port, *peer[2:]))
        except OSError as fault:
            raw.close()
            raise TransferCut(f"no data connection to port {port}: {fault.strerror or fault}") from fault
        except BaseException:
            raw.close()
            raise
        return raw

    def _listen(self) -> tuple[socket.socket, Callable[[], socket.socket]]:
        control = self._control
        address = control.local
        listener = socket.socket(control.family, socket.SOCK_STREAM)
        try:
            listener.settimeout(control.timeout)
            listener.bind((address[0], 0, *address[2:]))
            listener.listen(1)
            host, port = str(address[0]), int(listener.getsockname()[1])
            if control.family == socket.AF_INET:
                control.need("PORT", encode_host_port(host, port))
            else:
                control.need("EPRT", encode_extended(host, port))
        except BaseException:
            listener.close()
            raise
        return listener, lambda: self._accept(listener)

    def _accept(self, listener: socket.socket) -> socket.socket:
        with listener:
            while True:
                try:
                    raw, address = listener.accept()
                except TimeoutError as fault:
                    raise TimedOut("the server does not open the data connection") from fault
                if address[0] == self._control.peer[0]:
                    _reset_on_close(raw, True)
                    return raw
                raw.close()  # a stranger was faster; the server is still to come

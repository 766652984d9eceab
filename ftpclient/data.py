"""An open data connection: its bytes, what the server says meanwhile, and an end that both sides understand.

Rules
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

from ftpclient.control import Control
from ftpclient.errors import FtpError, TimedOut, TlsFailed, TransferCut

BUFFER = 512 * 1024
"""Bytes moved at a time; 256 KiB to 1 MiB measured best."""

FILE_SLICE = 4 * 1024 * 1024
"""Bytes handed to one sendfile(2), which is also how often progress is told."""


class Watch:
    """Waits for a data socket and listens to the control connection meanwhile."""

    def __init__(self, sock: socket.socket, control: Control) -> None:
        self._socket = sock
        self._control = control
        self._listening = True

    def wait(self, event: int) -> None:
        """Wait until the socket is ready; raise TimedOut, or TransferCut when the server will not go on."""
        deadline = time.monotonic() + self._control.timeout
        poll = select.poll()
        poll.register(self._socket, event)
        while True:
            self._control.require_open()
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


class DataConnection:
    """One open data connection; what the other side does to it is raised as TransferCut or TlsFailed."""

    def __init__(self, sock: socket.socket, control: Control) -> None:
        sock.setblocking(False)
        self._socket = sock
        self._control = control
        self._wait = Watch(sock, control).wait
        self._ended = False

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The encrypted socket, or None in clear text."""
        return self._socket if isinstance(self._socket, ssl.SSLSocket) else None

    def receive_into(self, buffer: memoryview) -> int:
        """Read what there is, at most the buffer, waiting for the first byte; 0 is the end of the data."""
        got = self._when_ready(select.POLLIN, self._socket.recv_into, buffer)
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
            data = data[self._when_ready(select.POLLOUT, self._socket.send, data) :]

    def send_file(self, file: BinaryIO, offset: int) -> int:
        """Send a slice of a regular file by sendfile(2); return its length, 0 at the end of the file."""
        self._control.require_open()
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
                reset_on_close(self._socket, False)
            self._socket.close()

    def abort(self) -> None:
        """Reset the connection, so that the server cannot take what it got for the whole."""
        with contextlib.suppress(OSError):
            reset_on_close(self._socket, True)
            self._socket.close()

    def _when_ready(self, event: int, act: Callable[[memoryview], int], data: memoryview) -> int:
        """Act as soon as the socket lets us, which is after `event`, or after what TLS asks for instead."""
        self._control.require_open()
        while True:
            try:
                return act(data)
            except BlockingIOError:
                self._wait(event)
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT)
            except OSError as fault:
                raise _cut(fault) from fault


def reset_on_close(sock: socket.socket, wanted: bool) -> None:
    """Choose what closing the socket means: a cut (True), or an end in order."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", wanted, 0))


def _cut(fault: OSError) -> TransferCut | TlsFailed:
    if isinstance(fault, ssl.SSLEOFError):
        return TlsFailed("the encrypted data connection was cut before its proper end")
    if isinstance(fault, ssl.SSLError):
        return TlsFailed(f"the encrypted data connection failed: {fault.reason or fault}")
    return TransferCut(f"the data connection was cut: {fault.strerror or fault}")

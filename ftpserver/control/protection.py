"""What TLS protects of one client's connections: the control connection, and data connections in its context.

After CCC the control connection is in clear while data connections stay protected, so the context is remembered.
"""

import socket
import ssl
from collections.abc import Callable

from ftpserver.control.channel import ControlChannel
from ftpserver.session import Link
from ftpserver.tls import TlsService


class Protection:
    """Begins and ends TLS for one client."""

    __slots__ = ("_channel", "_context", "_link", "_tls")

    def __init__(self, tls: TlsService, channel: ControlChannel, link: Link) -> None:
        self._tls = tls
        self._channel = channel
        self._link = link
        self._context: ssl.SSLContext | None = None

    @property
    def reuse_required(self) -> bool:
        """Whether data connections must resume the TLS session of the control connection."""
        return self._tls.reuse_required

    @property
    def private(self) -> bool:
        """Whether data connections are protected (PROT P)."""
        return self._link.private

    def begin(self, private: bool, on_secured: Callable[[], None]) -> None:
        """Begin TLS on the control connection; `private`: data connections are protected as well."""

        def secured() -> None:
            self._link.secure = True
            on_secured()

        self._link.private = private
        self._channel.begin_tls(self._tls.wrap_control, secured)

    def end(self) -> None:
        """Go on in clear on the control connection; data connections stay as they are."""
        self._context = self._channel.tls_context
        self._channel.end_tls()
        self._link.secure = False

    def of_data(self, connection: socket.socket, upload: bool) -> ssl.SSLSocket:
        """The TLS side of a data connection; the handshake is still to be made."""
        context = self._channel.tls_context or self._context
        assert context is not None, "PROT P needs TLS on the control connection first"
        return self._tls.wrap_data(connection, context, upload)

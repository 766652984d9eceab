"""A raw control connection over TLS, so that a test of protection reads like the dialogue of `wire.py`.

    wire = SecureWire.opened(service)          # AUTH TLS, the handshake
    wire.login("ada"); wire.protect()          # PBSZ 0, PROT P
    assert wire.fetch("RETR file") == b"..."

An end of the data without close_notify raises on this side; how this side ends its uploads is said by `close_notify`.
"""

import socket
import ssl
from typing import Self

from tests.service import PASSWORD, PATIENCE, Service
from tests.wire import Heard, Wire, everything


class SecureWire(Wire):
    """A client's end of a control connection that can begin TLS."""

    context: ssl.SSLContext
    resume = True
    """Whether data connections offer the session of this one."""
    close_notify = True
    """Whether data connections are ended as TLS wants it."""

    @classmethod
    def opened(
        cls, service: Service, version: ssl.TLSVersion | None = None, context: ssl.SSLContext | None = None
    ) -> Self:
        """Connected and in TLS by AUTH TLS."""
        wire = cls(service.addresses[0])
        wire.hear() >> 220
        wire.say("AUTH TLS") >> 234
        wire.shake(context or client_context(service, version))
        return wire

    @classmethod
    def member_over(cls, service: Service, name: str, version: ssl.TLSVersion | None = None) -> Self:
        """Logged in over TLS, in TYPE I, with private data connections."""
        wire = cls.opened(service, version)
        wire.login(name, PASSWORD)
        wire.protect()
        return wire

    def shake(self, context: ssl.SSLContext) -> None:
        """The TLS handshake of the control connection."""
        self.context = context
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def protect(self) -> None:
        """Private data connections, in TYPE I."""
        self.say("PBSZ 0") >> 200
        self.say("PROT P") >> 200
        self.say("TYPE I") >> 200

    def unshake(self) -> None:
        """End TLS on the control connection (after CCC)."""
        assert isinstance(self.socket, ssl.SSLSocket)
        self.socket = self.socket.unwrap()

    @property
    def session(self) -> ssl.SSLSession | None:
        assert isinstance(self.socket, ssl.SSLSocket)
        return self.socket.session

    def private(self, data: socket.socket, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """The TLS side of a data connection, with `session` or that of the control connection."""
        if session is None and self.resume and isinstance(self.socket, ssl.SSLSocket):
            session = self.session
        return self.context.wrap_socket(
            data, server_hostname="localhost", session=session, suppress_ragged_eofs=False
        )

    def fetch(self, line: str) -> bytes:
        """As Wire.fetch. The data handshake begins when the 150 has been heard, and not before."""
        data = self.extended()
        self.say(line) >> 150
        with self.private(data) as private:
            content = everything(private)
        self.hear() >> 226
        return content

    def store(self, line: str, content: bytes) -> Heard:
        """As Wire.store, ended as `close_notify` says."""
        data = self.extended()
        self.say(line) >> 150
        private = self.private(data)
        private.sendall(content)
        if self.close_notify:
            private.unwrap().close()
        else:
            private.close()
        return self.hear()


def client_context(service: Service, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A context that trusts this server, perhaps of one version only."""
    context = service.tls_context()
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def implicit(service: Service, listener: int, version: ssl.TLSVersion | None = None) -> SecureWire:
    """A connection to a listener with TLS from the first byte; the greeting is still to be heard."""
    wire = SecureWire(service.addresses[listener])
    wire.shake(client_context(service, version))
    wire.socket.settimeout(PATIENCE)
    return wire

"""TLS of the service: one place decides versions, ciphers, certificates and what a session may be resumed for.

Rules (RFC 4217, and what its implementations got wrong):

* TLS 1.2 and 1.3 only, forward secrecy and authenticated encryption only, no compression, no renegotiation.
* A certificate file that changes is read anew (`reload`, on a thread); those connected keep what they have, and a
  pair that cannot be read leaves the old one in force.
* A data connection may resume the TLS session of its control connection. With `data_session_reuse: require` it
  must: then every control connection gets a context of its own, so that the keys of its tickets are its own and a
  resumed session proves that the data connection comes from the same client.
* TLS 1.3 sends tickets after the handshake. A client that uploads does not read them, and closing a socket with
  unread bytes resets it: lftp's uploads were cut so, two of 300, and most large ones of Go's clients. So a connection
  for an upload gets no ticket, nor (unless all must resume) one whose handshake the client waits for before it says
  what it wants (data/early.py). A client that uses a ticket only once (curl) then has none left, so the connection
  after an upload need not resume.
"""

import contextlib
import logging
import os
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ftpserver.config.settings import Tls

logger = logging.getLogger(__name__)

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_IGNORE_UNEXPECTED_EOF = 0x80  # SSL_OP_IGNORE_UNEXPECTED_EOF, for which Python has no name
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, for which it has none either
_CONTROL_TICKETS = 4
_DATA_TICKETS = 1


@dataclass(frozen=True, slots=True)
class _Files:
    """What was read: each control connection may need a context of its own, at a moment when the files change."""

    certificate: bytes
    private_key: bytes = field(repr=False)
    client_ca: str | None


class _Context(ssl.SSLContext):
    """A context that knows what it was made of."""

    files: _Files


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """A name under which OpenSSL, which takes a certificate and a key from files only, finds these bytes."""
    fd = os.memfd_create("tls")
    try:
        with open(fd, "wb", closefd=False) as file:
            file.write(content)
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


class TlsFault(Exception):
    """The certificate or key cannot be used; the text says which file and why."""


class TlsService:
    """Makes TLS connections as the settings say."""

    def __init__(self, settings: Tls) -> None:
        """Load the certificate. Raises TlsFault when TLS is required and cannot be had."""
        self._settings = settings
        self._stamps = self._read_stamps()
        self._files = _Files(b"", b"", None)
        self._shared: _Context | None = None
        if settings.mode == "off":
            return
        try:
            self.load()
        except TlsFault as fault:
            if settings.mode == "required":
                raise
            logger.warning("TLS is not offered: %s", fault)
        self._warn_of_dates()

    @property
    def offered(self) -> bool:
        """Whether a client can have TLS."""
        return self._shared is not None

    @property
    def required(self) -> bool:
        """Whether nobody may log in without."""
        return self._settings.mode == "required"

    @property
    def reuse_required(self) -> bool:
        """Whether a data connection must resume its control connection's TLS session."""
        return self._settings.data_session_reuse == "require"

    def wrap_control(self, connection: socket.socket) -> ssl.SSLSocket:
        """The TLS side of a control connection; the handshake is still to be made. Raises OSError."""
        context = self._make_context(self._files) if self.reuse_required else self._shared
        assert context is not None, "asked for TLS that is not offered"
        return self._wrap(context, connection, _CONTROL_TICKETS, ragged=True)

    def wrap_data(self, connection: socket.socket, control: ssl.SSLContext, upload: bool) -> ssl.SSLSocket:
        """The TLS side of a data connection, in the context of its control connection. Raises OSError."""
        if self._settings.data_session_reuse == "off" and isinstance(control, _Context):
            # A context of its own, but of the same certificate: OpenSSL remembers TLS 1.2 sessions in the context.
            control = self._make_context(control.files)
        return self._wrap(control, connection, 0 if upload else _DATA_TICKETS, ragged=False)

    def _wrap(
        self, context: ssl.SSLContext, connection: socket.socket, tickets: int, ragged: bool
    ) -> ssl.SSLSocket:
        connection.getpeername()  # Python would find out too late that the client is gone, and leak the socket
        # The connection takes its number of tickets from the context when it is made.
        context.num_tickets = 0 if self._settings.data_session_reuse == "off" else tickets
        return context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=ragged
        )

    def reload(self) -> None:
        """Read the certificate anew if its files have changed; may block."""
        if self._settings.mode == "off":
            return
        stamps = self._read_stamps()
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self.load()
        except TlsFault as fault:
            logger.error("the changed certificate is not used: %s", fault)
        else:
            logger.info("the certificate was read anew")
            self._warn_of_dates()

    def _read_stamps(self) -> list[tuple[int, int, int] | None]:
        files = (self._settings.certificate, self._settings.private_key, self._settings.client_ca)
        return [_stamp(file) if file is not None else None for file in files]

    def load(self) -> None:
        """Read the files, and keep them when they can be used: contexts made later are of the same files.

        Raises TlsFault.
        """
        settings = self._settings
        try:
            files = _Files(
                settings.certificate.read_bytes(),
                settings.private_key.read_bytes(),
                settings.client_ca.read_text() if settings.client_ca is not None else None,
            )
            self._shared = self._make_context(files)
        except (OSError, ValueError) as error:
            raise TlsFault(f"{settings.certificate}, {settings.private_key}: {_reason(error)}") from error
        self._files = files

    def _warn_of_dates(self) -> None:
        finding = (
            _untimely(_dates(self._shared, self._files.certificate)) if self._shared is not None else None
        )
        if finding:
            logger.warning("%s: %s; clients may refuse it", self._settings.certificate, finding)

    def _make_context(self, files: _Files) -> _Context:
        """Raises OSError, ValueError."""
        context = _Context(ssl.PROTOCOL_TLS_SERVER)
        context.files = files
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        # Debian's Python takes a stream without close_notify for a complete one, and so a cut upload for a whole one.
        context.options &= ~_IGNORE_UNEXPECTED_EOF
        if self._settings.data_session_reuse == "off":
            context.options |= ssl.OP_NO_TICKET
        with _in_memory(files.certificate) as certificate, _in_memory(files.private_key) as private_key:
            context.load_cert_chain(certificate, private_key, password=_no_password)
        if files.client_ca is not None:
            context.load_verify_locations(cadata=files.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def _no_password() -> str:
    raise ValueError(
        "the private key is encrypted; store it without a password, readable by the service only"
    )


def _dates(context: ssl.SSLContext, certificate: bytes) -> tuple[float, float] | None:
    """Return from when and until when a certificate is valid, in seconds of the epoch; None where that is not known.

    Python tells the dates of a peer's certificate only, so we shake hands with ourselves, in memory.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client.load_verify_locations(cadata=certificate.decode("ascii", "ignore"))
        ours, theirs = context.wrap_bio(there, back, server_side=True), client.wrap_bio(back, there)
        for side in (theirs, ours, theirs):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
        facts: Any = theirs.getpeercert() or {}
        return ssl.cert_time_to_seconds(facts["notBefore"]), ssl.cert_time_to_seconds(facts["notAfter"])
    except (ssl.SSLError, ValueError, KeyError):  # it is not for servers, say
        return None


def _untimely(dates: tuple[float, float] | None) -> str | None:
    """Say what is wrong with a certificate's dates, as 'ftpserver check' does."""
    now = time.time()
    if dates is None or dates[0] <= now <= dates[1]:
        return None
    text, moment = ("is not valid before", dates[0]) if dates[0] > now else ("expired on", dates[1])
    return f"{text} {time.strftime('%Y-%m-%d', time.gmtime(moment))}"


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        facts = os.stat(file)
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)

"""TLS for tests: a self-signed certificate for localhost and the two contexts that trust it, made once a process."""

import ssl
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.service import make_certificate


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    private_key: Path

    def server(self) -> ssl.SSLContext:
        """A server's context with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.private_key)
        return context

    def client(self, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """A client's context that trusts this certificate, perhaps of one TLS version only."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        if version is not None:
            context.minimum_version = context.maximum_version = version
        return context


def make_pair(folder: Path, name: str = "server") -> Pair:
    """A new certificate in `folder`."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    make_certificate(pair.certificate, pair.private_key)
    return pair


@cache
def pair() -> Pair:
    """A certificate that every test of this process may use and none may change."""
    return make_pair(Path(tempfile.mkdtemp(prefix="ftpserver-certificate-")))

"""Which encryption is asked for, and whose certificates are believed.

Rules. Certificates are verified against the system's authorities, or against one file that the user names
(`--cafile`, which also serves for a self-signed server). Only a plainly spelled `--insecure` turns that off.
Under `AUTO` TLS is used when the server offers it; once it has offered, a failed handshake is an error and
never a reason to go on in clear text. RFC 4217.
"""

import errno
import os
import ssl
from enum import StrEnum


class Tls(StrEnum):
    """When to encrypt; `IMPLICIT` is TLS from the first byte (ftps://)."""

    AUTO = "auto"
    OFF = "off"
    REQUIRE = "require"
    IMPLICIT = "implicit"


_IGNORE_UNEXPECTED_EOF = 0x80
"""SSL_OP_IGNORE_UNEXPECTED_EOF, for which Python has no name."""


def make_context(cafile: str | None = None, insecure: bool = False) -> ssl.SSLContext:
    """Build the TLS settings of one session; raise OSError when `cafile` cannot be read or holds no certificate."""
    try:
        context = ssl.create_default_context(cafile=cafile)
    except ssl.SSLError as fault:
        raise OSError(errno.EINVAL, f"{cafile} holds no certificate") from fault
    except OSError as fault:  # it does not name the file
        raise OSError(fault.errno, os.strerror(fault.errno or errno.EIO), cafile) from fault
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    # Debian's Python takes a stream without close_notify for a complete one, and so a cut file for a whole one.
    context.options &= ~_IGNORE_UNEXPECTED_EOF
    return context

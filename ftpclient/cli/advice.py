"""What a person can do about a failure, in the words of the command line.

The library says what is wrong and knows no options; here stands which option helps. No advice is better than a
guess: a row is for a cause that always has that way out.
"""

import ssl
from collections.abc import Sequence

from ftpclient.errors import TlsFailed, Untrusted

_ADVICE: tuple[tuple[type[BaseException], str], ...] = (
    (Untrusted, "--cafile FILE trusts the certificates in a file, --insecure trusts whoever answers"),
    (IsADirectoryError, "get, put and rm take a directory with -r"),
)


_IMPLICIT = "ftps:// is TLS from the first byte; for a server that begins in clear use ftp://"


def advice(fault: BaseException, words: Sequence[str] = ()) -> str | None:
    """Say which option helps, if one does; `words` are those of the command line."""
    if _spoke_in_clear(fault) and any(word.lower().startswith("ftps://") for word in words):
        return _IMPLICIT
    return next((text for kind, text in _ADVICE if isinstance(fault, kind)), None)


def _spoke_in_clear(fault: BaseException) -> bool:
    """Whether the other side answered our handshake with what is no TLS: its greeting, most likely."""
    cause = fault.__cause__
    return (
        isinstance(fault, TlsFailed)
        and isinstance(cause, ssl.SSLError)
        and cause.reason == "WRONG_VERSION_NUMBER"
    )

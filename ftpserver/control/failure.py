"""What can end a transfer before its time, and the reply that says so.

426 is for what broke on the way (RFC 959 section 4.2), 522 for TLS that is not as it must be (RFC 4217); everything
else is told by refusal.py, as it is for any other command.
"""

import errno
import logging
import ssl

from ftpserver.data.send import Shrunk
from ftpserver.refusal import FAILED, reply_to
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

_REUSE = (
    "The data connection must resume the TLS session of the control connection"
    " (server setting tls.data_session_reuse: require)."
)
_NETWORK_ERRNOS = frozenset(
    {errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}
)


class Aborted(Exception):
    """The transfer was ended from our side; `reason` goes into the 426."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


TLS_NOT_RESUMED = Aborted("The TLS session was not resumed")
"""The data connection brought a TLS session of its own where that of the control connection was demanded."""


def is_network(error: Exception) -> bool:
    """Whether the data connection broke, and not something here."""
    if isinstance(error, ConnectionError | TimeoutError | ssl.SSLError):
        return True
    return isinstance(error, OSError) and error.errno in _NETWORK_ERRNOS


def reply_to_failure(error: Exception) -> Reply:
    """The final reply of a transfer that this ended."""
    if isinstance(error, Aborted):
        return Reply(426, (f"{error.reason}; transfer aborted.",))
    if is_network(error):
        return Reply(426, ("The data connection broke; transfer aborted.",))
    if isinstance(error, Shrunk):
        return Reply(451, ("The file became shorter while it was sent; transfer aborted.",))
    reply = reply_to(error)
    if reply is None:
        logger.exception("a transfer failed", exc_info=error)
        return FAILED
    return reply


def tls_failure(error: Exception) -> Reply:
    """The final reply of a transfer whose data connection could not be protected."""
    text = _REUSE if error is TLS_NOT_RESUMED else "The TLS handshake on the data connection failed."
    return Reply(522, (text,))

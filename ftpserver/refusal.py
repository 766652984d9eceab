"""A refusal carries its reply; the one table from what went wrong to the reply that says so."""

import errno
import logging
import os
import time

from ftpserver.config.sizes import format_size
from ftpserver.data.passive import NoPort
from ftpserver.home import PermissionDenied, SessionEnded
from ftpserver.quota.base import HomeBusy, LedgerFault, QuotaExceeded, TrafficExceeded
from ftpserver.storage.base import LinkLeadsAway, StorageBusy
from ftpwire.errors import RemoteError, UnsupportedProtocol
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

FAILED = Reply(451, ("The server failed to do this; the administrator's log says why.",))
"""What is said of a fault of ours, which `reply_to` has no reply to."""

_TELL_AGAIN = 10.0  # seconds
_MOST_TOLD = 100


class Refusal(Exception):
    """A command is refused with this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


def refuse(code: int, text: str) -> Refusal:
    """A refusal with a one-line reply."""
    return Refusal(Reply(code, (text,)))


# What a user can do about it decides the code: 4xx may be tried again, 5xx not. RFC 959 section 4.2; 452 and 552 are
# its storage replies, 553 its "file name not allowed".
_ERRNO: dict[int, tuple[int, str]] = {
    errno.ENOENT: (550, "No such file or directory."),
    errno.ENOTDIR: (550, "Not a directory."),
    errno.EISDIR: (550, "Is a directory."),
    errno.EEXIST: (550, "Already exists, and this account may not replace it."),
    errno.ENOTEMPTY: (550, "The directory is not empty."),
    errno.EACCES: (550, "Permission denied."),
    errno.EPERM: (550, "Operation not permitted: not a regular file, or protected."),
    errno.ELOOP: (550, "Too many links, or a link that leads nowhere."),
    errno.EXDEV: (550, "Cannot move it to another file system; copy it instead."),
    errno.EINVAL: (553, "That name cannot be used for this."),
    errno.ENAMETOOLONG: (553, "The name is too long."),
    errno.EILSEQ: (553, "The file system does not take this name."),
    errno.EROFS: (550, "The file system is read-only."),
    errno.EBUSY: (450, "Busy: it is in use, try again later."),
    errno.ETXTBSY: (450, "Busy: it is in use, try again later."),
    errno.EAGAIN: (450, "Busy: it is in use, try again later."),
    errno.ENOSPC: (452, "The disk is full; tell the administrator."),
    errno.EDQUOT: (552, "The file system's own quota is used up."),
    errno.EFBIG: (552, "The file would be larger than the file system allows."),
    errno.EMFILE: (451, "Too many open files on the server, try again later."),
    errno.ENFILE: (451, "Too many open files on the server, try again later."),
    errno.ENOMEM: (451, "The server is out of memory, try again later."),
    errno.EIO: (451, "The disk failed; tell the administrator."),
    errno.ESTALE: (451, "The home was replaced; log in again."),
}


def reply_to(error: Exception) -> Reply | None:
    """The reply that tells a client of this error; None when it is no error that a client should be told of."""
    if isinstance(error, Refusal):
        return error.reply
    if isinstance(error, StorageBusy):
        return Reply(450, ("Busy: another upload is writing this file, try again later.",))
    if isinstance(error, LinkLeadsAway):
        return Reply(553, ("A link may lead only to what is in its own directory or below it.",))
    if isinstance(error, OSError):
        return _os_reply(error)
    if isinstance(error, QuotaExceeded):
        return Reply(552, (describe_quota(error),))
    if isinstance(error, TrafficExceeded):
        kind = "day" if error.period.count("-") == 2 else "month"
        return Reply(
            552, (f"Transfer quota of the {kind} is used up: {format_size(error.limit)} in {error.period}.",)
        )
    if isinstance(error, PermissionDenied):
        return Reply(550, (f"This account lacks the permission to {error.permission}.",))
    if isinstance(error, LedgerFault):
        _tell_operator(str(error))
        return Reply(
            451, ("The quota ledger cannot be used, so nothing may change; tell the administrator.",)
        )
    if isinstance(error, SessionEnded):  # nobody hears it
        return Reply(421, ("The session has ended.",))
    if isinstance(error, NoPort):
        return Reply(425, ("No passive port is free, try again in a moment.",))
    if isinstance(error, HomeBusy):
        return Reply(450, ("The home is being counted, try again in a moment.",))
    if isinstance(error, UnsupportedProtocol):
        return Reply(522, ("Network protocol not supported, use (1,2).",))
    if isinstance(error, RemoteError):
        return Reply(501, (f"{error}.",))
    return None


_told: dict[str, float] = {}  # what was told to the operator, and when


def _tell_operator(fault: str) -> None:
    """Every refusal has the same cause: the log says it now and then."""
    now = time.monotonic()
    if now - _told.get(fault, -_TELL_AGAIN) < _TELL_AGAIN:
        return
    if len(_told) >= _MOST_TOLD:
        _told.clear()
    _told[fault] = now
    logger.error("the quota ledger cannot be used, changes are refused: %s", fault)


def _os_reply(error: OSError) -> Reply:
    code, text = _ERRNO.get(error.errno or 0, (451, ""))
    return Reply(
        code, (text or f"{os.strerror(error.errno) if error.errno else 'Local error'}; try again later.",)
    )


def describe_quota(error: QuotaExceeded) -> str:
    """The 552's text, with what was needed and what is free."""
    whose = f"Quota of the group {error.pool} exceeded" if error.pool is not None else "Quota exceeded"
    if error.unit == "files":
        return f"{whose}: need {error.need} more entries, {error.free} free of {error.limit}."
    need, free, limit = (format_size(number) for number in (error.need, error.free, error.limit))
    if need == free:  # rounded, they look as if there were room
        need, free = f"{error.need} B", f"{error.free} B"
    return f"{whose}: need {need}, {free} free of {limit}."

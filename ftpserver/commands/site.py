"""SITE: what is particular to this server (RFC 959 section 4.1.3). Its subcommands are a table of their own.

SITE QUOTA tells a user what the ledger says; no other server's user can ask. CHMOD and UTIME take the forms that
clients send (UTIME has two: the time first, or three times after the path).
"""

import re

from ftpserver.accounts.account import Permission
from ftpserver.commands.arguments import nothing, read_mode, read_number, text
from ftpserver.commands.table import Table
from ftpserver.config.sizes import format_size
from ftpserver.outcome import Outcome
from ftpserver.quota.base import Usage
from ftpserver.refusal import refuse
from ftpserver.session import Session
from ftpwire.pathname import VirtualPath
from ftpwire.reply import Reply
from ftpwire.timeval import decode_timeval

table = Table()

_UTIME_THREE = re.compile(r"(?P<path>.+) [0-9]{14} (?P<time>[0-9]{14}) [0-9]{14} UTC", re.DOTALL)
_UTIME_ONE = re.compile(r"(?P<time>[0-9]{12}(?:[0-9]{2})?) (?P<path>.+)", re.DOTALL)


def _mode_and_path(session: Session, argument: str) -> tuple[int, VirtualPath]:
    mode, _, name = argument.partition(" ")
    bits = read_mode(mode if name else "", "Three octal digits and a path are needed: SITE CHMOD 644 name.")
    return bits, VirtualPath.resolve(session.cwd, name)


@table.member("CHMOD", _mode_and_path, "SITE CHMOD <mode> <path>", permission=Permission.ATTRIBUTES)
def chmod(session: Session, argument: tuple[int, VirtualPath]) -> Outcome:
    """Set permission bits."""
    mode, target = argument
    session.home.set_mode(target, mode)
    return Reply(200, (f"Mode is {mode:03o}.",))


def _time_and_path(session: Session, argument: str) -> tuple[float, VirtualPath]:
    match = _UTIME_THREE.fullmatch(argument) or _UTIME_ONE.fullmatch(argument)
    if match is None:
        raise refuse(501, "SITE UTIME YYYYMMDDHHMM[SS] path, or SITE UTIME path atime mtime ctime UTC.")
    time = match["time"] if len(match["time"]) == 14 else f"{match['time']}00"
    return decode_timeval(time), VirtualPath.resolve(session.cwd, match["path"])


@table.member(
    "UTIME", _time_and_path, "SITE UTIME <YYYYMMDDHHMM[SS]> <path>", permission=Permission.ATTRIBUTES
)
def utime(session: Session, argument: tuple[float, VirtualPath]) -> Outcome:
    """Set the modification time."""
    seconds, target = argument
    session.home.set_modified(target, seconds)
    return Reply(200, ("Time is set.",))


@table.member("QUOTA", nothing, "SITE QUOTA")
def quota(session: Session, argument: None) -> Outcome:
    """What the home holds and may hold."""
    usage, limits = session.home.usage(), session.home.tally.limits
    lines = [
        f"Bytes: {usage.bytes} used ({format_size(usage.bytes)}), {usage.reserved_bytes} promised to running uploads, "
        + (f"limit {limits.bytes} ({format_size(limits.bytes)})" if limits.bytes is not None else "no limit"),
        f"Entries: {usage.files} used, {usage.reserved_files} promised to running uploads, "
        + (f"limit {limits.files}" if limits.files is not None else "no limit"),
    ]
    pool = session.home.tally.pool_usage()
    if pool is not None:
        lines.append(_pool_line(session, pool))
    if limits.bytes is not None or limits.pool_bytes is not None:
        left = session.home.free_bytes()
        lines.append(f"Free: {left} bytes ({format_size(left)})")
    return Reply(200, (f"Quota of {session.account.name}:", *lines, "End of quota."))


def _pool_line(session: Session, pool: Usage) -> str:
    limits = session.home.tally.limits
    most = format_size(limits.pool_bytes) if limits.pool_bytes is not None else "no limit"
    entries = limits.pool_files if limits.pool_files is not None else "no limit"
    return (
        f"Group {session.account.group}: {pool.bytes} bytes used ({format_size(pool.bytes)} of {most}), "
        f"{pool.files} entries (of {entries})"
    )


def _mask(session: Session, argument: str) -> int | None:
    return read_mode(argument, "Three octal digits are needed: SITE UMASK 022.") if argument else None


@table.member("UMASK", _mask, "SITE UMASK [<mask>]")
def umask(session: Session, mask: int | None) -> Outcome:
    """Which permission bits new files and directories of this session do not get."""
    storage = session.home.storage
    if mask is not None:
        session.home.need(Permission.ATTRIBUTES)
        storage.umask = mask
    return Reply(200, (f"The umask is {storage.umask:03o}.",))


def _seconds(session: Session, argument: str) -> int | None:
    return read_number(argument.strip(" ")) if argument.strip(" ") else None


@table.member("IDLE", _seconds, "SITE IDLE [<seconds>]")
def idle(session: Session, seconds: int | None) -> Outcome:
    """A shorter idle time-out for this session; the administrator's stays the longest."""
    if seconds is not None:
        session.idle_seconds = min(max(seconds, 1), session.idle_limit)
    now = session.idle_seconds or session.idle_limit
    return Reply(200, (f"The idle time-out is {now:g} seconds, {session.idle_limit:g} at most.",))


@table.member("HELP", text, "SITE HELP")
def site_help(session: Session, argument: str) -> Outcome:
    """The subcommands."""
    return Reply(214, ("SITE commands:", *(row.syntax for row in table), "End of help."))

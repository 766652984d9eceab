"""What is wrong with homes as they are on the disk, before their users find out; for `ftpserver check`.

A home is made at the first login, so one that is missing is fine as long as it can be made. Rights can be told only for
who asks: they are looked at when that is the owner of the state, and so the service's user.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ftpserver.accounts.account import PRESETS, Account
from ftpserver.config.settings import Settings


def judge_homes(settings: Settings, accounts: Iterable[Account]) -> Iterator[str]:
    """Say which homes their users will not get, or not with all rights, and why."""
    homes, rights = settings.homes, _is_service(settings.state)
    if not os.path.lexists(homes):
        yield f"homes: {homes} does not exist and will be made; is a file system not mounted?"
    for account in accounts:
        home = account.home_path(homes)
        fault = None if account.home.startswith("/") else _link(homes, home)
        fault = fault or _obstacle(home) or (_missing_right(account, home) if rights else None)
        if fault:
            yield f"{account.name}: {fault}"


def _is_service(state: Path) -> bool:
    try:
        return state.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _link(homes: Path, home: Path) -> str | None:
    way = [path for path in (home, *home.parents) if path != homes and path.is_relative_to(homes)]
    for path in reversed(way):
        if path.is_symlink():
            where = "put the absolute path into the account file instead"
            return f"the home {home} leads through the symbolic link {path}, and cannot be used; {where}"
    return None


def _obstacle(home: Path) -> str | None:
    there = _nearest(home)
    if there.is_dir():
        return None
    return f"the home {home} cannot be used: {there} is not a directory"


def _missing_right(account: Account, home: Path) -> str | None:
    there = _nearest(home)
    if there != home:
        if _may(there, os.W_OK | os.X_OK):
            return None
        return f"the home {home} cannot be made: {there} is not writable by the service's user"
    if not _may(home, os.R_OK | os.X_OK):
        return f"the home {home} cannot be read by the service's user"
    if not account.permissions <= PRESETS["read-only"] and not _may(home, os.W_OK):
        return f"the home {home} is not writable by the service's user"
    return None


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=True)


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest one around it that exists."""
    return next(place for place in (path, *path.parents) if os.path.lexists(place))

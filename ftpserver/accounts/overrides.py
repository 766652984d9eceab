"""Where an account takes back what its group restricts.

What an account says itself wins over its group. That is meant for exceptions, and is a hole where nobody meant one: an
account that says `permissions: full` has them whatever its group says.
"""

from collections.abc import Iterator
from pathlib import Path

from ftpserver.accounts.account import Account, Defaults, describe_permissions
from ftpserver.accounts.group import read_group
from ftpserver.config.sizes import format_size
from ftpserver.config.validation import Section


def overrides(account: Account, group: Defaults) -> list[str]:
    """Name every value of an account that is looser than its group's: "quota.files: no limit (group: 5)"."""
    return list(_looser(account, group))


def override_warning(account: Account, file: Path) -> str | None:
    """Tell that the account of this file has looser values than its group, or None. Raises Faulty."""
    if account.group is None:
        return None
    found = overrides(account, read_group(file.parent, account.group).values)
    if not found:
        return None
    where = f"take them out of {file} to have the group's"
    return f"{account.name}: is less restricted than its group {account.group}: {', '.join(found)}; {where}"


def _looser(account: Account, group: Defaults) -> Iterator[str]:
    if account.enabled and not group.enabled:
        yield "enabled: true (group: false)"
    if group.expires is not None and (account.expires is None or account.expires > group.expires):
        yield f"expires: {account.expires or 'never'} (group: {group.expires})"
    if not account.permissions <= group.permissions:
        own, granted = describe_permissions(account.permissions), describe_permissions(group.permissions)
        yield f"permissions: {own} (group: {granted})"
    if group.tls is not None and account.tls is None:
        yield f"tls: null (group: {group.tls})"
    yield from _larger("quota", account.quota, group.quota)
    yield from _larger("traffic", account.traffic, group.traffic)
    yield from _larger("limits", account.limits, group.limits)


def _larger(section: str, own: Section, granted: Section) -> Iterator[str]:
    """Compare limits one by one; in `limits` 0 is none, elsewhere None is."""
    unlimited = 0 if section == "limits" else None
    for key, most in granted:
        value = getattr(own, key)
        if most != unlimited and (value == unlimited or value > most):
            shown = "no limit" if value == unlimited else _shown(key, value)
            yield f"{section}.{key}: {shown} (group: {_shown(key, most)})"


def _shown(key: str, value: int) -> str:
    return str(value) if key in ("files", "sessions") else format_size(value)

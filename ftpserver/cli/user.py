"""`ftpserver user ...`: the accounts. A running service sees each change at once."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from ftpserver.accounts.account import Account, Permission, describe_permissions, valid_name
from ftpserver.accounts.editor import AccountEditor, AccountExists, NoSuchAccount, Value
from ftpserver.accounts.group import read_group
from ftpserver.accounts.overrides import override_warning
from ftpserver.accounts.store import AccountStore
from ftpserver.cli import Trouble
from ftpserver.cli.context import settings_of
from ftpserver.cli.password import ask_password, hash_password
from ftpserver.config.fault import Faulty
from ftpserver.config.settings import Settings
from ftpserver.config.sizes import format_size

_Function = TypeVar("_Function", bound=Callable[..., Any])

_PLACES: dict[str, tuple[str, ...]] = {
    "home": ("home",),
    "group": ("group",),
    "quota_bytes": ("quota", "bytes"),
    "quota_files": ("quota", "files"),
    "permissions": ("permissions",),
    "expires": ("expires",),
    "sessions": ("limits", "sessions"),
    "upload_rate": ("limits", "upload_rate"),
    "download_rate": ("limits", "download_rate"),
}
_NOTHING = frozenset({"none", "null", "unlimited", "never"})


@click.group()
def user() -> None:
    """Add, show and change the accounts."""


def _name(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if not valid_name(value):
        raise click.BadParameter(
            f"{value!r} cannot be a login name: 1 to 64 printable characters, no '/', no '.' or '-' in front"
        )
    return value


def _values(function: _Function) -> _Function:
    """Add the options that stand for values of an account."""
    options = (
        click.option("--home", help="Directory below homes, or an absolute one."),
        click.option(
            "--group", metavar="NAME", help="Group that gives what the account does not say, or none."
        ),
        click.option("--quota-bytes", metavar="SIZE", help="Most bytes: 10MiB, 1GB, plain bytes, or none."),
        click.option("--quota-files", metavar="N", help="Most files, directories and links, or none."),
        click.option("--permissions", metavar="P", help="full, read-only, drop-box, or list,read,create,..."),
        click.option("--expires", metavar="DATE", help="The first day without access, or never."),
        click.option("--sessions", type=click.IntRange(min=0), help="Most sessions at once; 0 is no limit."),
        click.option("--upload-rate", metavar="SIZE", help="Bytes a second; 0 is no limit."),
        click.option("--download-rate", metavar="SIZE", help="Bytes a second; 0 is no limit."),
    )
    for option in reversed(options):
        function = option(function)
    return function


_argument_name = click.argument("name", callback=_name)
_password_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password as one line from standard input."
)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _changes(values: dict[str, Any]) -> dict[tuple[str, ...], Value]:
    return {_PLACES[key]: _value(key, value) for key, value in values.items() if value is not None}


def _value(key: str, value: Any) -> Value:
    if not isinstance(value, str) or key == "home":
        return value  # type: ignore[no-any-return]
    if key in ("quota_bytes", "quota_files", "expires", "group") and value.lower() in _NOTHING:
        return None
    if key == "group":
        return value
    if key == "permissions" and ("," in value or " " in value or value in list(Permission)):
        return value.replace(",", " ").split()
    # "1048576" is written as the number it is, "1GiB" as the text the administrator gave.
    return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else value


@contextmanager
def _editing(settings: Settings, name: str) -> Iterator[AccountEditor]:
    try:
        yield AccountEditor(settings.accounts)
    except AccountExists:
        raise Trouble(f"{name} exists already; change it with 'user set' or 'user passwd'") from None
    except NoSuchAccount:
        raise Trouble(_missing(settings, name)) from None


def _missing(settings: Settings, name: str) -> str:
    return f"there is no account {name} in {settings.accounts}"


def _need_group(settings: Settings, changes: dict[tuple[str, ...], Value]) -> None:
    """See that the group an account is to have can be used. Raises Faulty."""
    group = changes.get(("group",))
    if isinstance(group, str):
        read_group(settings.accounts, group)


def _warn(settings: Settings, account: Account) -> None:
    warning = override_warning(account, settings.accounts / f"{account.name}.yaml")
    if warning:
        click.echo(f"warning: {warning}", err=True)


def _account(settings: Settings, name: str) -> Account:
    account = AccountStore(settings.accounts).get(name)
    if account is None:
        raise Trouble(_missing(settings, name))
    return account


@user.command()
@_argument_name
@_password_stdin
@_values
@click.pass_context
def add(ctx: click.Context, /, name: str, password_stdin: bool, **values: Any) -> None:
    """Add the account NAME; asks for its password."""
    settings, changes = settings_of(ctx), _changes(values)
    _need_group(settings, changes)
    with _editing(settings, name) as editor:
        # Before the question, and again under the lock when it is written.
        if AccountStore(settings.accounts).exists(name):
            raise AccountExists(name)
        try:
            editor.preview(name, changes)
        except Faulty as error:  # the lines of a file that is not there would help nobody
            raise Trouble("; ".join(fault.message for fault in error.faults)) from error
        password = hash_password(ask_password(name, password_stdin))
        account = editor.add(name, password, changes)
    click.echo(f"added {name}, home {account.home_path(settings.homes)}")
    _warn(settings, account)


@user.command("set")
@_argument_name
@_values
@click.pass_context
def set_(ctx: click.Context, /, name: str, **values: Any) -> None:
    """Change values of the account NAME."""
    changes = _changes(values)
    if not changes:
        raise click.UsageError("nothing to set; name at least one option")
    settings = settings_of(ctx)
    _need_group(settings, changes)
    with _editing(settings, name) as editor:
        account = editor.change(name, changes)
    click.echo(f"changed {name}")
    _warn(settings, account)


@user.command()
@_argument_name
@_password_stdin
@click.pass_context
def passwd(ctx: click.Context, name: str, password_stdin: bool) -> None:
    """Give the account NAME a new password."""
    settings = settings_of(ctx)
    if not AccountStore(settings.accounts).exists(name):
        raise Trouble(_missing(settings, name))
    password = hash_password(ask_password(name, password_stdin))
    with _editing(settings, name) as editor:
        editor.set_password(name, password)
    click.echo(f"changed the password of {name}")


@user.command()
@_argument_name
@click.pass_context
def enable(ctx: click.Context, name: str) -> None:
    """Let the account NAME log in."""
    _switch(ctx, name, True)


@user.command()
@_argument_name
@click.pass_context
def disable(ctx: click.Context, name: str) -> None:
    """Keep the account NAME from logging in; everything else stays."""
    _switch(ctx, name, False)


def _switch(ctx: click.Context, name: str, enabled: bool) -> None:
    with _editing(settings_of(ctx), name) as editor:
        editor.change(name, {("enabled",): enabled})
    click.echo(f"{'enabled' if enabled else 'disabled'} {name}")


@user.command()
@_argument_name
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(ctx: click.Context, name: str, yes: bool) -> None:
    """Remove the account NAME; its home stays."""
    settings = settings_of(ctx)
    store = AccountStore(settings.accounts)
    if not store.exists(name):
        raise Trouble(_missing(settings, name))
    if not yes:
        if not sys.stdin.isatty():
            raise Trouble("there is no terminal to ask; use --yes")
        click.confirm(f"Remove the account {name}?", abort=True)
    try:
        account = store.get(name)
        home = f"; the home stays: {account.home_path(settings.homes)}" if account else ""
    except Faulty:
        home = "; its home stays"  # a file too broken to say where can be removed all the same
    with _editing(settings, name) as editor:
        editor.remove(name)
    click.echo(f"removed {name}{home}")


@user.command()
@_argument_name
@_as_json
@click.pass_context
def show(ctx: click.Context, name: str, as_json: bool) -> None:
    """Show the account NAME, its group's values included; never its password."""
    settings = settings_of(ctx)
    account = _account(settings, name)
    facts = _facts(settings, account)
    if as_json:
        click.echo(json.dumps(facts, indent=2))
        return
    limits = account.limits
    lines = {
        "name": account.name,
        "file": facts["file"],
        "enabled": _yes(account.enabled),
        "password": facts["password"],
        "expires": facts["expires"] or "never",
        "home": facts["home"],
        "group": account.group or "none",
        "permissions": describe_permissions(account.permissions),
        "quota": _quota(account),
        "sessions": str(limits.sessions or "no limit"),
        "upload rate": f"{format_size(limits.upload_rate)}/s" if limits.upload_rate else "no limit",
        "download rate": f"{format_size(limits.download_rate)}/s" if limits.download_rate else "no limit",
    }
    for key, value in lines.items():
        click.echo(f"{key:<14} {value}")


@user.command("list")
@_as_json
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List all accounts; files with faults are named on standard error, exit 1."""
    settings = settings_of(ctx)
    accounts, faults = AccountStore(settings.accounts, capacity=0).load_all()
    if as_json:
        click.echo(json.dumps([_facts(settings, account) for account in accounts], indent=2))
    else:
        _print_table(accounts)
    if faults:
        raise Faulty(faults)


def _print_table(accounts: list[Account]) -> None:
    rows = [("NAME", "ENABLED", "HOME", "GROUP", "QUOTA", "PERMISSIONS")]
    rows += [
        (
            account.name,
            _yes(account.enabled),
            account.home,
            account.group or "-",
            _quota(account),
            describe_permissions(account.permissions),
        )
        for account in accounts
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join([*cells, row[-1]]))


def _facts(settings: Settings, account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "file": str(settings.accounts / f"{account.name}.yaml"),
        "enabled": account.enabled,
        "password": "locked" if account.locked else "set",
        "expires": account.expires.isoformat() if account.expires else None,
        "home": str(account.home_path(settings.homes)),
        "group": account.group,
        "permissions": [word for word in Permission if word in account.permissions],
        "quota": account.quota.model_dump(),
        "limits": account.limits.model_dump(),
    }


def _quota(account: Account) -> str:
    size, files = account.quota.bytes, account.quota.files
    shown = "unlimited" if size is None else format_size(size)
    return f"{shown} / {'unlimited' if files is None else files} files"


def _yes(value: bool) -> str:
    return "yes" if value else "no"

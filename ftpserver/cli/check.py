"""`ftpserver check`: says whether the service could start and every user log in, and what is unwise.

A fault is what makes the service or a user fail: exit code 1. A warning is what works and may be unsafe or
surprise; it changes no exit code. Both are gathered whole before anything is printed.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from ftpserver.accounts.account import Account
from ftpserver.accounts.overrides import override_warning
from ftpserver.accounts.store import AccountStore
from ftpserver.cli.context import settings_of
from ftpserver.cli.homes import judge_homes
from ftpserver.config.fault import Fault, Faulty
from ftpserver.config.settings import Settings, Tls


@click.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Validate the settings and every account; exit 1 when something is wrong."""
    settings = settings_of(ctx)
    store = AccountStore(settings.accounts, capacity=0)
    faults = [Fault(settings.path, None, message) for message in _service_faults(settings)]
    accounts: list[Account] = []
    try:
        accounts, found = store.load_all()
        faults += found
    except OSError as error:
        faults.append(
            Fault(settings.accounts, None, f"cannot be read: {error.strerror}; 'ftpserver init' makes it")
        )
    for message in _warnings(settings, store, accounts):
        click.echo(f"warning: {message}", err=True)
    if faults:
        raise Faulty(faults)
    click.echo(f"OK: {len(accounts)} account{'' if len(accounts) == 1 else 's'}")


def _tls_required(settings: Settings) -> bool:
    return settings.tls.mode == "required" or any(listener.tls for listener in settings.listen)


def _service_faults(settings: Settings) -> Iterator[str]:
    required = _tls_required(settings)
    for path in (settings.tls.certificate, settings.tls.private_key):
        if required and not path.exists():
            yield f"TLS is required but {path} does not exist; 'ftpserver init' makes one"
    if required and not _missing(settings.tls) and (fault := _tls_fault(settings.tls)):
        yield f"TLS is required but cannot be had: {fault}"
    for name, path in (("homes", settings.homes), ("state", settings.state)):
        if path.exists() and not path.is_dir():
            yield f"{name}: {path} is not a directory"


def _missing(tls: Tls) -> list[Path]:
    return [path for path in (tls.certificate, tls.private_key) if not path.exists()]


def _tls_fault(tls: Tls) -> str | None:
    """Why the service cannot use the certificate, the key or the authority."""
    from ftpserver.tls import TlsFault, TlsService

    try:
        TlsService(tls.model_copy(update={"mode": "off"})).load()  # the start of a service would log
    except TlsFault as fault:
        return str(fault)
    return None


def _warnings(settings: Settings, store: AccountStore, accounts: Iterable[Account]) -> Iterator[str]:
    yield from _passive_warnings(settings)
    yield from _tls_warnings(settings)
    yield from _rights_warnings(settings, store, accounts)
    yield from judge_homes(settings, accounts)
    yield from _home_warnings(settings, accounts)
    yield from _group_warnings(store, accounts)


def _passive_warnings(settings: Settings) -> Iterator[str]:
    ports, sessions = settings.passive.ports, settings.limits.sessions
    # Sessions seldom all transfer at once: a quarter is the least that ordinary use needs.
    if ports is not None and len(ports) * 4 < sessions:
        yield f"passive.ports: {len(ports)} ports are few for {sessions} sessions; transfers may be refused"
    for listener in settings.listen:
        if ports is not None and listener.port in ports:
            yield f"passive.ports: port {listener.port} is one of listen, data connections to it fail"
    public = settings.passive.public_address
    for host in public.values() if isinstance(public, dict) else [public]:
        if host is not None and ":" in host:
            yield f"passive.public_address: {host} is an IPv6 address, and PASV can tell clients IPv4 only"


def _tls_warnings(settings: Settings) -> Iterator[str]:
    tls = settings.tls
    if tls.mode == "off":
        yield "tls.mode: off; passwords and files cross the network readable by anyone"
        return
    missing = _missing(tls)
    for path in missing:
        yield f"{path}: does not exist; clients cannot use TLS until 'ftpserver init' or you make it"
    if missing:
        return
    from ftpserver.cli.certificate import judge_identity

    try:
        findings = judge_identity(tls.certificate, tls.private_key, datetime.now(UTC))
        yield from findings
        if not findings and not _tls_required(settings) and (fault := _tls_fault(tls)):
            yield f"clients cannot use TLS: {fault}"
        if tls.private_key.stat().st_mode & 0o027:
            yield f"{tls.private_key}: other users of this machine can read or change it; chmod 600"
    except OSError as error:
        yield f"{error.filename}: cannot be read: {error.strerror}"


def _rights_warnings(settings: Settings, store: AccountStore, accounts: Iterable[Account]) -> Iterator[str]:
    for directory in (settings.accounts, settings.state):
        if directory.is_dir() and directory.stat().st_mode & 0o002:
            yield f"{directory}: every user of this machine can write to it; chmod 700"
    for account in accounts:
        file = store.file(account.name)
        try:
            mode = stat.S_IMODE(os.lstat(file).st_mode)
        except FileNotFoundError:
            continue  # removed since it was read
        if mode & 0o022:
            yield f"{file}: mode {mode:04o} lets others change it; chmod 600"
        elif mode & 0o004 and not account.locked:  # without a hash there is no secret in it
            yield f"{file}: mode {mode:04o} lets others read the password's hash; chmod 600"


def _group_warnings(store: AccountStore, accounts: Iterable[Account]) -> Iterator[str]:
    for account in accounts:
        try:
            warning = override_warning(account, store.file(account.name))
        except Faulty:
            continue  # the group was changed since the account was read
        if warning:
            yield warning


def _home_warnings(settings: Settings, accounts: Iterable[Account]) -> Iterator[str]:
    own = {
        "the settings": settings.path.parent,
        "the accounts": settings.accounts,
        "the state": settings.state,
        "all homes": settings.homes,
    }
    # Resolved to compare them for a warning; nothing is opened by these paths.
    homes: list[tuple[Path, str]] = []
    for account in accounts:
        home = account.home_path(settings.homes).resolve()
        homes.append((home, account.name))
        for what, path in own.items():
            if path.resolve().is_relative_to(home):
                yield f"{account.name}: the home {home} contains {what}"
    yield from _overlaps(sorted(homes))


def _overlaps(homes: list[tuple[Path, str]]) -> Iterator[str]:
    """Yield homes that are the same or inside one another; `homes` is sorted: what contains stands first."""
    around: list[tuple[Path, str]] = []
    for home, name in homes:
        while around and not home.is_relative_to(around[-1][0]):
            around.pop()
        if around:
            outer, owner = around[-1]
            where = "the same home" if home == outer else f"a home inside that of {owner},"
            same = f" as {owner}," if home == outer else ""
            yield f"{name}: has {where}{same} {home}; each counts the other's files in its quota"
        around.append((home, name))

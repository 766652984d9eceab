"""`ftpserver quota ...`: what the ledger says, whether the disk agrees, counting anew; all beside a running service."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import click

from ftpserver.accounts.account import Account, Quota
from ftpserver.accounts.store import AccountStore
from ftpserver.cli import Trouble
from ftpserver.cli.context import as_owner, print_table, settings_of
from ftpserver.config.fault import Faulty
from ftpserver.config.settings import Settings
from ftpserver.config.sizes import format_size
from ftpserver.login import limits_of
from ftpserver.quota.audit import Finding, audit
from ftpserver.quota.base import LedgerFault, Tally, Uncounted, Usage
from ftpserver.quota.rolls import Rolls
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.storage.walk import walk_home

_names = click.argument("names", metavar="[NAME]...", nargs=-1)
_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def quota() -> None:
    """Show the use of quotas, compare it with the disk, count anew."""


@dataclass(frozen=True, slots=True)
class _Books:
    """One account and the books of its home."""

    account: Account
    tally: Tally
    settings: Settings

    def walk(self) -> Iterator[tuple[int, int]]:
        """The home's increments of bytes and entries."""
        return walk_home(self.account.home_path(self.settings.homes), self.settings.homes)


@contextmanager
def _books(ctx: click.Context, names: tuple[str, ...], change: bool = False) -> Iterator[list[_Books]]:
    """The books of the named accounts, or of all. Raises Trouble, Faulty.

    Who does not want to `change` them makes no state directory, which might not be the service's.
    """
    settings = settings_of(ctx)
    if not change and not settings.state.exists():
        raise Trouble(
            f"there is no ledger: {settings.state} does not exist; the service makes it when it starts"
        )
    accounts = list(_accounts(settings, names))
    try:
        with as_owner(settings):
            ledger = SqliteLedger(settings.state)
            try:
                _call_rolls(ledger, accounts, settings)
                yield [_open(ledger, account, settings) for account in accounts]
            finally:
                ledger.close()
    except LedgerFault as fault:
        raise Trouble(f"the ledger cannot be used: {fault}") from fault


def _open(ledger: SqliteLedger, account: Account, settings: Settings) -> _Books:
    return _Books(account, ledger.open(str(account.home_path(settings.homes)), limits_of(account)), settings)


def _call_rolls(ledger: SqliteLedger, accounts: list[Account], settings: Settings) -> None:
    """Make the homes of the pools of these accounts known. Raises Trouble, LedgerFault."""
    rolls = Rolls(settings.accounts, settings.homes, settings.state)
    try:
        for pool in {account.group for account in accounts if account.group and account.pool}:
            rolls.ensure(ledger.pools, pool)
    except OSError as error:
        raise Trouble(f"the members of the pools cannot be told: {error}") from error


def _accounts(settings: Settings, names: tuple[str, ...]) -> Iterator[Account]:
    store = AccountStore(settings.accounts)
    for name in names or sorted(store.names()):
        try:
            account = store.get(name)
        except Faulty as faulty:
            if names:
                raise
            for fault in faulty.faults:
                click.echo(str(fault), err=True)
            continue
        if account is None:
            raise Trouble(f"there is no account {name!r}; 'ftpserver user list' shows them")
        yield account


@quota.command()
@_names
@_as_json
@click.pass_context
def show(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Show what each home holds and may hold, as the ledger says."""
    with _books(ctx, names) as all_books:
        rows = [
            (books.account, _usage(books.tally.usage), _usage(books.tally.pool_usage)) for books in all_books
        ]
    if as_json:
        click.echo(json.dumps([_shown(*row) for row in rows], indent=2))
        return
    head = ("BYTES", "OF", "ENTRIES", "OF", "PROMISED")
    print_table(
        ("NAME", *head), [_shown_row(account.name, account.quota, usage) for account, usage, _ in rows]
    )
    pools = {
        account.group: (account.pool, usage) for account, _, usage in rows if account.group and account.pool
    }
    if pools:
        click.echo()
        print_table(("POOL", *head), [_shown_row(name, *pools[name]) for name in sorted(pools)])


def _usage(ask: Callable[[], Usage | None]) -> Usage | None:
    try:
        return ask()
    except Uncounted:
        return None


def _shown(account: Account, usage: Usage | None, pool: Usage | None) -> dict[str, object]:
    shown: dict[str, object] = {
        "name": account.name,
        "limit_bytes": account.quota.bytes,
        "limit_files": account.quota.files,
        "counted": usage is not None,
        "bytes": None if usage is None else usage.bytes,
        "files": None if usage is None else usage.files,
        "reserved_bytes": 0 if usage is None else usage.reserved_bytes,
        "reserved_files": 0 if usage is None else usage.reserved_files,
    }
    if account.pool is not None:
        shown["pool"] = {
            "name": account.group,
            "limit_bytes": account.pool.bytes,
            "limit_files": account.pool.files,
            "counted": pool is not None,
            "bytes": None if pool is None else pool.bytes,
            "files": None if pool is None else pool.files,
        }
    return shown


def _shown_row(name: str, limits: Quota, usage: Usage | None) -> tuple[object, ...]:
    files = "no limit" if limits.files is None else limits.files
    if usage is None:
        return (name, "not counted yet", _size(limits.bytes), "-", files, "-")
    promised = _size(usage.reserved_bytes)
    return (name, _size(usage.bytes), _size(limits.bytes), usage.files, files, promised)


@quota.command()
@_names
@_as_json
@click.pass_context
def verify(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Walk the homes and compare them with the ledger; exit code 1 when one differs."""
    with _books(ctx, names) as all_books:
        findings = [(books.account.name, audit(books.tally, books.walk)) for books in all_books]
    if as_json:
        click.echo(json.dumps([_finding(name, finding) for name, finding in findings], indent=2))
    else:
        print_table(
            ("NAME", "BOOKS", "DISK", "DRIFT", "ENTRIES", "DISK", "DRIFT", ""),
            [_finding_row(name, finding) for name, finding in findings],
        )
    if not all(finding.good for _, finding in findings):
        if not as_json:
            click.echo("Count anew with: ftpserver quota repair", err=True)
        ctx.exit(1)


def _finding(name: str, finding: Finding) -> dict[str, object]:
    booked = finding.booked
    return {
        "name": name,
        "counted": booked is not None,
        "booked_bytes": None if booked is None else booked.bytes,
        "booked_files": None if booked is None else booked.files,
        "reserved_bytes": 0 if booked is None else booked.reserved_bytes,
        "reserved_files": 0 if booked is None else booked.reserved_files,
        "disk_bytes": finding.bytes,
        "disk_files": finding.files,
        "drift_bytes": finding.drift[0],
        "drift_files": finding.drift[1],
        "changes_in_place": finding.growing,
        "ok": finding.good,
    }


def _finding_row(name: str, finding: Finding) -> tuple[object, ...]:
    booked, (bytes, files) = finding.booked, finding.drift
    if booked is None:
        return (
            name,
            "not counted yet",
            finding.bytes,
            "-",
            "-",
            finding.files,
            "-",
            "is counted at its next change",
        )
    note = "an upload in place is under way" if finding.growing else ""
    return (
        name,
        booked.bytes,
        finding.bytes,
        f"{bytes:+d}",
        booked.files,
        finding.files,
        f"{files:+d}",
        note,
    )


@quota.command()
@_names
@click.pass_context
def repair(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Count the homes anew and book what is found."""
    with _books(ctx, names, change=True) as all_books:
        for books in all_books:
            before = audit(books.tally, books.walk)
            books.tally.distrust()
            books.tally.recount(books.walk)
            now = books.tally.usage()
            bytes, files = before.drift
            change = (
                "as it was"
                if before.booked and before.good
                else f"drift was {bytes:+d} bytes, {files:+d} entries"
            )
            if before.booked is None:
                change = "counted for the first time"
            click.echo(f"{books.account.name}: {now.bytes} bytes, {now.files} entries ({change})")


def _size(value: object) -> str:
    return format_size(value) if isinstance(value, int) else "no limit"

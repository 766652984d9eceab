"""`ftpserver who`, `kick` and `ban`: what concerns the service that runs.

Who and kick ask the processes of the service over its control sockets (service/admin.py). Bans stand in a file that
they share, so they can be looked at and changed while no service runs, too, and count for the next login.
"""

import json
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click

from ftpserver.auth.bans import FOREVER, Ban, add, bans, remove
from ftpserver.auth.throttle import ANYWHERE, subscriber
from ftpserver.cli import Trouble
from ftpserver.cli.context import as_owner, print_table, settings_of
from ftpserver.config.settings import Settings
from ftpserver.config.sizes import format_size
from ftpserver.log import escape
from ftpserver.service.admin import Answer, NoService, Unanswered, ask
from ftpserver.state.database import Database
from ftpserver.state.presence import PresenceFault, open_presence

_SPAN = re.compile(r"([0-9]{1,9})([smhd]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 36500 * 86400

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_address = click.argument("address", required=False)
_user = click.option("--user", help="A name: from this address, or without an address from anywhere.")


def _ask(settings: Settings, request: dict[str, object]) -> list[Answer]:
    try:
        return ask(settings.state, request)
    except (NoService, Unanswered) as error:
        raise Trouble(str(error)) from error


# Sessions -------------------------------------------------------------------------------------------------------


@click.command()
@_as_json
@click.pass_context
def who(ctx: click.Context, as_json: bool) -> None:
    """Show who is connected, since when, and what each session does now."""
    answers = _ask(settings_of(ctx), {"do": "who"})
    sessions = sorted(
        (session for answer in answers for session in answer["sessions"]), key=lambda one: one["session"]
    )
    if as_json:
        click.echo(
            json.dumps([{**session, "since": _moment(session["since"])} for session in sessions], indent=2)
        )
        return
    head = ("SESSION", "USER", "ADDRESS", "SINCE", "TLS", "CLIENT", "DIRECTORY", "DOES")
    print_table(head, [_row(session) for session in sessions])


def _row(session: Answer) -> tuple[object, ...]:
    return (
        session["session"],
        session["user"] or "-",
        session["address"],
        _moment(session["since"]),
        "yes" if session["secure"] else "no",
        escape(session["client"]) or "-",
        escape(session["cwd"] or "-"),
        _activity(session),
    )


def _activity(session: Answer) -> str:
    seconds = int(session["seconds"])
    if session["doing"] == "idle":
        return f"idle {seconds} s"
    if session["doing"] == "command":
        return f"{session['command']} {seconds} s"
    path = "" if session["path"] is None else f" {escape(session['path'])}"
    return f"{session['doing']}{path} {format_size(session['bytes'])} {format_size(session['rate'])}/s"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@click.command()
@click.argument("who", metavar="SESSION|NAME")
@click.pass_context
def kick(ctx: click.Context, who: str) -> None:
    """End a session, by its number in 'who', or every session of a user."""
    settings = settings_of(ctx)
    requests: list[dict[str, object]] = [{"do": "kick", "user": who}]
    if who.isascii() and who.isdigit():  # a number is a session's; a user may be called so too
        requests.insert(0, {"do": "kick", "session": int(who)})
    for request in requests:
        kicked = [number for answer in _ask(settings, request) for number in answer["kicked"]]
        if kicked:
            click.echo(f"ended {len(kicked)} session{'' if len(kicked) == 1 else 's'}")
            return
    raise Trouble(f"there is no session {who!r}, nor one of a user of that name; 'ftpserver who' shows them")


# Bans -----------------------------------------------------------------------------------------------------------


@click.group()
def ban() -> None:
    """Show and change who may not log in: by address, by name, or a name from an address.

    An IPv6 address stands for its /64. Sessions that are open stay; 'ftpserver kick' ends them.
    """


@contextmanager
def _presence(ctx: click.Context) -> Iterator[Database]:
    settings = settings_of(ctx)
    try:
        with as_owner(settings):
            database = open_presence(settings.state)
            try:
                yield database
            finally:
                database.close()
    except PresenceFault as fault:
        raise Trouble(f"the file of the bans cannot be used: {fault}") from fault


@ban.command("list")
@_as_json
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """Show who is shut out, until when and why."""
    found: list[Ban] = []
    if settings_of(ctx).state.exists():  # who only looks makes none
        with _presence(ctx) as database:
            found = bans(database, time.time())
    if as_json:
        click.echo(json.dumps([_shown(one) for one in found], indent=2))
        return
    head = ("ADDRESS", "NAME", "UNTIL", "WHY")
    print_table(
        head, [(one.address or "any", _name(one.name), _until(one) or "removed", one.why) for one in found]
    )


def _name(name: str | None) -> str:
    return "any" if name is None else escape(name) or '""'


def _until(one: Ban) -> str | None:
    return None if math.isinf(one.until) else _moment(one.until)


def _shown(one: Ban) -> dict[str, Any]:
    return {"address": one.address or None, "name": one.name, "until": _until(one), "why": one.why}


def _key(address: str | None, user: str | None) -> tuple[str, str | None]:
    """Whom the command line means. Raises UsageError."""
    if address is None and user is None:
        raise click.UsageError("Give an address, --user, or both.")
    try:
        return (ANYWHERE if address is None else subscriber(address)), user
    except ValueError as error:
        raise click.UsageError(f"{address!r} is no address: {error}") from error


def _whom(key: tuple[str, str | None]) -> str:
    where = f"from {key[0]}" if key[0] else "from anywhere"
    return f"logins of {key[1]} {where}" if key[1] is not None else f"all logins {where}"


@ban.command("add")
@_address
@_user
@click.option("--for", "span", metavar="TIME", help="Seconds, or 15m, 12h, 30d; without it until removed.")
@click.option("--why", default="by the administrator", help="Shown in the list.")
@click.pass_context
def add_(ctx: click.Context, address: str | None, user: str | None, span: str | None, why: str) -> None:
    """Refuse logins from ADDRESS, of a user, or both; from the next one on."""
    key = _key(address, user)
    until = FOREVER
    if span is not None:
        match = _SPAN.fullmatch(span)
        seconds = 0 if match is None else int(match[1]) * _UNITS[match[2]]
        if not 0 < seconds <= _LONGEST:
            raise click.UsageError(f"{span!r} is no time such as 900, 15m, 12h or 30d.")
        until = time.time() + seconds
    entry = Ban(*key, until, escape(why))
    with _presence(ctx) as database:
        add(database, entry)
    click.echo(f"refusing {_whom(key)} until {_until(entry) or 'the ban is removed'}")


@ban.command("remove")
@_address
@_user
@click.pass_context
def remove_(ctx: click.Context, address: str | None, user: str | None) -> None:
    """Let ADDRESS, a user, or a user from ADDRESS in again; failed logins are forgotten."""
    key = _key(address, user)
    with _presence(ctx) as database:
        found = remove(database, *key)
    if not found:
        raise Trouble(f"there is no such ban ({_whom(key)}); 'ftpserver ban list' shows them")
    click.echo(f"allowing {_whom(key)}")

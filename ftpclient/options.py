"""What every command takes: the address, how to connect, how much to say.

Each command gets one `Options`, made by the decorator `connection`; a new option is one line here.
"""

import functools
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import click

from ftpclient.client import Client
from ftpclient.credentials import Asker, logins
from ftpclient.display import say
from ftpclient.enter import Entrance, enter
from ftpclient.meter import Meter
from ftpclient.progress import meter_for
from ftpclient.session import Settings
from ftpclient.trust import Tls, make_context
from ftpclient.url import Url, parse


@dataclass(frozen=True, slots=True)
class Options:
    """What every command takes: how to connect and how much to say."""

    tls: str
    cafile: str | None
    insecure: bool
    active: bool
    timeout: float
    password_stdin: bool
    verbose: bool
    quiet: bool

    def settings(self) -> Settings:
        """How to reach the server."""
        context = make_context(self.cafile, self.insecure) if self.cafile or self.insecure else None
        return Settings(Tls(self.tls), context, self.timeout, self.active, say if self.verbose else None)

    def session(self, url: Url, shell: bool = False) -> tuple[Client, Entrance]:
        """Log in; the shell asks even where standard input is no terminal."""
        if self.password_stdin and url.user is None:
            raise click.UsageError("--password-stdin needs user@ in the address")
        asker = Asker(shell or sys.stdin.isatty(), sys.stdin)
        ways = logins(url.host, url.user, asker, self.password_stdin)
        return enter(url, self.settings(), ways, say)

    def meter(self) -> AbstractContextManager[Meter]:
        """Progress, as much as wanted."""
        return meter_for(self.quiet)


def _address(_: click.Context, __: click.Parameter, text: str) -> Url:
    try:
        return parse(text)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from fault


_CONNECTION: tuple[Callable[[Any], Any], ...] = (
    click.option("--tls", type=click.Choice(["auto", "off", "require"]), default="auto", help="Encryption."),
    click.option(
        "--cafile", type=click.Path(dir_okay=False), help="Trust the certificates in this file only."
    ),
    click.option("--insecure", is_flag=True, help="Do not verify the server's certificate."),
    click.option("--active", is_flag=True, help="Let the server open data connections (PORT)."),
    click.option("--timeout", type=click.FloatRange(0.1), default=60.0, help="Seconds of silence allowed."),
    click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
    click.option("-v", "--verbose", is_flag=True, help="Show commands and replies; passwords are masked."),
    click.option("-q", "--quiet", is_flag=True, help="No progress bars."),
)


def connection(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the connection options, handed over as one `Options`."""

    @functools.wraps(function)
    def run(**values: Any) -> None:
        names = Options.__slots__
        function(options=Options(**{name: values.pop(name) for name in names}), **values)

    for option in reversed(_CONNECTION):
        run = option(run)
    return run


JSON = click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
FOLLOW_LINKS = click.option(
    "--follow-links", "outside", is_flag=True, help="Send also what links out of the local tree point at."
)
URL = click.argument("url", callback=_address)

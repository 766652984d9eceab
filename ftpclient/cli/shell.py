"""The command behind an address alone: the login shell."""

import contextlib
import sys
from pathlib import Path

import click

from ftpclient.options import URL, Options, connection
from ftpclient.shell import Shell
from ftpclient.url import Url
from ftpclient.verbs import Place


@click.command(hidden=True)
@URL
@connection
def shell(url: Url, options: Options) -> None:
    """Open the login shell."""
    client, entrance = options.session(url, shell=True)
    with contextlib.closing(client):
        if url.path:
            client.cwd(url.path)
        place = Place(client, Path.cwd(), sys.stdout, options.meter)
        code = Shell(place, entrance.login.user, entrance.again, sys.stdin, sys.stderr).run()
    raise SystemExit(code)

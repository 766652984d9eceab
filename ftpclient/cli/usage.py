"""The command that adds up a tree: du."""

import sys

import click

from ftpclient.cli.job import asked
from ftpclient.display import as_json, size_text
from ftpclient.exits import Exit
from ftpclient.options import JSON, URL, Options, connection
from ftpclient.progress import PlainMeter
from ftpclient.tree import Report, usage
from ftpclient.url import Url


@click.command()
@JSON
@URL
@connection
def du(url: Url, json_wanted: bool, options: Options) -> None:
    """Add up the sizes of a tree."""
    report = Report(PlainMeter(sys.stderr))
    with asked(json_wanted), options.session(url)[0] as client:
        total = usage(client, url.path, report)
    if json_wanted:
        click.echo(as_json({"bytes": total.bytes, "files": total.files, "directories": total.directories}))
    else:
        click.echo(f"{size_text(total.bytes)} in {total.files} files, {total.directories} directories")
    if report.failures:
        raise SystemExit(Exit.PARTLY)

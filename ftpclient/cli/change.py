"""The commands that change names on the server and move no bytes: mkdir, mv, rm."""

import sys

import click

from ftpclient.cli.job import asked, job
from ftpclient.display import as_json
from ftpclient.options import JSON, URL, Options, connection
from ftpclient.places import move
from ftpclient.progress import PlainMeter
from ftpclient.tree import remove_any
from ftpclient.url import Url


@click.command()
@click.option("-p", "parents", is_flag=True, help="With those above; existing ones are fine.")
@JSON
@URL
@connection
def mkdir(url: Url, parents: bool, json_wanted: bool, options: Options) -> None:
    """Make a directory."""
    with job(json_wanted) as report, options.session(url)[0] as client:
        client.make_directory(url.path, parents)
        report.directories += 1


@click.command()
@JSON
@URL
@click.argument("new")
@connection
def mv(url: Url, new: str, json_wanted: bool, options: Options) -> None:
    """Rename or move; NEW is a path on the same server."""
    with asked(json_wanted), options.session(url)[0] as client:
        target = move(client, url.path, new)
    if json_wanted:
        click.echo(as_json({"source": url.path, "target": target}))


@click.command()
@click.option("-r", "tree", is_flag=True, help="A directory with everything in it.")
@JSON
@URL
@connection
def rm(url: Url, tree: bool, json_wanted: bool, options: Options) -> None:
    """Remove a file, or with -r a tree."""
    with job(json_wanted) as report, options.session(url)[0] as client:
        if tree:
            report.meter = PlainMeter(sys.stderr)
            remove_any(client, url.path, report)
        else:
            client.remove(url.path)
            report.removed += 1

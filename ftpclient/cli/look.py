"""The commands that look and change nothing, without walking a tree: ls, cat, quota."""

import sys

import click

from ftpclient.cli.job import asked
from ftpclient.display import as_json, entry_facts, entry_line, in_order, shown_lines
from ftpclient.options import JSON, URL, Options, connection
from ftpclient.places import entries_at
from ftpclient.url import Url


@click.command()
@click.option("-l", "long", is_flag=True, help="With kind, size and time (UTC).")
@JSON
@URL
@connection
def ls(url: Url, long: bool, json_wanted: bool, options: Options) -> None:
    """List a directory."""
    with asked(json_wanted), options.session(url)[0] as client:
        entries = in_order(entries_at(client, url.path, exact=long or json_wanted))
    if json_wanted:
        click.echo(as_json([entry_facts(entry) for entry in entries]))
        return
    for entry in entries:
        click.echo(entry_line(entry, long))


@click.command()
@URL
@connection
def cat(url: Url, options: Options) -> None:
    """Print a file."""
    print_file(url, options)


def print_file(url: Url, options: Options) -> None:
    """Write a file to standard output, byte by byte as it is."""
    with options.session(url)[0] as client:
        client.retrieve(url.path, sys.stdout.buffer)
        sys.stdout.buffer.flush()


@click.command()
@JSON
@URL
@connection
def quota(url: Url, json_wanted: bool, options: Options) -> None:
    """Say what the server says about the quota (SITE QUOTA, AVBL)."""
    with asked(json_wanted), options.session(url)[0] as client:
        lines, available = client.quota(), client.available(url.path)
    if json_wanted:
        click.echo(as_json({"lines": list(lines), "available": available}))
        return
    click.echo(shown_lines("\n".join(lines)))
    if available is not None:
        click.echo(f"available: {available} bytes")

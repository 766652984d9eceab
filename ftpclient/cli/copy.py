"""The commands that move what is named: get, put."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from ftpclient.cli.address import ADDRESS
from ftpclient.cli.job import job
from ftpclient.cli.look import print_file
from ftpclient.display import say
from ftpclient.options import FOLLOW_LINKS, JSON, Options, connection
from ftpclient.part import part_path
from ftpclient.places import download_target, upload_target
from ftpclient.transfer import get_file, put_file
from ftpclient.tree import get_tree, put_tree
from ftpclient.url import Url


@click.command()
@click.option("-c", "resume", is_flag=True, help="Continue a partial file, after comparing its end.")
@click.option("-r", "tree", is_flag=True, help="A directory with everything in it.")
@JSON
@ADDRESS
@click.argument("local", required=False)
@connection
def get(url: Url, local: str | None, resume: bool, tree: bool, json_wanted: bool, options: Options) -> None:
    """Download a file, or with -r a tree.

    Without LOCAL the file keeps its name. A trailing slash on LOCAL means into that directory, and - standard
    output.
    """
    if local == "-":
        if tree or resume or json_wanted:
            raise click.UsageError("standard output takes one whole file and nothing else")
        print_file(url, options)
        return
    with job(json_wanted) as report:
        target = download_target(url.path, local, Path(), tree)
        with options.session(url)[0] as client, options.meter() as report.meter:
            if tree:
                get_tree(client, url.path, target, report, resume=resume)
            else:
                with _continuable(target):
                    report.moved.append(get_file(client, url.path, target, resume=resume, meter=report.meter))


@contextlib.contextmanager
def _continuable(target: Path) -> Iterator[None]:
    """Say what can be done with what has come, when the rest does not."""
    try:
        yield
    except (ConnectionError, TimeoutError, KeyboardInterrupt):
        if part_path(target.resolve()).exists():
            say("what has come is kept: the same command with -c goes on from there")
        raise


@click.command()
@click.option("-c", "resume", is_flag=True, help="Continue a partial file, after comparing its end.")
@click.option("-r", "tree", is_flag=True, help="A directory with everything in it.")
@FOLLOW_LINKS
@JSON
@click.argument("local")
@ADDRESS
@connection
def put(
    url: Url, local: str, resume: bool, tree: bool, outside: bool, json_wanted: bool, options: Options
) -> None:
    """Upload a file, or with -r a tree.

    A trailing slash on URL, or none of a path, means into that directory. - as LOCAL is standard input.
    """
    source = Path(local)
    if local == "-":
        source = Path("/dev/stdin")
        _check_pipe(url, options)
    with job(json_wanted) as report, options.session(url)[0] as client, options.meter() as report.meter:
        target = url.path if local == "-" else upload_target(client, source, url.path, tree)
        if tree:
            put_tree(client, source, target, report, resume=resume, outside=outside)
        else:
            report.moved.append(put_file(client, source, target, resume=resume, meter=report.meter))


def _check_pipe(url: Url, options: Options) -> None:
    if not url.path or url.path.endswith("/"):
        raise click.UsageError("standard input has no name: say in the address what the file shall be called")
    if options.password_stdin:
        raise click.UsageError("standard input cannot give both the password and the file")

"""The commands that move what is named: get, put."""

from pathlib import Path

import click

from ftpclient.cli.job import job
from ftpclient.options import JSON, URL, Options, connection
from ftpclient.places import download_target, upload_target
from ftpclient.transfer import get_file, put_file
from ftpclient.tree import get_tree, put_tree
from ftpclient.url import Url


@click.command()
@click.option("-c", "resume", is_flag=True, help="Continue a partial file, after comparing its end.")
@click.option("-r", "tree", is_flag=True, help="A directory with everything in it.")
@JSON
@URL
@click.argument("local", required=False)
@connection
def get(url: Url, local: str | None, resume: bool, tree: bool, json_wanted: bool, options: Options) -> None:
    """Download a file, or with -r a tree.

    Without LOCAL the file keeps its name. A trailing slash on LOCAL means into that directory.
    """
    with job(json_wanted) as report:
        target = download_target(url.path, local, Path(), tree)
        with options.session(url)[0] as client, options.meter() as report.meter:
            if tree:
                get_tree(client, url.path, target, report, resume=resume)
            else:
                report.moved.append(get_file(client, url.path, target, resume=resume, meter=report.meter))


@click.command()
@click.option("-c", "resume", is_flag=True, help="Continue a partial file, after comparing its end.")
@click.option("-r", "tree", is_flag=True, help="A directory with everything in it.")
@JSON
@click.argument("local")
@URL
@connection
def put(url: Url, local: str, resume: bool, tree: bool, json_wanted: bool, options: Options) -> None:
    """Upload a file, or with -r a tree.

    A trailing slash on URL, or none of a path, means into that directory.
    """
    source = Path(local)
    with job(json_wanted) as report, options.session(url)[0] as client, options.meter() as report.meter:
        target = upload_target(client, source, url.path, tree)
        if tree:
            put_tree(client, source, target, report, resume=resume)
        else:
            report.moved.append(put_file(client, source, target, resume=resume, meter=report.meter))

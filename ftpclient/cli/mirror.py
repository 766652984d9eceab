"""The command that makes one tree equal to another: mirror."""

from pathlib import Path

import click

from ftpclient.cli.address import address
from ftpclient.cli.job import asked, job
from ftpclient.display import as_json, shown
from ftpclient.mirror import Plan, carry_out, prepare
from ftpclient.options import FOLLOW_LINKS, JSON, Options, connection
from ftpclient.url import Url


@click.command()
@click.option("--delete", is_flag=True, help="Remove what the source does not have.")
@click.option("--parallel", type=click.IntRange(1, 64), default=1, help="Sessions that copy at once.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@FOLLOW_LINKS
@JSON
@click.argument("source")
@click.argument("target")
@connection
def mirror(
    source: str,
    target: str,
    delete: bool,
    parallel: int,
    dry_run: bool,
    outside: bool,
    json_wanted: bool,
    options: Options,
) -> None:
    """Make TARGET equal to SOURCE; either side is the URL.

    The side with :// is the URL; if neither has it, SOURCE is local when it exists.
    """
    up = "://" in target or ("://" not in source and Path(source).exists())
    url, local = _sides(source, target, up)
    with job(json_wanted and not dry_run) as report, asked(json_wanted and dry_run):
        client, entrance = options.session(url)
        with client, options.meter() as report.meter:
            steps, side = prepare(
                client, local, url.path, up=up, delete=delete, report=report, outside=outside
            )
            if dry_run:
                _print_plan(steps, json_wanted)
            else:
                carry_out(steps, side, client, entrance.again, parallel, report)


def _sides(source: str, target: str, up: bool) -> tuple[Url, Path]:
    remote, local = (target, source) if up else (source, target)
    if "://" in local:
        raise click.UsageError("one side must be a local directory")
    return address(remote), Path(local)


def _print_plan(steps: Plan, json_wanted: bool) -> None:
    if json_wanted:
        removed = [name for name, _ in [*steps.clear, *steps.remove]]
        copied = [{"name": name, "size": size} for name, size in steps.copy]
        click.echo(as_json({"make": steps.make, "copy": copied, "remove": removed}))
        return
    for line in steps.lines():
        click.echo(shown(line))

"""The command `ftpclient`: an address alone opens the shell, a command does one thing and ends.

Rules. Results go to standard output, everything else to standard error. Exit codes tell the cause (`exits`),
the first failure decides; 13 when some files were done and some not. With `--json` standard output is one
JSON document.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click

from ftpclient import mirror as mirroring
from ftpclient.display import as_json, entry_facts, entry_line, in_order, shown, shown_lines, size_text
from ftpclient.exits import Exit, exit_of, table
from ftpclient.options import JSON, URL, Options, connection, say
from ftpclient.places import download_target, entries_at, upload_target
from ftpclient.progress import PlainMeter
from ftpclient.shell import Shell
from ftpclient.transfer import get_file, put_file
from ftpclient.tree import Report, get_tree, put_tree, remove_any, usage
from ftpclient.url import Url, parse
from ftpclient.verbs import Place, move


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # a third of the start-up time, for this alone

        try:
            number = metadata.version("ftpserver")  # one distribution holds both programs
        except metadata.PackageNotFoundError:
            number = "not installed, run from its sources"
        click.echo(f"ftpclient {number}")
        context.exit()


class Program(click.Group):
    """A group whose first word may also be an address."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `shell` before an address."""
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h", "--version"):
            args = ["shell", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader of our output that left (`| head`) ends it without a word."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own last flush
            _leave(Exit.LOCAL)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version."
)
def program() -> None:
    """Move files over FTP.

    \b
    ftpclient [ftp://|ftps://][user@]host[:port][/path]   opens a login shell
    ftpclient COMMAND ... URL                             does one thing
    """


program.epilog = f"\b\nExit codes:\n{table()}"


@program.command(hidden=True)
@URL
@connection
def shell(url: Url, options: Options) -> None:
    """Open the login shell."""
    client, entrance = options.session(url, shell=True)
    with contextlib.closing(client):
        if url.path:
            client.cwd(url.path)
        place = Place(client, Path.cwd(), sys.stdout, options.meter)
        _leave(Shell(place, entrance.login.user, entrance.again, sys.stdin, sys.stderr).run())


@program.command()
@click.option("-l", "long", is_flag=True, help="With kind, size and time (UTC).")
@JSON
@URL
@connection
def ls(url: Url, long: bool, json_wanted: bool, options: Options) -> None:
    """List a directory."""
    with options.session(url)[0] as client:
        entries = in_order(entries_at(client, url.path, exact=long or json_wanted))
    if json_wanted:
        click.echo(as_json([entry_facts(entry) for entry in entries]))
        return
    for entry in entries:
        click.echo(entry_line(entry, long))


@program.command()
@URL
@connection
def cat(url: Url, options: Options) -> None:
    """Print a file."""
    with options.session(url)[0] as client:
        client.retrieve(url.path, sys.stdout.buffer)
        sys.stdout.buffer.flush()


@contextlib.contextmanager
def _job(json_wanted: bool) -> Iterator[Report]:
    """Run a job; print its report if asked, also when it was given up, and end with its exit code."""
    report = Report()
    fault: BaseException | None = None
    try:
        yield report
    except (OSError, ValueError, KeyboardInterrupt) as raised:
        fault = raised
    if json_wanted:
        click.echo(as_json(_report_facts(report, fault)))
    if fault is not None:
        raise fault
    if report.failures:
        done = report.moved or report.removed or report.directories
        _leave(Exit.PARTLY if done else exit_of(report.failures[0][1]))


def _report_facts(report: Report, fault: BaseException | None) -> dict[str, object]:
    failures = [*report.failures, *([("", fault)] if isinstance(fault, Exception) else [])]
    return {
        "moved": [
            {"source": one.source, "target": one.target, "size": one.size, "resumed": one.resumed}
            for one in report.moved
        ],
        "directories": report.directories,
        "removed": report.removed,
        "failures": [
            {"name": name, "error": str(cause), "exit": exit_of(cause).value} for name, cause in failures
        ],
    }


@program.command()
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
    with _job(json_wanted) as report:
        target = download_target(url.path, local, Path(), tree)
        with options.session(url)[0] as client, options.meter() as meter:
            if tree:
                get_tree(client, url.path, target, resume=resume, meter=meter, report=report)
            else:
                report.moved.append(get_file(client, url.path, target, resume=resume, meter=meter))


@program.command()
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
    with _job(json_wanted) as report, options.session(url)[0] as client, options.meter() as meter:
        target = upload_target(client, source, url.path, tree)
        if tree:
            put_tree(client, source, target, resume=resume, meter=meter, report=report)
        else:
            report.moved.append(put_file(client, source, target, resume=resume, meter=meter))


@program.command()
@click.option("-r", "tree", is_flag=True, help="A directory with everything in it.")
@JSON
@URL
@connection
def rm(url: Url, tree: bool, json_wanted: bool, options: Options) -> None:
    """Remove a file, or with -r a tree."""
    with _job(json_wanted) as report, options.session(url)[0] as client:
        if tree:
            remove_any(client, url.path, PlainMeter(sys.stderr), report)
        else:
            client.remove(url.path)
            report.removed += 1


@program.command()
@click.option("-p", "parents", is_flag=True, help="With those above; existing ones are fine.")
@JSON
@URL
@connection
def mkdir(url: Url, parents: bool, json_wanted: bool, options: Options) -> None:
    """Make a directory."""
    with _job(json_wanted) as report, options.session(url)[0] as client:
        client.make_directory(url.path, parents)
        report.directories += 1


@program.command()
@JSON
@URL
@click.argument("new")
@connection
def mv(url: Url, new: str, json_wanted: bool, options: Options) -> None:
    """Rename or move; NEW is a path on the same server."""
    with options.session(url)[0] as client:
        target = move(client, url.path, new)
    if json_wanted:
        click.echo(as_json({"source": url.path, "target": target}))


@program.command()
@JSON
@URL
@connection
def du(url: Url, json_wanted: bool, options: Options) -> None:
    """Add up the sizes of a tree."""
    report = Report()
    with options.session(url)[0] as client:
        total = usage(client, url.path, report, PlainMeter(sys.stderr))
    if json_wanted:
        click.echo(as_json({"bytes": total.bytes, "files": total.files, "directories": total.directories}))
    else:
        click.echo(f"{size_text(total.bytes)} in {total.files} files, {total.directories} directories")
    if report.failures:
        _leave(Exit.PARTLY)


@program.command()
@JSON
@URL
@connection
def quota(url: Url, json_wanted: bool, options: Options) -> None:
    """Say what the server says about the quota (SITE QUOTA, AVBL)."""
    with options.session(url)[0] as client:
        lines, available = client.quota(), client.available(url.path)
    if json_wanted:
        click.echo(as_json({"lines": list(lines), "available": available}))
        return
    click.echo(shown_lines("\n".join(lines)))
    if available is not None:
        click.echo(f"available: {available} bytes")


@program.command()
@click.option("--delete", is_flag=True, help="Remove what the source does not have.")
@click.option("--parallel", type=click.IntRange(1, 64), default=1, help="Sessions that copy at once.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
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
    json_wanted: bool,
    options: Options,
) -> None:
    """Make TARGET equal to SOURCE; either side is the URL.

    The side with :// is the URL; if neither has it, SOURCE is local when it exists.
    """
    up = "://" in target or ("://" not in source and Path(source).exists())
    url, local = _sides(source, target, up)
    with _job(json_wanted and not dry_run) as report:
        client, entrance = options.session(url)
        with client, options.meter() as meter:
            steps, side = mirroring.prepare(
                client, local, url.path, up=up, delete=delete, report=report, meter=meter
            )
            if dry_run:
                _print_plan(steps, json_wanted)
            else:
                mirroring.carry_out(steps, side, client, entrance.again, parallel, report, meter)


def _sides(source: str, target: str, up: bool) -> tuple[Url, Path]:
    address, local = (target, source) if up else (source, target)
    if "://" in local:
        raise click.UsageError("one side must be a local directory")
    try:
        return parse(address), Path(local)
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault


def _print_plan(steps: mirroring.Plan, json_wanted: bool) -> None:
    if json_wanted:
        removed = [name for name, _ in [*steps.clear, *steps.remove]]
        copied = [{"name": name, "size": size} for name, size in steps.copy]
        click.echo(as_json({"make": steps.make, "copy": copied, "remove": removed}))
        return
    for line in steps.lines():
        click.echo(shown(line))


def _leave(code: Exit) -> NoReturn:
    raise SystemExit(int(code))


def main() -> NoReturn:
    """Run the program and end with the exit code of the cause."""
    try:
        program.main(standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        _leave(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        _leave(Exit.INTERRUPTED)
    except EOFError:
        say("no login was given")
        _leave(Exit.LOGIN)
    except (OSError, ValueError) as fault:
        say(f"ftpclient: {fault}")
        _leave(exit_of(fault))
    _leave(Exit.OK)

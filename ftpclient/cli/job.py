"""What commands share: one report of many parts, printed as JSON if asked, and the exit code it stands for.

A command that has another document than a report prints `{"failures": [...]}` in its place when it fails.
"""

import contextlib
from collections.abc import Iterator

import click

from ftpclient.display import as_json
from ftpclient.errors import in_words
from ftpclient.exits import Exit, exit_of
from ftpclient.tree import Report


@contextlib.contextmanager
def job(json_wanted: bool) -> Iterator[Report]:
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
        raise SystemExit(Exit.PARTLY if done else exit_of(report.failures[0][1]))


@contextlib.contextmanager
def asked(json_wanted: bool) -> Iterator[None]:
    """Run what gets one answer; print its failure as JSON if asked, and raise it."""
    try:
        yield
    except (OSError, ValueError) as fault:
        if json_wanted:
            click.echo(as_json({"failures": [_failure("", fault)]}))
        raise


def _failure(name: str, cause: Exception) -> dict[str, object]:
    return {"name": name, "error": in_words(cause), "exit": exit_of(cause).value}


def _report_facts(report: Report, fault: BaseException | None) -> dict[str, object]:
    failures = [*report.failures, *([("", fault)] if isinstance(fault, Exception) else [])]
    return {
        "moved": [
            {"source": one.source, "target": one.target, "size": one.size, "resumed": one.resumed}
            for one in report.moved
        ],
        "directories": report.directories,
        "removed": report.removed,
        "failures": [_failure(name, cause) for name, cause in failures],
    }

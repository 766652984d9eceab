"""The command line of the quota comparison."""

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.ground import TINY
from benchmarks.machine import default_folder
from benchmarks.packages import Missing
from benchmarks.peers.base import Peer
from benchmarks.quota.scenarios import Finding, examine
from benchmarks.quota.servers import SERVERS, EmptyGround
from benchmarks.readme import put
from benchmarks.table import grid


@click.command()
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write everything there."
)
@click.option("--readme", is_flag=True, help="Put the table into README.md.")
@click.option("--dir", "directory", type=click.Path(path_type=Path, file_okay=False), help="Where homes lie.")
def main(json_file: Path | None, readme: bool, directory: Path | None) -> None:
    """Ask every server with quotas the same four questions and print one table."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="ftpserver-quota-", dir=directory or default_folder(1 << 26)))
    try:
        findings, notes = compare(folder, SERVERS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"a quota of 1 MB each, homes in {folder}\n\n{table(findings)}")
    for note in notes:
        click.echo(f"\n{note}")
    if readme:
        put("quotas", f"Quota: 1 MB each.\n\n{table(findings)}")
    if json_file:
        plain = {title: [vars(one) for one in found] for title, found in findings.items()}
        json_file.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n")


def compare(folder: Path, servers: Sequence[type[Peer]]) -> tuple[dict[str, list[Finding]], list[str]]:
    """The findings by server, and why a server is missing."""
    ground = EmptyGround(folder, TINY)
    findings: dict[str, list[Finding]] = {}
    notes: list[str] = []
    for kind in servers:
        try:
            findings[kind.title] = examine(kind(ground))
        except Missing as missing:
            notes.append(f"{kind.title} is left out: {missing}")
    return findings, notes


def table(findings: dict[str, list[Finding]]) -> str:
    """One column a server; WRONG marks what breaks the quota or the books."""
    lines = [["question", *findings]]
    for row in zip(*findings.values(), strict=True):
        lines.append([row[0].question, *(f"{one.answer}{'' if one.right else '  WRONG'}" for one in row)])
    return grid(lines)

"""The command line of the benchmarks."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from benchmarks.arena import Arena
from benchmarks.generator import Generator
from benchmarks.ground import QUICK, Ground, Scale
from benchmarks.machine import default_folder, describe, room_for_connections
from benchmarks.measure import LIMIT, Row, take_turns
from benchmarks.packages import Missing
from benchmarks.peers import PEERS, available
from benchmarks.plot import write_plot
from benchmarks.readme import put
from benchmarks.table import markdown, ratios, write_json
from benchmarks.workloads import WORKLOADS

TITLES = {**{key: peer.title for key, peer in PEERS.items()}, LIMIT: "machine"}


def _names(known: Sequence[str]) -> Callable[[click.Context, click.Parameter, str | None], list[str]]:
    """A callback that reads NAME,NAME,... of known names; nothing means all."""

    def read(_: click.Context, __: click.Parameter, text: str | None) -> list[str]:
        chosen = text.split(",") if text else list(known)
        for name in chosen:
            if name not in known:
                raise click.BadParameter(f"{name} is none of {', '.join(known)}")
        return chosen

    return read


@click.command()
@click.option(
    "--rounds", type=click.IntRange(1), help="How often everybody's turn comes (5; with --quick 3)."
)
@click.option(
    "--only", callback=_names(list(WORKLOADS)), metavar="ROW,...", help=f"Of {', '.join(WORKLOADS)}."
)
@click.option("--peers", callback=_names(list(PEERS)), metavar="PEER,...", help=f"Of {', '.join(PEERS)}.")
@click.option(
    "--workers", default="auto", show_default=True, help="Ours in the rows with 16 clients: a number or auto."
)
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write everything there."
)
@click.option(
    "--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw the ratios: .svg or .png."
)
@click.option("--readme", is_flag=True, help="Put the ratios into README.md.")
@click.option("--dir", "directory", type=click.Path(path_type=Path, file_okay=False), help="Where homes lie.")
@click.option("--quick", is_flag=True, help="Smaller files and shorter runs: a first look.")
@click.option("--full", is_flag=True, help="Also 9,000 idle clients.")
@click.option("--python-load", is_flag=True, help="Do not compile the load generator.")
def main(
    rounds: int | None,
    only: list[str],
    peers: list[str],
    workers: str,
    json_file: Path | None,
    plot: Path | None,
    readme: bool,
    directory: Path | None,
    quick: bool,
    full: bool,
    python_load: bool,
) -> None:
    """Measure ftpserver side by side with other FTP servers and print one table."""
    # Servers, sysctls and files are put back on the way out, so an end from outside must be an orderly one too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scale = QUICK if quick else Scale()
    chosen = [key for key in only if full or not WORKLOADS[key].full_only]
    generator = Generator(compiled=not python_load)
    folder = Path(tempfile.mkdtemp(prefix="ftpserver-benchmarks-", dir=directory or _place(scale)))
    rows: list[Row] = []
    try:
        with room_for_connections() as lacking:
            ground = Ground(folder, scale)
            servers, notes = available(peers, ground)
            notes += [lacking] if lacking else []
            about: dict[str, object] = {
                **describe(folder),
                "load": generator.name,
                "rounds": rounds or (3 if quick else 5),
            }
            with Arena(ground, generator, servers, workers) as arena:
                try:
                    for row in run(arena, chosen, int(str(about["rounds"]))):
                        rows.append(row)
                except (KeyboardInterrupt, SystemExit):
                    notes.append("the run was cut short: rows are missing")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"{'; '.join(f'{key}: {value}' for key, value in about.items())}\n")
    click.echo(markdown(rows, TITLES))
    for note in [
        *notes,
        *(
            f"{row.key}: {TITLES.get(who, who)} failed: {why}"
            for row in rows
            for who, why in row.failures.items()
        ),
    ]:
        click.echo(f"\n{note}")
    if json_file:
        write_json(json_file, rows, {**about, "notes": notes})
    if readme:
        machine = ", ".join(f"{key}: {about[key]}" for key in ("cpu", "kernel", "rounds"))
        put("speed", f"{machine}; medians.\n\n{ratios(rows, TITLES)}")
    if plot:
        try:
            write_plot(plot, rows, TITLES, about)
        except Missing as missing:
            sys.exit(str(missing))


def _place(scale: Scale) -> Path:
    return default_folder(scale.bytes_needed(len(PEERS)))


def run(arena: Arena, keys: Sequence[str], rounds: int) -> Iterator[Row]:
    """Measure these workloads, one after the other; each is named on standard error as it begins."""
    for key in keys:
        workload = WORKLOADS[key]
        participants = workload.participants(arena)
        if participants:
            click.echo(f"{key} ...", err=True)
            yield take_turns(workload.row(arena), participants, min(rounds, workload.rounds or rounds))

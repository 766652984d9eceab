"""The sweep runs and leaves nothing behind; what it finds is not asked."""

from pathlib import Path

from benchmarks.generator import Generator
from benchmarks.ground import TINY, Ground
from benchmarks.peers.ours import Ours
from benchmarks.sweep.command import MUCH, WORKS, Stage, sweep


def test_every_kind_of_much_gives_a_row(open_folder: Path, generator: Generator) -> None:
    ground = Ground(open_folder / "sweep", TINY)
    least = min(count for much in MUCH for count in much.counts)
    rows = list(sweep(Stage(ground, generator, 0.05, 1), least))
    assert [row[0] for row in rows] == ["nothing", "idle sessions"]
    assert all(len(row) == 2 + len(WORKS) and all(float(cell) > 0 for cell in row[2:]) for row in rows)


def test_much_is_made_and_taken_away(open_folder: Path, generator: Generator) -> None:
    ground = Ground(open_folder / "much", TINY)
    stage = Stage(ground, generator, 0.05, 1)
    server = Ours(ground, "full")
    server.start()
    try:
        for much in MUCH:
            if much.title == "idle sessions":
                continue
            with much.make(stage, server, 150):
                found = [path for path in open_folder.rglob("*") if path.name.startswith(("nobody", "f1"))]
                assert len(found) >= 50
        assert not [path for path in server.accounts.iterdir() if path.name.startswith("nobody")]
        assert not (server.homes[0] / "much").exists()
    finally:
        server.stop()

"""The command from end to end, as a person starts it."""

import json
import subprocess
import sys
from pathlib import Path

from tests.service import ROOT


def benchmarks(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=100
    )


def test_a_run_prints_a_table_and_leaves_nothing(tmp_path: Path) -> None:
    homes = tmp_path / "homes"
    homes.mkdir()
    done = benchmarks(
        *("benchmarks", "--quick", "--rounds", "1", "--peers", "ours,aioftp", "--only", "retr-small"),
        *("--dir", str(homes), "--json", str(tmp_path / "all.json"), "--plot", str(tmp_path / "plot.svg")),
    )
    assert done.returncode == 0, done.stderr
    assert "RETR 4 KiB, 1 client" in done.stdout
    assert f"homes: {homes}" in done.stdout
    assert json.loads((tmp_path / "all.json").read_text())["rows"][0]["best_peer"] == "aioftp"
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")
    assert list(homes.iterdir()) == []


def test_a_wrong_name_is_told_the_right_ones() -> None:
    done = benchmarks("benchmarks", "--only", "juggling")
    assert done.returncode == 2
    assert "juggling is none of login" in done.stderr


def test_a_run_that_is_ended_shows_what_it_has_and_leaves_nothing(tmp_path: Path) -> None:
    arguments = ["--quick", "--peers", "pyftpdlib", "--only", "login,retr-small", "--rounds", "1000"]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *arguments, "--dir", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        assert process.stderr
        assert process.stderr.readline() == "login ...\n"
        process.terminate()
        output, _ = process.communicate(timeout=100)
    assert "the run was cut short" in output
    assert list(tmp_path.iterdir()) == []

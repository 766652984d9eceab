"""The machine is told and told back, and memory is counted over a whole tree."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import machine


def test_the_kernel_gets_its_settings_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = tmp_path / "buckets"
    setting.write_text("131072\n")
    monkeypatch.setattr(machine, "ROOMY", {str(setting): "512", str(tmp_path / "no" / "such"): "1"})
    with machine.room_for_connections() as lacking:
        assert setting.read_text() == "512"
        assert "such could not be set" in lacking
    assert setting.read_text() == "131072\n"


def test_memory_counts_children() -> None:
    program = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"1\n"
        tree = machine.process_tree(parent.pid)
        assert len(tree) == 2
        whole, child = machine.memory(parent.pid), machine.memory(tree[1])
        assert whole["Rss"] > child["Rss"] > 0
        assert whole["Pss"] > child["Pss"] > 0
        parent.communicate(b"\n")


def test_the_file_system_of_a_folder_is_named() -> None:
    assert machine.file_system(Path("/proc/self")) == "proc"

"""Locks that end with their process."""

import os
import subprocess
import sys
from pathlib import Path

from ftpserver.state.liveness import FOLDER, Lifeline

_OTHER = """
import sys
from pathlib import Path
from ftpserver.state.liveness import Lifeline
line = Lifeline(Path(sys.argv[1]))
print(line.token, flush=True)
sys.stdin.read()
"""


def test_a_process_lives_until_it_dies_however_it_dies(tmp_path: Path) -> None:
    mine = Lifeline(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        token = other.stdout.readline().strip()
        assert mine.alive(token)
        assert mine.alive(token)  # looking has not taken the lock
        other.kill()
    assert not mine.alive(token)
    mine.bury(token)
    mine.bury(token)
    assert os.listdir(tmp_path / FOLDER) == [mine.token]
    mine.close()


def test_one_lives_in_its_own_eyes_and_leaves_nothing(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    line = Lifeline(tmp_path)
    assert line.alive(line.token)
    assert not line.alive("never heard of")
    line.close()
    assert os.listdir(tmp_path / FOLDER) == []
    assert len(os.listdir("/proc/self/fd")) == before

"""scripts/demo, as far as it goes without making an environment of its own."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from tests.service import ROOT


def test_a_port_in_use_is_said_before_a_password_is_shown(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/demo", tmp_path / "scripts/demo")
    (tmp_path / "scripts/venv").write_text("# The environment of this test is there already.\n")
    (tmp_path / ".venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (tmp_path / ".venv/bin/python").chmod(0o755)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            ["sh", "scripts/demo"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "DEMO_PORT": port, "PYTHONPATH": str(ROOT)},
        )
    assert done.returncode == 1
    assert done.stderr == (
        f"scripts/demo: listen 127.0.0.1 port {port}: Address already in use; another program listens there; "
        "choose another port: DEMO_PORT=2122 sh scripts/demo\n"
    )
    assert not (tmp_path / "demo").exists()

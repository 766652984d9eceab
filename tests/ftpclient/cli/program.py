"""The program `ftpclient` run to its end, as a script runs it."""

import subprocess
import sys
from pathlib import Path

from tests.ftpclient.test_shell import environment

PROGRAM = [sys.executable, "-m", "ftpclient"]


def run(here: Path, *words: str, text: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    """Run it in the folder `here` with `text` on its standard input and the right password."""
    variables = environment(**{"FTPCLIENT_PASSWORD": "secret", **more})
    return subprocess.run(
        [*PROGRAM, *words], input=text, text=True, capture_output=True, cwd=here, env=variables, timeout=60
    )

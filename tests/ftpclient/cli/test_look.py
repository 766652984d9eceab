"""Looking from the command line."""

import subprocess
from pathlib import Path

from tests.ftpclient.cli.program import PROGRAM
from tests.ftpclient.peers import Foreign
from tests.ftpclient.test_shell import environment


def test_a_reader_that_leaves_is_no_drama(foreign: Foreign, here: Path) -> None:
    (foreign.home / "f").write_bytes(bytes(5_000_000))
    with subprocess.Popen(
        [*PROGRAM, "cat", f"{foreign.url}/f"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=here,
        env=environment(FTPCLIENT_PASSWORD="secret"),
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 11

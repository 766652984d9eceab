"""An address alone opens the shell."""

from pathlib import Path

from tests.ftpclient.cli.program import run
from tests.ftpclient.peers import Foreign


def test_an_address_alone_opens_the_shell_where_its_path_leads(foreign: Foreign, here: Path) -> None:
    (foreign.home / "d").mkdir()
    (foreign.home / "d/f").touch()
    done = run(here, f"{foreign.url}/d", text="ls\nexit\n")
    assert "ls\nf\n" in done.stdout
    assert done.returncode == 0

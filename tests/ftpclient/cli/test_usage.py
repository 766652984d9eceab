"""Adding up a tree from the command line."""

from pathlib import Path

from tests.ftpclient.cli.program import run
from tests.ftpclient.peers import Foreign


def test_du_adds_up_and_says_what_it_could_not_see(foreign: Foreign, here: Path) -> None:
    (foreign.home / "d").mkdir()
    (foreign.home / "d/f").write_bytes(bytes(2048))
    assert run(here, "du", foreign.url).stdout == "2.0 KiB in 1 files, 1 directories\n"

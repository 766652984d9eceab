"""Names that change on the server."""

import json
from pathlib import Path

from tests.ftpclient.cli.program import run
from tests.ftpclient.peers import Foreign


def test_mv_goes_into_a_directory_and_says_so(foreign: Foreign, here: Path) -> None:
    (foreign.home / "f").touch()
    (foreign.home / "d").mkdir()
    done = run(here, "mv", "--json", f"{foreign.url}/f", "d")
    assert json.loads(done.stdout) == {"source": "f", "target": "d/f"}
    assert (foreign.home / "d/f").exists()


def test_rm_of_a_directory_wants_r(foreign: Foreign, here: Path) -> None:
    (foreign.home / "d/e").mkdir(parents=True)
    assert run(here, "rm", f"{foreign.url}/d").returncode != 0
    report = json.loads(run(here, "rm", "-r", "--json", f"{foreign.url}/d").stdout)
    assert (report["removed"], report["failures"]) == (2, [])
    assert not (foreign.home / "d").exists()


def test_rm_of_the_root_empties_it_and_says_that_it_stays(foreign: Foreign, here: Path) -> None:
    (foreign.home / "d/e").mkdir(parents=True)
    done = run(here, "rm", "-r", f"{foreign.url}/")
    assert (done.returncode, done.stderr) == (0, "/: only emptied, the root itself stays\n")
    assert not any(foreign.home.iterdir())

"""Jobs of many parts: the report and the exit code."""

import json
from pathlib import Path

from tests.ftpclient.cli.program import run
from tests.ftpclient.peers import Foreign


def test_partly_done_is_13_and_the_report_names_what_failed(foreign: Foreign, here: Path) -> None:
    (foreign.home / "forbidden").touch()
    (foreign.home / "fine").touch()
    done = run(here, "get", "-r", "--json", foreign.url, "copy")
    assert done.returncode == 13
    report = json.loads(done.stdout)
    assert [moved["source"] for moved in report["moved"]] == ["/fine"]
    assert [(failure["name"], failure["exit"]) for failure in report["failures"]] == [("/forbidden", 7)]

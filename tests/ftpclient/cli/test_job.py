"""Jobs of many parts: the report and the exit code."""

import json
import socket
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    "words",
    [
        ("ls", "{}/"),
        ("du", "{}/"),
        ("quota", "{}/"),
        ("mv", "{}/f", "g"),
        ("get", "{}/f"),
        ("mirror", "--dry-run", "{}/", "copy"),
    ],
    ids=lambda words: words[0],
)
def test_a_failure_before_any_work_is_json_too(here: Path, words: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = run(here, *(word.format(f"ftp://ada@127.0.0.1:{port}") for word in words), "--json")
    failure = {"name": "", "error": f"127.0.0.1 port {port}: Connection refused", "exit": 4}
    assert (done.returncode, json.loads(done.stdout)["failures"]) == (4, [failure])

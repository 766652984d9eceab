"""Files that go up and down from the command line."""

import json
import os
from pathlib import Path

import pytest

from tests.ftpclient.cli.program import run
from tests.ftpclient.peers import Foreign, Script


def test_a_partial_file_is_continued(foreign: Foreign, here: Path) -> None:
    content = os.urandom(200_000)
    (foreign.home / "f").write_bytes(content)
    (here / "f").write_bytes(content[:150_000])
    report = json.loads(run(here, "get", "-c", "--json", f"{foreign.url}/f").stdout)
    assert report["moved"][0]["resumed"] == 150_000
    (here / "f").write_bytes(bytes(1000))
    done = run(here, "get", "-c", f"{foreign.url}/f")
    assert "starting over" in done.stderr
    assert (here / "f").read_bytes() == content


def test_a_dash_is_standard_output(foreign: Foreign, here: Path) -> None:
    (foreign.home / "f").write_text("content")
    done = run(here, "get", f"{foreign.url}/f", "-")
    assert (done.returncode, done.stdout, done.stderr) == (0, "content", "")
    assert not any(here.iterdir())


def test_a_dash_is_standard_input(foreign: Foreign, here: Path) -> None:
    (foreign.home / "d").mkdir()
    assert run(here, "put", "-", f"{foreign.url}/d/f", text="content").returncode == 0
    assert (foreign.home / "d/f").read_text() == "content"


@pytest.mark.parametrize(
    "words",
    [
        ("get", "-r", "{}/d", "-"),
        ("get", "--json", "{}/d", "-"),
        ("put", "-", "{}"),
        ("put", "-", "{}/d/"),
        ("put", "--password-stdin", "-", "{}/f"),
    ],
)
def test_a_dash_that_cannot_be_meant_is_refused(here: Path, words: tuple[str, ...]) -> None:
    done = run(here, *(word.format("ftp://ada@nobody.invalid") for word in words))
    assert (done.returncode, "standard" in done.stderr) == (2, True), done.stderr


def test_a_download_goes_through_a_pipe_that_has_a_path(foreign: Foreign, here: Path) -> None:
    (foreign.home / "f").write_text("content")
    done = run(here, "get", f"{foreign.url}/f", "/dev/stdout")
    assert (done.returncode, done.stdout) == (0, "content"), done.stderr


def test_what_is_kept_of_a_cut_download_is_said(script: Script, here: Path) -> None:
    script.answers["RETR"] = lambda visit, _: visit.send_data(b"half of it", "426 disk trouble")
    done = run(here, "get", f"ada@127.0.0.1:{script.port}/f")
    assert done.returncode == 10
    assert "what has come is kept: the same command with -c" in done.stderr
    del script.answers["RETR"]
    script.files["f"] = b"half of it and the rest"
    assert run(here, "get", "-c", f"ada@127.0.0.1:{script.port}/f").returncode == 0
    assert (here / "f").read_bytes() == script.files["f"]


def test_local_faults_name_the_file_that_was_asked_for(foreign: Foreign, here: Path) -> None:
    (foreign.home / "f").touch()
    done = run(here, "get", f"{foreign.url}/f", "nowhere/f")
    assert done.stderr.endswith("/nowhere/f: No such file or directory\n")
    assert "Errno" not in run(here, "put", "nothing", foreign.url).stderr

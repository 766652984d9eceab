"""Files that go up and down from the command line."""

import json
import os
from pathlib import Path

from tests.ftpclient.cli.program import run
from tests.ftpclient.peers import Foreign


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

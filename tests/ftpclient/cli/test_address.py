"""An address that was forgotten beside a local path."""

from pathlib import Path

import pytest

from tests.ftpclient.cli.program import run


@pytest.mark.parametrize(
    "words",
    [
        ("mirror", "site", "copy here"),
        ("mirror", "copy here", "site"),
        ("mirror", "site", "old site.v1"),
        ("put", "f", "copy here"),
        ("put", "-r", "site", "copy here/site"),
        ("get", "copy here/f", "g"),
    ],
    ids=" ".join,
)
def test_two_local_paths_are_told_that_one_must_be_a_url(here: Path, words: tuple[str, ...]) -> None:
    (here / "site").mkdir()
    (here / "f").touch()
    (here / "old site.v1").mkdir()
    done = run(here, *words)
    assert done.returncode == 2
    assert f"Usage: ftpclient {words[0]} " in done.stderr
    assert "one of the two must be a URL (ftp://...): there is no host " in done.stderr


@pytest.mark.parametrize("word", ["ftp://no host", "ada@no host", "no.host here"])
def test_what_can_only_be_an_address_has_a_host_that_is_not_there(here: Path, word: str) -> None:
    (here / "f").touch()
    done = run(here, "put", "f", word)
    assert (done.returncode, "URL" in done.stderr) == (4, False), done.stderr

"""Failures that an option helps against say which."""

import ssl
from pathlib import Path

from ftpclient.cli.advice import advice
from ftpclient.errors import NotFound, TlsFailed
from tests.ftpclient.cli.program import run
from tests.ftpclient.peers import Foreign, Script


def test_an_unknown_certificate_says_how_to_trust_it(
    script: Script, server_context: ssl.SSLContext, here: Path
) -> None:
    script.context = server_context
    done = run(here, "ls", f"ftp://ada@localhost:{script.port}/")
    assert done.returncode == 5
    assert "not trusted" in done.stderr
    assert "--cafile FILE" in done.stderr


def test_a_directory_says_how_it_is_taken(foreign: Foreign, here: Path) -> None:
    (here / "d").mkdir()
    done = run(here, "put", "d", f"{foreign.url}/d")
    assert done.returncode == 11
    assert "d: Is a directory\n(get, put and rm take a directory with -r)\n" in done.stderr


def test_no_advice_is_better_than_a_guess() -> None:
    assert advice(NotFound("no such file")) is None


def test_a_server_that_begins_in_clear_says_which_address_is_meant(foreign: Foreign, here: Path) -> None:
    done = run(here, "ls", f"ftps://{foreign.url}/")
    assert done.returncode == 5
    assert "(ftps:// is TLS from the first byte; for a server that begins in clear use ftp://)" in done.stderr


def test_data_in_clear_is_no_wrong_address() -> None:
    fault, cause = TlsFailed("data connection"), ssl.SSLError()
    cause.reason = "WRONG_VERSION_NUMBER"
    fault.__cause__ = cause
    assert advice(fault, ["ls", "ftp://host/"]) is None

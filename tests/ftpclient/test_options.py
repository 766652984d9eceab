"""The options of every command become settings, and addresses are checked before anything is sent."""

import ssl
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ftpclient.options import JSON, URL, Options, connection
from ftpclient.trust import Tls
from ftpclient.url import Url


@click.command()
@JSON
@URL
@connection
def probe(url: Url, json_wanted: bool, options: Options) -> None:
    settings = options.settings()
    mode = settings.context.verify_mode if settings.context else None
    click.echo(
        repr((url, json_wanted, settings.tls, mode, settings.timeout, settings.active, bool(settings.trace)))
    )


def ask(*words: str) -> str:
    result = CliRunner().invoke(probe, words)
    return result.output.strip()


def test_defaults() -> None:
    assert ask("host") == repr((Url("host", 21), False, Tls.AUTO, None, 60.0, False, False))


def test_everything_said(certificate: Path) -> None:
    words = [
        "--tls",
        "require",
        "--cafile",
        str(certificate),
        "--timeout",
        "5",
        "--active",
        "-v",
        "--json",
        "host",
    ]
    assert ask(*words) == repr((Url("host", 21), True, Tls.REQUIRE, ssl.CERT_REQUIRED, 5.0, True, True))
    assert repr(ssl.CERT_NONE) in ask("--insecure", "host")


@pytest.mark.parametrize(
    "words", [["a:b@host"], ["http://host"], ["--timeout", "0", "host"], ["--tls", "x", "host"]]
)
def test_wrong_words_are_usage_errors(words: list[str]) -> None:
    assert CliRunner().invoke(probe, words).exit_code == 2

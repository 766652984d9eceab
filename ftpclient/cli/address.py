"""Which word is the address, where a local path may stand beside it.

An address may be written without a scheme, and then a forgotten address looks like one: in `mirror site copy`, `copy`
would be a host. So a bare word that no host is called by, and that may as well be a local name, is refused.
"""

import socket
from pathlib import Path

import click

from ftpclient.url import Url, parse

_MARKS = ("://", "@", ":")
"""Each of these makes a word an address."""


def address(text: str) -> Url:
    """Read an address; raise UsageError when it is none, or looks like a local path."""
    try:
        url = parse(text)
    except ValueError as fault:
        raise click.UsageError(str(fault)) from fault
    if not any(mark in text for mark in _MARKS) and _may_be_local(text, url.host) and not _known(url.host):
        raise click.UsageError(f"one of the two must be a URL (ftp://...): there is no host {url.host}")
    return url


def _may_be_local(text: str, host: str) -> bool:
    return "." not in host or Path(text).exists()


def _known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except (OSError, UnicodeError):  # the latter for what can be no host's name
        return False
    return True


def _argument(context: click.Context, _: click.Parameter, text: str) -> Url:
    try:
        return address(text)
    except click.UsageError as fault:
        fault.ctx = context  # so that the usage of the command is shown
        raise


ADDRESS = click.argument("url", callback=_argument)

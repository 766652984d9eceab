"""`ftpserver init`: a place from which the service can be started at once.

Nothing that exists is changed: what is there is kept, what is missing is made.
"""

import os
import shlex
import socket
from datetime import UTC, datetime
from pathlib import Path

import click

from ftpserver.config.fault import about
from ftpserver.config.template import TEMPLATE

# Of the directory, and whether others on this machine may look into it.
_DIRECTORIES = (("conf", 0o755), ("conf/tls", 0o700), ("accounts", 0o700), ("homes", 0o750), ("state", 0o700))


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=Path())
def init(directory: Path) -> None:
    """Make settings, directories and a self-signed certificate in DIRECTORY; overwrite nothing."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, mode in _DIRECTORIES:
        _report(directory / name, _make_directory(directory / name, mode))
    settings = directory / "conf/ftpserver.yaml"
    _report(settings, _make_file(settings, TEMPLATE.encode(), 0o644))
    _make_identity(directory / "conf/tls/server.crt", directory / "conf/tls/server.key")
    command = "ftpserver" if directory == Path() else f"ftpserver -c {shlex.quote(str(settings))}"
    click.echo(f"\nNext:\n  {command} user add NAME\n  {command} serve")


def _make_directory(path: Path, mode: int) -> bool:
    try:
        path.mkdir()
    except FileExistsError:
        return False
    path.chmod(mode)
    return True


def _make_file(path: Path, data: bytes, mode: int) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        return False
    with about(path), os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    return True


def _make_identity(certificate: Path, private_key: Path) -> None:
    if os.path.lexists(certificate) or os.path.lexists(private_key):
        # Half of a pair is kept too: a new other half would not fit it.
        for path in (certificate, private_key):
            if os.path.lexists(path):
                _report(path, made=False)
        return
    from ftpserver.cli.certificate import make_identity

    identity = make_identity(socket.gethostname(), datetime.now(UTC))
    _report(private_key, _make_file(private_key, identity.private_key, 0o600))
    _report(certificate, _make_file(certificate, identity.certificate, 0o644))


def _report(path: Path, made: bool) -> None:
    click.echo(f"{'made' if made else 'kept'}  {path}")

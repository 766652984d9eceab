"""A fresh installation, and the command line run against it in this process or as the real program."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from click.testing import CliRunner, Result

from ftpserver.cli import ftpserver

ROOT = Path(__file__).parents[3]

Run = Callable[..., Result]
Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory as `ftpserver init` leaves it, without the certificate, which few tests need."""
    for name in ("conf", "accounts", "homes", "state"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "conf/ftpserver.yaml").write_text("passive: {ports: null}\n")
    return tmp_path


@pytest.fixture
def run(site: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command against the site in this process; hashes are cheap."""
    monkeypatch.setattr("ftpserver.cli.password.COST", 4)

    def run(*arguments: str, stdin: str | bytes = "") -> Result:
        command = ["-c", str(site / "conf/ftpserver.yaml"), *arguments]
        result = CliRunner().invoke(ftpserver, command, input=stdin, prog_name="ftpserver")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result

    return run


@pytest.fixture
def program(site: Path) -> Program:
    """Run the real program in the site's directory, to its end."""

    def program(*arguments: str, stdin: str = "", check: bool = True) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "ftpserver", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=site,
            env=environment(),
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return program


def environment() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FTPSERVER_")}
    return {**kept, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def cheap_hash() -> str:
    """A hash of the password "secret"."""
    return bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()

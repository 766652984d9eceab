"""The programs others wrote, run the way a person runs them: one function a client, its output on failure.

No password stands on a command line: each client reads it from the file its own manual offers for that.
"""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from urllib.parse import quote

from tests.service import Service

SECONDS = 240  # until a client counts as hung


def curl(config: Iterable[str], folder: Path, *options: str) -> str:
    """Runs curl with the lines of `config` as its configuration file and returns what it printed."""
    file = folder / "curlrc"
    file.write_text("\n".join(config) + "\n", "utf-8", "surrogateescape")
    file.chmod(0o600)
    return run(["curl", "--disable", "--silent", "--show-error", "--config", str(file), *options], folder)


def curl_text(text: str | Path) -> str:
    """`text` as a quoted value of a curl configuration file."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def lftp(script: str, folder: Path) -> str:
    """Runs an lftp script that stops at its first failure and returns what it printed."""
    file = folder / "lftp.script"
    file.write_text(f"set cmd:fail-exit yes\nset net:max-retries 1\nset net:timeout 60\n{script}\n", "utf-8")
    file.chmod(0o600)
    return run(["lftp", "--norc", "-f", str(file)], folder)


def lftp_text(text: str | Path) -> str:
    """`text` as a quoted word of an lftp script."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def wget(service: Service, name: str, folder: Path, *options: str) -> str:
    """Runs wget in `folder` as the user `name`, with its own configuration, and returns what it printed."""
    file = folder / "wgetrc"
    file.write_text(f"ftp_user = {name}\nftp_password = {service.passwords[name]}\n")
    file.chmod(0o600)
    return run(["wget", f"--config={file}", "--no-verbose", "--tries=1", "--timeout=60", *options], folder)


def url(service: Service, path: str, scheme: str = "ftp") -> str:
    """The address of `path` on `service`; the user comes from the client's own password file."""
    return f"{scheme}://{service.host}:{service.port}/{quote(path, errors='surrogateescape')}"


def netrc(service: Service, name: str, folder: Path) -> Path:
    """A netrc file with the password of `name`."""
    file = folder / "netrc"
    file.write_text(f'machine {service.host} login {name} password "{service.passwords[name]}"\n')
    file.chmod(0o600)
    return file


def run(command: list[str], folder: Path, stdin: IO[bytes] | int = subprocess.DEVNULL) -> str:
    """Runs `command` in `folder`, in UTF-8, with a home of its own; a failure shows what it said."""
    done = subprocess.run(
        command,
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        timeout=SECONDS,
    )
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}:\n{said[-6000:]}"
    return said

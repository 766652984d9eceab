"""Finding the programs that are compared: in the system, or unpacked side by side in a cache.

Debian's packages of FTP servers exclude each other, and installing one would start it. So they are downloaded and
unpacked (`dpkg -x`) below one folder, with the libraries that a small system lacks, and run from there. Python
packages come from the current environment; what it lacks is installed into the cache, not into the environment.
"""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DEBIAN = {
    "vsftpd": ("vsftpd", "libwrap0", "libcap2"),
    "pure-ftpd": ("pure-ftpd", "pure-ftpd-common", "libsodium23", "libcap2"),
    "proftpd": (
        "proftpd-core",
        "proftpd-mod-crypto",
        "libsodium23",
        "libhiredis0.14",
        "libmemcached11",
        "libmemcachedutil2",
        "libhashkit2",
        "libpcre2-posix3",
        "libpcre2-8-0",
        "libidn2-0",
    ),
    "openssl": ("libssl-dev",),
}
"""What is unpacked for a program: its packages, and libraries that are not on every system."""

PYTHON = {"pyftpdlib": "pyftpdlib", "aioftp": "aioftp", "OpenSSL": "pyOpenSSL"}
"""Importable name -> package."""


class Missing(Exception):
    """A program that is neither here nor to be had; the text says what to do."""


def cache_folder() -> Path:
    """Where downloads and builds are kept: $FTPSERVER_BENCHMARKS_CACHE or ~/.cache/ftpserver-benchmarks."""
    chosen = os.environ.get("FTPSERVER_BENCHMARKS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(chosen) if chosen else Path(base) / "ftpserver-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked() -> Iterator[Path]:
    """The cache folder, with nobody else filling it."""
    folder = cache_folder()
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def unpacked(name: str) -> Path:
    """The folder with the Debian packages of `name` unpacked in it. Raises Missing."""
    with locked() as cache:
        root = cache / name
        if root.is_dir():
            return root
        draft, downloads = cache / f"{name}.draft", cache / "downloads"
        for folder in (draft, downloads):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        if not _apt(["download", "-q", *DEBIAN[name]], downloads):
            _apt(["update", "-q"], downloads)
            if not _apt(["download", "-q", *DEBIAN[name]], downloads):
                raise Missing(
                    f"{name} is not installed, and apt-get cannot download {' '.join(DEBIAN[name])}"
                )
        for package in downloads.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(draft)], check=True)
        draft.rename(root)
        return root


def _apt(arguments: list[str], folder: Path) -> bool:
    if shutil.which("apt-get") is None:
        return False
    # APT would hand the download to its own user, who may not write here.
    command = ["apt-get", "-o", "APT::Sandbox::User=root", *arguments]
    return (
        subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        == 0
    )


class Program:
    """An executable and the environment in which it finds its libraries."""

    def __init__(self, name: str, binary: str | None = None) -> None:
        """Look for `binary` (by default `name`) in the system, then in the unpacked packages. Raises Missing."""
        binary = binary or name
        installed = shutil.which(binary, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
        self.root = Path("/") if installed else unpacked(name)
        places = (
            [Path(installed)] if installed else [self.root / f"usr/{d}/{binary}" for d in ("sbin", "bin")]
        )
        found = [place for place in places if place.is_file()]
        if not found:
            raise Missing(f"{binary} is not in the packages of {name}")
        self.path = str(found[0])
        self.environment = dict(os.environ)
        if not installed:
            libraries = [str(folder) for folder in (self.root / "usr/lib").glob("*-linux-gnu")]
            libraries += [str(folder) for folder in (self.root / "lib").glob("*-linux-gnu")]
            self.environment["LD_LIBRARY_PATH"] = os.pathsep.join(libraries)


def python_path() -> str:
    """The PYTHONPATH under which every package of PYTHON can be imported. Raises Missing."""
    lacking = [package for name, package in PYTHON.items() if importlib.util.find_spec(name) is None]
    if not lacking:
        return ""
    with locked() as cache:
        folder = cache / f"python{sys.version_info.major}.{sys.version_info.minor}"
        stamp = folder / "-".join(["with", *sorted(lacking)])
        if not stamp.exists():
            command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            done = subprocess.run(
                [*command, "--target", str(folder), *lacking], capture_output=True, text=True
            )
            if done.returncode:
                raise Missing(f"pip cannot install {' '.join(lacking)}: {done.stderr.strip()[-300:]}")
            stamp.touch()
        return str(folder)

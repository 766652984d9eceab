"""pyftpdlib and aioftp: each in a process of its own (serve_pyftpdlib.py, serve_aioftp.py), passwords in plain text."""

import os
import sys
from pathlib import Path

from benchmarks.packages import python_path
from benchmarks.peers.base import Peer, free_port

HERE = Path(__file__).parent


class PythonPeer(Peer):
    """A server that is a library: a small program starts it."""

    def find(self) -> None:
        """Find or fetch the packages."""
        self._path = python_path()

    def configure(self) -> None:
        """Nothing is written: the program is told by its command line."""
        self.tls_port = free_port()

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Its ports, its homes, its certificate."""
        ground = self.ground
        program = HERE / f"serve_{self.key}.py"
        arguments = [
            self.port,
            self.tls_port,
            self.homes[0].parent,
            self.users,
            ground.certificate,
            ground.key,
        ]
        environment = dict(os.environ)
        if self._path:
            environment["PYTHONPATH"] = self._path
        return [sys.executable, "-W", "ignore", str(program), *map(str, arguments)], environment


class Pyftpdlib(PythonPeer):
    """One process, one loop; its jail compares path names."""

    key = "pyftpdlib"
    title = "pyftpdlib"


class Aioftp(PythonPeer):
    """One process, one loop; its TLS is implicit only and it knows no NOOP, so it is left out there."""

    key = "aioftp"
    title = "aioftp"
    tls = False
    noop = False

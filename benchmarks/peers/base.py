"""What every server has in common: a folder, homes, a process in the foreground, a port that answers."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from benchmarks.ground import PASSWORD, USERS, Ground
from benchmarks.machine import process_tree

PATIENCE = 30.0


class Broken(Exception):
    """A server that does not start, or ended; the text has its last words."""


class Peer:
    """One server in one folder of the ground. A subclass says how it is configured and started."""

    key: ClassVar[str]
    title: ClassVar[str]
    tls: ClassVar[bool] = True
    mlsd: ClassVar[bool] = True
    noop: ClassVar[bool] = True
    hash: ClassVar[str] = ""
    """The command that hashes a file, of any algorithm."""
    users: ClassVar[int] = USERS
    user: ClassVar[str] = "u%d"
    """Login names; %d is the number of the user."""

    def __init__(self, ground: Ground, name: str = "") -> None:
        """Find the program. Raises Missing."""
        self.ground = ground
        self.folder = ground.folder / (name or self.key)
        self.process: subprocess.Popen[bytes] | None = None
        self.port = self.tls_port = 0
        self._planted = False
        self.find()

    # -- what a subclass says ------------------------------------------------------------------------------

    def find(self) -> None:
        """Find or fetch the program. Raises Missing."""

    def configure(self) -> None:
        """Write settings and users; homes exist."""
        raise NotImplementedError

    def command(self) -> tuple[list[str], dict[str, str]]:
        """The command line that keeps the server in the foreground, and its environment."""
        raise NotImplementedError

    # -- its life ------------------------------------------------------------------------------------------

    @property
    def homes(self) -> list[Path]:
        """The homes of its users."""
        return [self.folder / "homes" / f"u{number}" for number in range(self.users)]

    def plant(self) -> None:
        """Make folder, homes and the files in them, once."""
        if not self._planted:
            self.folder.mkdir()
            self.ground.plant(self.homes)
            self._planted = True

    def start(self) -> None:
        """Start and wait for the greeting. Raises Broken."""
        self.plant()
        self.port = self.tls_port = free_port()
        self.configure()
        command, environment = self.command()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
            )
        self._await_greeting()

    def _await_greeting(self) -> None:
        assert self.process
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as client,
            ):
                if client.recv(512).startswith(b"220"):
                    return
            time.sleep(0.02)
        self.kill()
        raise Broken(
            f"{self.title} does not start: {(self.folder / 'log').read_text(errors='replace')[-500:]}"
        )

    @property
    def pid(self) -> int:
        """The first of its processes."""
        assert self.process
        return self.process.pid

    def stop(self) -> None:
        """End it and every process it has started."""
        if self.process is None:
            return
        tree = process_tree(self.pid)
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self._end(tree)

    def kill(self) -> None:
        """End it and every process it has started by SIGKILL, as a crash would."""
        if self.process is not None:
            self._end(process_tree(self.pid))

    def _end(self, tree: list[int]) -> None:
        assert self.process
        for pid in tree:
            if pid != self.pid or self.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)
        self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- clients -------------------------------------------------------------------------------------------

    def target(self, *, tls: bool = False) -> dict[str, object]:
        """The options of the load that lead to this server."""
        common: dict[str, object] = {"user": self.user, "users": self.users, "password": PASSWORD}
        return {**common, "port": self.tls_port if tls else self.port, **({"tls": 1} if tls else {})}


def free_port() -> int:
    """A port that was free a moment ago, for programs that cannot pick one."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def cheap_hash(password: str) -> str:
    """A crypt(3) hash that costs next to nothing to check; Python 3.13 has no crypt of its own."""
    done = subprocess.run(
        ["openssl", "passwd", "-1", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()

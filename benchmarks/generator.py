"""The load generator: built with gcc into the cache at first use, or Python where there is no compiler.

Its command line and its one line of JSON are described in load/load.c; load/load.py speaks the same. Every result
tells what processor time the generator took itself, and the table shows it: a row where it took more than the
server is a row about the generator.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from benchmarks.packages import Missing, locked, unpacked

SOURCES = Path(__file__).parent / "load"
_LIBRARIES = ["-l:libssl.so.3", "-l:libcrypto.so.3"]


class LoadFailed(Exception):
    """The load ended without a result; the text is what it said."""


@dataclass(frozen=True)
class Result:
    """What one run of the load found; times in seconds."""

    operations: int
    bytes: int
    lines: int  # of the last listing of the first client
    seconds: float
    cpu: float  # that the generator took itself
    first: float  # to the first byte of the last listing
    p50: float
    p99: float
    max: float

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    @property
    def speed(self) -> float:
        """Bytes a second."""
        return self.bytes / self.seconds


def build() -> Path:
    """The folder with the programs `load` and `bare`, compiled if the sources have changed. Raises Missing."""
    sources = sorted(SOURCES.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    if which("gcc") is None:
        raise Missing("gcc is not installed")
    headers: list[str] = []
    if not Path("/usr/include/openssl/ssl.h").exists():
        include = unpacked("openssl") / "usr/include"
        headers = ["-I", str(include), *(f"-I{folder}" for folder in include.glob("*-linux-gnu"))]
    with locked() as cache:
        folder = cache / f"load-{digest}"
        if not (folder / "bare").exists():
            folder.mkdir(exist_ok=True)
            for name, files in (("load", ["load.c", "ftp.c"]), ("bare", ["bare.c"])):
                command = ["gcc", "-std=gnu11", "-O2", "-pthread", *headers, "-o", str(folder / name)]
                command += [str(SOURCES / file) for file in files] + _LIBRARIES
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    raise Missing(f"gcc cannot build {name}: {done.stderr[:500]}")
        return folder


class Generator:
    """Runs the load; `name` says which."""

    def __init__(self, *, compiled: bool = True) -> None:
        """Build it; without a compiler, or when not `compiled`, the load is Python's and there is no bare server."""
        self._bare: Path | None = None
        self.why = "as asked"
        if compiled:
            try:
                folder = build()
            except Missing as missing:
                self.why = str(missing)
            else:
                self._command = [str(folder / "load")]
                self._bare = folder / "bare"
        if self._bare is None:
            self._command = [sys.executable, str(SOURCES / "load.py")]

    @property
    def name(self) -> str:
        """Compiled, or why not."""
        return "compiled (gcc)" if self._bare else f"Python ({self.why})"

    @property
    def has_bare(self) -> bool:
        """Whether the machine's own limit can be measured."""
        return self._bare is not None

    def start(self, mode: str, **options: object) -> "subprocess.Popen[str]":
        """Start the load and return at once."""
        arguments = [f"{key}={value}" for key, value in options.items()]
        return subprocess.Popen(
            [*self._command, mode, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, mode: str, **options: object) -> Result:
        """Run the load to its end. Raises LoadFailed."""
        return self.finish(self.start(mode, **options))

    def finish(self, process: "subprocess.Popen[str]", patience: float = 300) -> Result:
        """Wait for a started load. Raises LoadFailed."""
        try:
            output, error = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise LoadFailed(f"no end after {patience:.0f} s") from None
        if process.returncode:
            raise LoadFailed(
                error.strip().splitlines()[-1] if error.strip() else f"exit {process.returncode}"
            )
        return Result(**json.loads(output))

    @contextmanager
    def idle(self, **options: object) -> Iterator[None]:
        """Clients that have logged in and only stay, as long as the block lasts. Raises LoadFailed."""
        with self.start("idle", **options) as process:
            assert process.stdout
            try:
                if process.stdout.readline().strip() != "ready":
                    raise LoadFailed(process.communicate()[1].strip())
                yield
            finally:
                if process.stdin and not process.stdin.closed:
                    process.stdin.close()

    @contextmanager
    def bare(self, task: str, target: Path, *tls: Path) -> Iterator[int]:
        """The loop that only moves bytes (load/bare.c); yields its port."""
        assert self._bare
        command = [str(self._bare), task, str(target), *map(str, tls)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stdout
            try:
                yield int(process.stdout.readline())
            finally:
                process.stdin.close()

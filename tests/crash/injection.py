"""Faults at an exact step: strace on the loop thread of a running server.

    with Strace(service, "inject=linkat:signal=KILL:when=1"):
        ...                       # the server dies as it enters its next linkat
    died(service)

Rules. Only the thread of the loop is traced, where uploads are carried out: what threads of the pool do beside it
(housekeeping) counts for nothing, so "the third write" is the same in every run. When `__enter__` returns the tracer
is attached, before the server executes another instruction. Leaving the block lets go of the server.
"""

import re
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.service import PATIENCE, Service

_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")


class Strace:
    """strace with one expression (`trace=...` or `inject=...`), perhaps only for descriptors of some files."""

    def __init__(
        self,
        service: Service,
        expression: str,
        files: Sequence[str] = (),
        *,
        folder: Path,
        pid: int | None = None,
    ) -> None:
        assert service.process is not None
        self._output = folder / "strace.out"
        traced = expression.partition("=")[2].partition(":")[0]
        command = ["strace", "-y", "-s", "64", "-o", str(self._output), "-p", str(pid or service.process.pid)]
        command += ["-e", f"trace={traced}"]
        if not expression.startswith("trace="):
            command += ["-e", expression]
        for name in files:  # by its place in the state directory
            command += ["-P", str(service.state / name)]
        self._command = command

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        said = ""
        for line in self._process.stderr:
            said += line
            if "attached" in line:
                return self
        raise AssertionError(f"{self._command} did not attach: {said}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.wait(PATIENCE)
        assert self._process.stderr is not None
        self._process.stderr.close()

    def steps(self) -> list[str]:
        """The system calls in their order, a line each."""
        return self._output.read_text("utf-8", "replace").splitlines()


def died(service: Service) -> None:
    """Wait for the death that was injected; `start` may follow."""
    assert service.process is not None
    process, service.process = service.process, None
    code = process.wait(PATIENCE)
    assert code == -signal.SIGKILL, f"the server ended with {code}, not by the injected signal\n{service.log}"

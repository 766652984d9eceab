"""What is wrong in a file an administrator wrote, and where.

Every fault of a file is gathered before any is reported: the administrator repairs the file once, not once a
fault.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@contextmanager
def about(file: Path) -> Iterator[None]:
    """Let an error of the system that names no file name this one: a full disk says only that it is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(file)
        raise


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong; `line` counts from 1 and is None when the whole file is meant."""

    file: Path
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else f"{self.file}"
        text = f"{place}: {self.message}"
        # One line whatever stands in a file's name or a value, and nothing that drives a terminal.
        return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


class Faulty(Exception):
    """A file cannot be used; `faults` says everything that is wrong in it, top to bottom."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(str(fault) for fault in self.faults)

"""How a job tells what it is doing, so that the layers below need no terminal.

A `Meter` watches a whole job: `expect` makes its total grow, `lane` opens one file. Bytes that need not be
moved again are skipped, not advanced, so that rate and remaining time stay true; a negative skip takes them
back.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Lane(Protocol):
    """One file on its way."""

    def advance(self, count: int) -> None:
        """`count` bytes were moved."""

    def skip(self, count: int) -> None:
        """`count` bytes are there already."""


class Meter(Protocol):
    """A whole job on its way; may be told from several threads."""

    def expect(self, files: int, size: int) -> None:
        """The job will move this many files and bytes more."""

    def lane(self, name: str, size: int | None) -> AbstractContextManager[Lane]:
        """Open one file; `size` in bytes if known."""

    def note(self, text: str) -> None:
        """Say one line to the person; it may hold names as the server sent them."""


class _SilentLane:
    def advance(self, count: int) -> None:
        pass

    def skip(self, count: int) -> None:
        pass


class SilentMeter:
    """Says nothing."""

    def expect(self, files: int, size: int) -> None:
        """Ignore it."""

    def lane(self, name: str, size: int | None) -> AbstractContextManager[Lane]:
        """Ignore it."""
        return nullcontext(_SilentLane())

    def note(self, text: str) -> None:
        """Ignore it."""


SILENT = SilentMeter()

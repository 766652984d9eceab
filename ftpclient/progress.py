"""Progress for a person: bars on a terminal (files, bytes, rate, time left), plain notes elsewhere.

One bar stands for the whole job when it has several files, and one for each file under way. Bars and notes go
to standard error, so that standard output stays what the command says. rich is loaded only when there is a
terminal.
"""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from ftpclient.display import shown
from ftpclient.meter import Lane, Meter, SilentMeter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class PlainMeter(SilentMeter):
    """Notes only, one line each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def note(self, text: str) -> None:
        """Write one line."""
        print(shown(text), file=self._stream, flush=True)


class _Bar:
    """The bar of one file; what it moves, the bar of the whole job moves too."""

    def __init__(self, progress: "Progress", tasks: "list[TaskID]") -> None:
        self._progress = progress
        self._tasks = tasks

    def advance(self, count: int) -> None:
        for task in self._tasks:
            self._progress.advance(task, count)

    def skip(self, count: int) -> None:
        # Less is left to do; counting it as done would make the rate a lie.
        for known in self._progress.tasks:
            if known.id in self._tasks and known.total is not None:
                self._progress.update(known.id, total=known.total - count)


class BarMeter:
    """Bars on a terminal while its context is open."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=stream),
        )
        self._total: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def expect(self, files: int, size: int) -> None:
        """Make the bar of the whole job grow."""
        if self._total is None:
            self._total = self._progress.add_task(f"{files} files", total=0)
        total = next(task.total for task in self._progress.tasks if task.id == self._total)
        self._progress.update(self._total, total=(total or 0) + size)

    def lane(self, name: str, size: int | None) -> AbstractContextManager[Lane]:
        """Open the bar of one file; in a job of many it goes when the file is done."""
        return self._lane(name, size)

    @contextlib.contextmanager
    def _lane(self, name: str, size: int | None) -> Iterator[Lane]:
        task = self._progress.add_task(shown(name)[-40:], total=size)
        tasks = [task] if self._total is None else [task, self._total]
        try:
            yield _Bar(self._progress, tasks)
        except BaseException:
            self._progress.remove_task(task)  # it would stand still over the words that say why
            raise
        if self._total is not None:
            self._progress.remove_task(task)

    def note(self, text: str) -> None:
        """Write one line above the bars."""
        self._progress.console.print(shown(text), markup=False, highlight=False)


@contextlib.contextmanager
def meter_for(quiet: bool = False, stream: TextIO | None = None) -> Iterator[Meter]:
    """Choose: bars on a terminal, notes elsewhere, notes only when `quiet`."""
    stream = stream or sys.stderr
    if quiet or not stream.isatty():
        yield PlainMeter(stream)
    else:
        with BarMeter(stream) as meter:
            yield meter

"""Small file systems of our own, for what a real disk does only once in years."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.disks import memory_disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Mount a tmpfs of so many KiB at `tmp_path/NAME`; needs root, as mounting does."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    with ExitStack() as mounted:
        yield lambda name, kibibytes: mounted.enter_context(
            memory_disk(tmp_path / name, f"size={kibibytes}k,mode=0755")
        )


def remount(place: Path, how: str) -> None:
    """Remount a file system, `ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)

"""Small file systems of our own, for what a real disk does only once in years."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Mount a tmpfs of so many KiB at `tmp_path/NAME`; needs root, as mounting does."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    mounted: list[Path] = []

    def mount(name: str, kibibytes: int) -> Path:
        place = tmp_path / name
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k,mode=0755", "ftpserver-test", str(place)],
            check=True,
        )
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def remount(place: Path, how: str) -> None:
    """Remount a file system, `ro` or `rw`."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)

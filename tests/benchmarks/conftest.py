"""A ground for the benchmarks' own tests: everything is as small as it can be, nothing is timed."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.arena import Arena
from benchmarks.generator import Generator
from benchmarks.ground import TINY, Ground
from benchmarks.machine import default_folder
from benchmarks.peers import available


@pytest.fixture(scope="module")
def open_folder() -> Iterator[Path]:
    """A folder that servers of other users may enter, which tmp_path is not."""
    folder = Path(tempfile.mkdtemp(prefix="ftpserver-benchmarks-", dir=default_folder(1 << 28)))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def generator() -> Generator:
    """The compiled load."""
    return Generator()


@pytest.fixture(scope="module")
def ground(open_folder: Path) -> Ground:
    """A ground without servers."""
    return Ground(open_folder / "ground", TINY)


@pytest.fixture(scope="module")
def arena(ground: Ground, generator: Generator) -> Iterator[Arena]:
    """Ours and pyftpdlib, with the compiled load."""
    peers, notes = available(["ours", "pyftpdlib"], ground)
    assert notes == []
    with Arena(ground, generator, peers) as made:
        yield made

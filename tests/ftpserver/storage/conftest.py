"""Homes to test with: a plain one, one as without openat2, and one as without O_TMPFILE."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftpserver.storage.jail import Jail, KernelJail, WalkJail
from ftpserver.storage.local import LocalStorage
from tests.disks import memory_disk

Open = Callable[[], LocalStorage]


def descriptors() -> list[str]:
    """Return what this process has open."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(f"{number} {os.readlink(f'/proc/self/fd/{number}')}")
        except FileNotFoundError:
            continue  # the listing's own
    return sorted(found)


@pytest.fixture(autouse=True)
def _no_leak() -> Iterator[None]:
    before = descriptors()
    yield
    assert descriptors() == before


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "homes" / "al"
    path.mkdir(parents=True)
    (tmp_path / "homes" / "alice").mkdir()
    (tmp_path / "homes" / "alice" / "secret").write_bytes(b"secret")
    return path


@pytest.fixture(params=[KernelJail, WalkJail])
def jail(request: pytest.FixtureRequest, home: Path, _no_leak: None) -> Iterator[Jail]:
    made: Jail = request.param(os.open(home, os.O_RDONLY | os.O_DIRECTORY))
    yield made
    made.close()


@pytest.fixture(params=["kernel", "walk", "named"])
def storage(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, _no_leak: None
) -> Iterator[LocalStorage]:
    store = LocalStorage.open(
        home,
        staging=tmp_path / "staging",
        nameless=request.param != "named",
        jail=WalkJail if request.param == "walk" else KernelJail,
    )
    yield store
    store.close()


@pytest.fixture
def tmpfs(tmp_path: Path) -> Iterator[Path]:
    """Another file system, which is always there to be mounted."""
    with memory_disk(tmp_path / "tmpfs", "size=8m") as place:
        yield place

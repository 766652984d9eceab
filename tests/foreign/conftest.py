"""The trees that the foreign clients move, made once a run and worker, and a user with a quota."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign import tree
from tests.service import Service

ROOM = {"bytes": "4GiB", "files": 100_000}  # never reached: the ledger is at work in every test


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter's standard library: thousands of files, with awkward names among them."""
    return tree.library(tmp_path_factory.mktemp("library") / "library")


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hundred files of it."""
    return tree.package(tmp_path_factory.mktemp("package") / "package")


@pytest.fixture
def ada(service: Service) -> Iterator[Path]:
    """The home of `ada` on the running `service`; at the end her books must agree with the disk."""
    yield service.add_user("ada", quota=ROOM)
    service.run("quota", "verify", "ada")


@pytest.fixture
def tls_ada(tls_service: Service) -> Iterator[Path]:
    """The same on the `tls_service`."""
    yield tls_service.add_user("ada", quota=ROOM)
    tls_service.run("quota", "verify", "ada")

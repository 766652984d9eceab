"""What every test may ask for: a running server, and hypothesis without a clock.

`service` is one server for one test, stopped and checked at its end (tests/service.py). A test that needs
other settings makes its own `Service(tmp_path, settings)`; a module that only reads may share one with a
module fixture.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.service import Service

# Two cores are shared by every worker: how long an example takes says nothing about the code.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running server on 127.0.0.1 without TLS; add users with service.add_user()."""
    with Service(tmp_path / "service") as running:
        yield running


@pytest.fixture
def tls_service(tmp_path: Path) -> Iterator[Service]:
    """The same with a certificate and `tls: {mode: optional}`; clients trust it by service.tls_context()."""
    with Service(tmp_path / "service", tls="optional") as running:
        yield running


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A program that is not installed fails the test that needs it; nothing is ever skipped."""
    where = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if shutil.which(program, path=where) is None:
                pytest.fail(f"{program} is not installed: see .ci/run for its package", pytrace=False)

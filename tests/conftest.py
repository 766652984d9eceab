"""What every test may ask for: a running server, and hypothesis without a clock.

`service` is one server for one test, stopped and checked at its end (tests/service.py). A test that needs
other settings makes its own `Service(tmp_path, settings)`; a module that only reads may share one with a
module fixture.
"""

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

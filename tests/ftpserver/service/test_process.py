"""ftpserver.service.process: how a process of the service begins and ends, with real signals."""

import resource
import signal
from pathlib import Path

import pytest

from tests.service import PATIENCE, Service
from tests.wire import Wire


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    service = Service(tmp_path / "service")
    service.add_user("ada")
    service.start()
    process = service.process
    assert process is not None
    with Wire.member(service, "ada") as wire:
        process.send_signal(number)
        wire.hear() >> 421
        assert wire.hear_end() == b""
    assert process.wait(PATIENCE) == 0
    service.process = None
    service.check_log()


def test_a_state_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    service.state.rmdir()
    service.state.write_text("not a directory")
    done = service.run("serve", check=False)
    assert done.returncode != 0
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr


def test_it_takes_as_many_descriptors_as_it_may(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with Service(tmp_path / "service") as service:
        assert service.process is not None
        limits = resource.prlimit(service.process.pid, resource.RLIMIT_NOFILE)
    assert limits == (hard, hard)

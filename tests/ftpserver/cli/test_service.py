"""serve: the settings and what the command line puts in their place reach the server."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from ftpserver.config.settings import Settings
from tests.ftpserver.cli.conftest import Run


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What a server would be started with; it ends with code 7 at once."""
    seen: list[Settings] = []

    def serve(settings: Settings) -> int:
        seen.append(settings)
        return 7

    module = ModuleType("ftpserver.service.workers")
    module.serve = serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ftpserver.service.workers", module)
    return seen


def test_the_settings_as_they_are(run: Run, site: Path, served: list[Settings]) -> None:
    assert run("serve").exit_code == 7
    assert served[0].path == site / "conf/ftpserver.yaml"
    assert served[0].listen[0].port == 2121


def test_the_command_line_decides(run: Run, served: list[Settings]) -> None:
    assert run("serve", "--host", "::1", "--port", "0", "--workers", "3").exit_code == 7
    assert (served[0].listen[0].host, served[0].listen[0].port, served[0].workers) == ("::1", 0, 3)


@pytest.mark.parametrize("wrong", [("--port", "65536"), ("--port", "x"), ("--workers", "0")])
def test_wrong_numbers(run: Run, served: list[Settings], wrong: tuple[str, str]) -> None:
    assert run("serve", *wrong).exit_code == 2
    assert served == []


def test_a_wrong_host(run: Run, served: list[Settings]) -> None:
    result = run("serve", "--host", "a b")
    assert result.exit_code == 1
    assert "'a b' is neither an address nor a host name" in result.stderr
    assert served == []

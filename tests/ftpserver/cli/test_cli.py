"""The group: help without weight, settings in the contract's order, errors in one line."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ftpserver import __version__
from ftpserver.cli import COMMANDS, ftpserver
from tests.ftpserver.cli.conftest import Program, Run, environment

HEAVY = {"uvloop", "cryptography", "bcrypt", "ruamel", "pydantic", "yaml", "asyncio"}


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = "import sys, ftpserver.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True
    )
    assert not HEAVY & set(done.stdout.split())


def test_version_and_help(program: Program) -> None:
    assert program("--version").stdout == f"ftpserver, version {__version__}\n"
    shown = program("--help").stdout
    assert all(f"\n  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(run: Run, name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: ftpserver {name}")


def test_an_unknown_command_is_a_wrong_command_line(run: Run) -> None:
    result = run("frobnicate")
    assert result.exit_code == 2
    assert "No such command 'frobnicate'" in result.stderr


def test_settings_come_from_the_option_then_the_environment_then_here(
    program: Program, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert program("check").stdout == "OK: 0 accounts\n"
    (site / "conf/ftpserver.yaml").rename(site / "other.yaml")
    assert "ftpserver init" in program("check", check=False).stderr
    (site / "other.yaml").write_text("{accounts: accounts, homes: homes, state: state, tls: {mode: 'off'}}")
    assert program("-c", "other.yaml", "check").stdout == "OK: 0 accounts\n"
    monkeypatch.setenv("FTPSERVER_CONFIG", str(site / "other.yaml"))
    monkeypatch.chdir(site)
    assert CliRunner().invoke(ftpserver, ["check"]).exit_code == 0
    assert CliRunner().invoke(ftpserver, ["-c", "none.yaml", "check"]).exit_code == 1


@pytest.mark.parametrize("arguments", [("user", "list"), ("user", "show", "ada"), ("check",), ("serve",)])
def test_bad_settings_are_all_named_without_a_traceback(
    program: Program, site: Path, arguments: tuple[str, ...]
) -> None:
    (site / "conf/ftpserver.yaml").write_text("limits: {sesions: 1}\nworkers: 0\n")
    done = program(*arguments, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == (
        "conf/ftpserver.yaml:1: unknown key 'limits.sesions'; did you mean 'sessions'?\n"
        "conf/ftpserver.yaml:2: workers: must be a whole number from 1 to 1024, or auto, not 0\n"
    )


def test_a_system_error_is_one_line(program: Program, site: Path) -> None:
    (site / "accounts").rmdir()
    done = program("user", "list", check=False)
    assert (done.returncode, done.stderr) == (1, f"ftpserver: {site}/accounts: No such file or directory\n")

"""init: a place to start from; nothing is overwritten."""

import os
import ssl
from pathlib import Path

from ftpserver.config.settings import load_settings
from ftpserver.config.template import TEMPLATE
from tests.ftpserver.cli.conftest import Program, Run


def test_a_fresh_directory_can_be_used_at_once(program: Program, site: Path) -> None:
    done = program("init", "new/place")
    place = site / "new/place"
    assert (place / "conf/ftpserver.yaml").read_text() == TEMPLATE
    settings = load_settings(place / "conf/ftpserver.yaml")
    for directory in (settings.accounts, settings.homes, settings.state):
        assert directory.is_dir()
    modes = {
        name: (place / name).stat().st_mode & 0o777
        for name in ("accounts", "homes", "state", "conf/tls", "conf/tls/server.key")
    }
    assert modes == {
        "accounts": 0o700, "homes": 0o750, "state": 0o700, "conf/tls": 0o700, "conf/tls/server.key": 0o600
    }  # fmt: skip
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
        settings.tls.certificate, settings.tls.private_key
    )
    assert "made  new/place/conf/tls/server.crt\n" in done.stdout
    assert done.stdout.endswith(
        "Next:\n  ftpserver -c new/place/conf/ftpserver.yaml user add NAME\n"
        "  ftpserver -c new/place/conf/ftpserver.yaml serve\n"
    )
    checked = program("-c", "new/place/conf/ftpserver.yaml", "check")
    assert (checked.stdout, checked.stderr) == ("OK: 0 accounts\n", "")


def test_in_the_working_directory_the_next_commands_need_no_option(program: Program, site: Path) -> None:
    (site / "empty").mkdir()
    done = program("init")
    assert done.stdout.endswith("Next:\n  ftpserver user add NAME\n  ftpserver serve\n")
    assert "kept  conf/ftpserver.yaml\n" in done.stdout


def test_nothing_that_exists_is_changed(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "place"
    assert run("init", str(place)).exit_code == 0
    (place / "conf/ftpserver.yaml").write_text("# mine\n")
    (place / "accounts").chmod(0o750)

    def picture() -> dict[str, tuple[int, int, bytes]]:
        return {
            str(file): (
                file.stat().st_mode,
                file.stat().st_mtime_ns,
                file.read_bytes() if file.is_file() else b"",
            )
            for file in place.rglob("*")
        }

    before = picture()
    result = run("init", str(place))
    assert result.exit_code == 0
    assert "made" not in result.stdout
    assert picture() == before


def test_half_an_identity_is_left_alone(run: Run, tmp_path: Path) -> None:
    place = tmp_path / "place"
    (place / "conf/tls").mkdir(parents=True)
    (place / "conf/tls/server.crt").write_text("mine")
    assert run("init", str(place)).exit_code == 0
    assert (place / "conf/tls/server.crt").read_text() == "mine"
    assert not (place / "conf/tls/server.key").exists()


def test_the_umask_does_not_open_the_key(program: Program, site: Path) -> None:
    old = os.umask(0)
    try:
        program("init", "new")
    finally:
        os.umask(old)
    assert (site / "new/conf/tls/server.key").stat().st_mode & 0o777 == 0o600


def test_a_directory_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("init", str(tmp_path / "file"))
    assert result.exit_code == 2
    (tmp_path / "place").mkdir()
    (tmp_path / "place/conf").touch()
    result = run("init", str(tmp_path / "place"))
    assert result.exit_code == 1
    assert result.stderr.endswith("Not a directory\n")
    assert result.stderr.count("\n") == 1

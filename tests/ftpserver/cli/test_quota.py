"""`ftpserver quota` beside a service that runs."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ftpserver.cli.conftest import Run
from tests.service import ROOT, Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path) as service:
        service.add_user("ada", quota={"bytes": "1MiB", "files": 10})
        with service.login("ada") as ftp:
            ftp.storbinary("STOR poem", io.BytesIO(b"x" * 600))
        yield service


def quota(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ftpserver", "-c", str(service.config), "quota", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def rows(service: Service, *arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(quota(service, *arguments, "--json").stdout))


def test_show_says_what_the_home_holds(service: Service) -> None:
    [row] = rows(service, "show")
    assert (row["name"], row["bytes"], row["files"], row["limit_bytes"], row["limit_files"]) == (
        "ada",
        600,
        1,
        1024 * 1024,
        10,
    )
    table = quota(service, "show").stdout
    assert "ada" in table
    assert "600 B" in table


def test_show_tells_a_home_that_was_not_counted(service: Service) -> None:
    service.add_user("bob")
    assert [row["counted"] for row in rows(service, "show", "bob")] == [False]
    assert "not counted yet" in quota(service, "show", "bob").stdout


def test_verify_finds_what_another_program_put_there(service: Service) -> None:
    assert quota(service, "verify").returncode == 0
    (service.home("ada") / "stray").write_bytes(b"1234")
    result = quota(service, "verify")
    assert result.returncode == 1
    assert "+4" in result.stdout
    assert "repair" in result.stderr
    [row] = rows(service, "verify")
    assert (row["drift_bytes"], row["drift_files"], row["ok"]) == (4, 1, False)


def test_repair_counts_anew_and_the_session_goes_on(service: Service) -> None:
    with service.login("ada") as ftp:
        (service.home("ada") / "stray").write_bytes(b"1234")
        result = quota(service, "repair", "ada")
        assert result.returncode == 0
        assert "604 bytes, 2 entries" in result.stdout
        assert "604 used" in ftp.sendcmd("SITE QUOTA")
        ftp.storbinary("STOR more", io.BytesIO(b"y" * 10))
    assert quota(service, "verify").returncode == 0


def test_verify_while_an_upload_runs(service: Service) -> None:
    with service.login("ada") as ftp:
        data = ftp.transfercmd("STOR running")
        data.sendall(b"z" * 1000)
        assert quota(service, "verify").returncode == 0
        (service.home("ada") / "stray").write_bytes(b"1")  # less than what is promised to the upload
        assert quota(service, "verify").returncode == 1
        (service.home("ada") / "stray").unlink()
        data.close()
        ftp.voidresp()
    assert quota(service, "verify").returncode == 0


def test_an_unknown_name_is_one_clear_line(service: Service) -> None:
    result = quota(service, "show", "nobody")
    assert result.returncode == 1
    assert "no account 'nobody'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["show", "verify"])
def test_who_looks_makes_no_state(run: Run, site: Path, command: str) -> None:
    (site / "state").rmdir()
    result = run("quota", command)
    assert result.exit_code == 1
    assert f"there is no ledger: {site}/state does not exist" in result.stderr
    assert not (site / "state").exists()

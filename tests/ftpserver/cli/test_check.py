"""check: every fault with its place; warnings apart."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ftpserver.cli.certificate import make_identity
from tests.ftpserver.cli.conftest import Run

NO_TLS = "tls: {mode: off}\npassive: {ports: null}\n"


@pytest.fixture
def quiet(site: Path) -> Path:
    """Settings about which the only thing to say is that TLS is off."""
    (site / "conf/ftpserver.yaml").write_text(NO_TLS)
    return site


def put(site: Path, name: str, text: str, mode: int = 0o600) -> None:
    file = site / "accounts" / f"{name}.yaml"
    file.write_text(text)
    file.chmod(mode)


def warnings(run: Run) -> list[str]:
    result = run("check")
    assert result.exit_code == 0
    lines = result.stderr.splitlines()
    assert all(line.startswith("warning: ") for line in lines)
    return [line.removeprefix("warning: ") for line in lines if "tls.mode: off" not in line]


def test_a_good_site(run: Run, quiet: Path) -> None:
    put(quiet, "ada", 'password: "*"')
    assert run("check").stdout == "OK: 1 account\n"
    put(quiet, "bob", 'password: "*"')
    assert run("check").stdout == "OK: 2 accounts\n"
    assert warnings(run) == []


def test_every_fault_of_every_account_with_file_and_line(run: Run, quiet: Path) -> None:
    put(quiet, "ada", 'password: "*"\nhme: x\nquota: {bytes: 10M}\n')
    put(quiet, "bob", 'password: "*"')
    put(quiet, "carl", "password: secret\n")
    (quiet / "accounts/link.yaml").symlink_to("bob.yaml")
    result = run("check")
    assert result.exit_code == 1
    assert result.stdout == ""
    accounts = quiet / "accounts"
    faults = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    assert faults == [
        f"{accounts}/ada.yaml:2: unknown key 'hme'; did you mean 'home'?",
        f"{accounts}/ada.yaml:3: quota.bytes: unknown unit 'M'; use B, kB, KiB, MB, MiB, GB, GiB, TB or TiB",
        f'{accounts}/carl.yaml:1: password: must be a bcrypt hash ($2b$12$...), or "*" for nobody; '
        "set one with 'ftpserver user passwd'",
        f"{accounts}/link.yaml: is a link; an account must be a regular file",
    ]


def test_no_accounts_directory(run: Run, quiet: Path) -> None:
    (quiet / "accounts").rmdir()
    result = run("check")
    assert result.exit_code == 1
    assert "'ftpserver init' makes it" in result.stderr


def test_a_file_in_place_of_a_directory(run: Run, quiet: Path) -> None:
    (quiet / "homes").rmdir()
    assert run("check").exit_code == 0  # made at the first login
    (quiet / "homes").touch()
    result = run("check")
    assert result.exit_code == 1
    assert "homes: " in result.stderr


def test_tls_without_a_certificate(run: Run, site: Path) -> None:
    assert [line.split(": ")[0] for line in warnings(run)] == [
        str(site / "conf/tls/server.crt"),
        str(site / "conf/tls/server.key"),
    ]
    for text in ("tls: {mode: required}", "listen: [{port: 990, tls: implicit}]"):
        (site / "conf/ftpserver.yaml").write_text(text)
        result = run("check")
        assert result.exit_code == 1
        assert "TLS is required but" in result.stderr


@pytest.mark.parametrize("broken", ["server.crt", "server.key"])
def test_tls_that_is_required_and_cannot_be_had(run: Run, site: Path, broken: str) -> None:
    (site / "conf/tls").mkdir()
    identity = make_identity("x", datetime.now(UTC))
    (site / "conf/tls/server.crt").write_bytes(identity.certificate)
    (site / "conf/tls/server.key").write_bytes(identity.private_key)
    (site / "conf/tls/server.key").chmod(0o600)
    (site / "conf/ftpserver.yaml").write_text("tls: {mode: required}\n")
    assert warnings(run) == []
    (site / "conf/tls" / broken).write_text("nonsense")
    result = run("check")
    assert result.exit_code == 1
    assert f"TLS is required but cannot be had: {site}/conf/tls/server.crt" in result.stderr


def test_an_authority_of_clients_that_cannot_be_used(run: Run, site: Path) -> None:
    (site / "conf/tls").mkdir()
    identity = make_identity("x", datetime.now(UTC))
    (site / "conf/tls/server.crt").write_bytes(identity.certificate)
    (site / "conf/tls/server.key").write_bytes(identity.private_key)
    (site / "conf/tls/server.key").chmod(0o600)
    (site / "conf/ftpserver.yaml").write_text("tls: {client_ca: tls/none}\n")
    (said,) = warnings(run)
    assert said.startswith("clients cannot use TLS: ")


def test_tls_with_a_bad_certificate(run: Run, site: Path) -> None:
    (site / "conf/tls").mkdir()
    certificate, key = site / "conf/tls/server.crt", site / "conf/tls/server.key"
    identity = make_identity("x", datetime.now(UTC) - timedelta(days=900))
    certificate.write_bytes(identity.certificate)
    key.write_bytes(identity.private_key)
    key.chmod(0o644)
    said = warnings(run)
    assert "expired on" in said[0]
    assert said[1] == f"{key}: other users of this machine can read or change it; chmod 600"
    key.chmod(0o640)
    assert len(warnings(run)) == 1
    (site / "conf/ftpserver.yaml").write_text("tls: {mode: required}\n")
    assert len(warnings(run)) == 1


def test_tls_off_is_said(run: Run, quiet: Path) -> None:
    assert "readable by anyone" in run("check").stderr


@pytest.mark.parametrize(
    ("ports", "warned"), [("50000-50099", True), ("50000-50999", False), ("null", False)]
)
def test_few_passive_ports(run: Run, quiet: Path, ports: str, warned: bool) -> None:
    (quiet / "conf/ftpserver.yaml").write_text(f"tls: {{mode: off}}\npassive: {{ports: {ports}}}\n")
    assert bool(warnings(run)) == warned


def test_a_passive_port_that_is_taken_by_listen(run: Run, quiet: Path) -> None:
    (quiet / "conf/ftpserver.yaml").write_text(
        "tls: {mode: off}\npassive: {ports: 2000-3999}\nlisten: [{port: 2121}, {port: 21}, {port: 0}]\n"
    )
    assert warnings(run) == ["passive.ports: port 2121 is one of listen, data connections to it fail"]


@pytest.mark.parametrize("public", ['"2001:db8::1"', '{10.0.0.0/8: null, 0.0.0.0/0: "2001:db8::1"}'])
def test_a_public_address_that_pasv_cannot_tell(run: Run, quiet: Path, public: str) -> None:
    (quiet / "conf/ftpserver.yaml").write_text(
        f"tls: {{mode: off}}\npassive: {{ports: null, public_address: {public}}}\n"
    )
    assert warnings(run) == [
        "passive.public_address: 2001:db8::1 is an IPv6 address, and PASV can tell clients IPv4 only"
    ]


def test_a_home_that_its_user_will_not_get(run: Run, quiet: Path) -> None:
    put(quiet, "ada", 'password: "*"\n')
    (quiet / "homes/ada").touch()
    home = quiet / "homes/ada"
    assert warnings(run) == [f"ada: the home {home} cannot be used: {home} is not a directory"]


def test_rights(run: Run, quiet: Path, cheap_hash: str) -> None:
    put(quiet, "ada", f"password: {cheap_hash}", 0o644)
    put(quiet, "bob", 'password: "*"', 0o644)  # no hash, no secret
    put(quiet, "carl", 'password: "*"', 0o620)
    put(quiet, "dora", f"password: {cheap_hash}", 0o640)
    (quiet / "accounts").chmod(0o777)
    accounts = quiet / "accounts"
    assert warnings(run) == [
        f"{accounts}: every user of this machine can write to it; chmod 700",
        f"{accounts}/ada.yaml: mode 0644 lets others read the password's hash; chmod 600",
        f"{accounts}/carl.yaml: mode 0620 lets others change it; chmod 600",
    ]


def test_homes_that_overlap(run: Run, quiet: Path) -> None:
    homes = {
        "ada": "x",
        "bob": "x",
        "carl": "x/inner",
        "dora": "xylophone",
        "emil": f"{quiet}/e",
        "fred": "y/y",
    }
    for name, home in homes.items():
        put(quiet, name, f'password: "*"\nhome: {home}\n')
    (quiet / "homes/y").mkdir()
    os.symlink("y", quiet / "homes/link")
    put(quiet, "gina", f'password: "*"\nhome: {quiet}/homes/link\n')
    said = warnings(run)
    assert [line.split(";")[0] for line in said] == [
        f"bob: has the same home as ada, {quiet}/homes/x",
        f"carl: has a home inside that of bob, {quiet}/homes/x/inner",
        f"fred: has a home inside that of gina, {quiet}/homes/y/y",
    ]


def test_an_account_that_is_less_restricted_than_its_group(run: Run, quiet: Path) -> None:
    (quiet / "accounts/groups").mkdir()
    (quiet / "accounts/groups/guests.yaml").write_text(
        "permissions: [list, read, create]\nquota: {files: 5}\n"
    )
    put(quiet, "ada", 'password: "*"\ngroup: guests\npermissions: read-only\nquota: {files: 4}\n')
    put(quiet, "bob", 'password: "*"\ngroup: guests\npermissions: full\nquota: {bytes: 1}\n')
    assert warnings(run) == [
        "bob: is less restricted than its group guests: permissions: full (group: list read create); "
        f"take them out of {quiet}/accounts/bob.yaml to have the group's"
    ]


def test_a_home_that_holds_the_service_itself(run: Run, quiet: Path) -> None:
    put(quiet, "ada", f'password: "*"\nhome: {quiet}\n')
    said = warnings(run)
    assert said == [
        f"ada: the home {quiet} contains {what}"
        for what in ("the settings", "the accounts", "the state", "all homes")
    ]

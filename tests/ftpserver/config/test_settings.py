"""Settings: the contract's defaults, absolute paths, and every fault in one error."""

import os
import pickle
from ipaddress import ip_network
from pathlib import Path

import pytest

from ftpserver.config.fault import Faulty
from ftpserver.config.settings import ENVIRONMENT, Listener, Settings, find_settings, load_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "conf").mkdir()
    return tmp_path / "conf/ftpserver.yaml"


def load(file: Path, text: str) -> Settings:
    file.write_text(text)
    return load_settings(file)


def faults(file: Path, text: str) -> list[str]:
    with pytest.raises(Faulty) as caught:
        load(file, text)
    return [f"{fault.line}: {fault.message}" for fault in caught.value.faults]


def test_the_defaults_are_those_of_the_contract(file: Path) -> None:
    contract = """
listen: [{host: 127.0.0.1, port: 2121}]
passive: {ports: 50000-50999, public_address: null}
accounts: ../accounts
homes: ../homes
state: ../state
workers: 1
tls: {mode: optional, certificate: tls/server.crt, private_key: tls/server.key, data_session_reuse: prefer}
limits: {sessions: 4000, sessions_per_address: 0, sessions_per_user: 0, login_seconds: 30, idle_seconds: 300, data_seconds: 60}
login: {failures: 5, within_seconds: 600, ban_seconds: 900}
uploads: {interrupted: keep, durable: false}
log: {level: info, format: text}
"""  # noqa: E501
    assert load(file, "") == load(file, contract)


def test_a_section_without_keys_is_at_its_defaults(file: Path) -> None:
    sections = ("passive", "tls", "limits", "login", "uploads", "log")
    assert load(file, "".join(f"{name}:\n" for name in sections)) == load(file, "")


def test_paths_are_relative_to_the_file_and_absolute_in_the_end(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent.parent)
    file.write_text("homes: /srv/ftp\nstate: ./state\ntls: {private_key: ../key.pem}\n")
    settings = load_settings(Path("conf/ftpserver.yaml"))
    base = file.parent.parent
    assert settings.path == file
    assert settings.accounts == base / "accounts"
    assert settings.homes == Path("/srv/ftp")
    assert settings.state == base / "conf/state"
    assert settings.tls.certificate == base / "conf/tls/server.crt"
    assert settings.tls.private_key == base / "key.pem"


def test_settings_made_in_python_are_anchored_too(tmp_path: Path) -> None:
    assert Settings(path=tmp_path / "conf/x.yaml").accounts == tmp_path / "accounts"


def test_every_fault_is_in_one_error(file: Path) -> None:
    text = """\
listen:
  - {host: 127.0.0.1, port: 70000}
  - {prot: 990}
pasive: {}
passive: {ports: 1000-10}
accounts: 5
workers: many
tls:
  mode: on
limits: {sessions: -1, login_seconds: 0}
login: {failures: 1.5}
uploads: {durable: "yes"}
log: {format: xml}
path: /etc/passwd
"""
    assert faults(file, text) == [
        "2: listen.0.port: must be at most 65535, not 70000",
        "3: unknown key 'listen.1.prot'; did you mean 'port'?",
        "4: unknown key 'pasive'; did you mean 'passive'?",
        "5: passive.ports: must be a rising range between 1 and 65535, not '1000-10'",
        "6: accounts: must be a path, as text, not 5",
        "7: workers: must be a whole number from 1 to 1024, or auto, not 'many'",
        "9: tls.mode: must be 'off', 'optional' or 'required', not 'on'",
        "10: limits.sessions: must be at least 0, not -1",
        "10: limits.login_seconds: must be more than 0, not 0",
        "11: login.failures: must be a whole number, not 1.5",
        "12: uploads.durable: must be true or false, not 'yes'",
        "13: log.format: must be 'text' or 'json', not 'xml'",
        "14: unknown key 'path'",
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1", "fe80::1%eth0", "localhost", "ftp-1.example.org"])
def test_hosts(file: Path, host: str) -> None:
    assert load(file, f'listen: [{{host: "{host}"}}]').listen[0].host == host


@pytest.mark.parametrize(
    "host", ["", "[::1]", "a b", "300.1.1.1", "1.2.3", "-x.org", "a..b", "a/b", "x:21", "é.org"]
)
def test_hosts_refused(file: Path, host: str) -> None:
    assert len(faults(file, f'listen: [{{host: "{host}"}}]')) == 1


def test_listeners(file: Path) -> None:
    settings = load(file, "listen: [{port: 0}, {port: 0}, {host: '::', port: 990, tls: implicit}]")
    assert settings.listen == (
        Listener(port=0),
        Listener(port=0),
        Listener(host="::", port=990, tls="implicit"),
    )
    assert faults(file, "listen: []") == ["1: listen: must have at least one entry"]
    assert faults(file, "listen: [{port: 21}, {port: 21}]") == ["1: listen: 127.0.0.1 port 21 is given twice"]
    (fault,) = faults(file, "tls: {mode: off}\nlisten: [{port: 990, tls: implicit}]")
    assert "needs tls.mode" in fault


@pytest.mark.parametrize(
    ("written", "ports"),
    [
        ("null", None),
        ("50000-50999", range(50000, 51000)),
        ("2000", range(2000, 2001)),
        ("'1-65535'", range(1, 65536)),
    ],
)
def test_passive_ports(file: Path, written: str, ports: range | None) -> None:
    assert load(file, f"passive: {{ports: {written}}}").passive.ports == ports


@pytest.mark.parametrize(
    "written", ["0-10", "1-65536", "5-", "-5", "a-b", "5 - 9", "true", "[1, 2]", "1_0-20"]
)
def test_passive_ports_refused(file: Path, written: str) -> None:
    assert len(faults(file, f"passive: {{ports: {written}}}")) == 1


def test_one_public_address_is_for_everybody(file: Path) -> None:
    passive = load(file, "passive: {public_address: ftp.example.org}").passive
    assert passive.address_for("10.1.2.3") == "ftp.example.org"
    assert load(file, "").passive.address_for("10.1.2.3") is None


def test_in_a_map_the_narrowest_network_decides(file: Path) -> None:
    text = """
passive:
  public_address:
    10.0.0.0/8: null
    10.9.0.0/16: 10.9.0.1
    0.0.0.0/0: ftp.example.org
    fd00::/8: fd00::1
"""
    passive = load(file, text).passive
    assert isinstance(passive.public_address, dict)
    assert passive.public_address[ip_network("10.9.0.0/16")] == "10.9.0.1"
    assert passive.address_for("10.1.2.3") is None
    assert passive.address_for("10.9.2.3") == "10.9.0.1"
    assert passive.address_for("8.8.8.8") == "ftp.example.org"
    assert passive.address_for("::ffff:8.8.8.8") == "ftp.example.org"
    assert passive.address_for("fd00::9") == "fd00::1"
    assert passive.address_for("2001:db8::9") is None
    assert passive.address_for("fe80::1%eth0") is None


@pytest.mark.parametrize(
    "written", ["0.0.0.0", "'::'", "224.0.0.1", "5", "[a]", "{10.0.0.1/8: a}", "{x: a}", "{10.0.0.0/8: 5}"]
)
def test_public_addresses_refused(file: Path, written: str) -> None:
    assert len(faults(file, f"passive: {{public_address: {written}}}")) == 1


def test_workers(file: Path) -> None:
    assert load(file, "workers: 3").worker_count() == 3
    assert load(file, "workers: auto").worker_count() == len(os.sched_getaffinity(0))
    for written in ("0", "-1", "1.0", "true", "'2'", "null"):
        assert len(faults(file, f"workers: {written}")) == 1


@pytest.mark.parametrize("written", ["", "~/homes", "[a]", "null", "true", '"a\\0b"'])
def test_paths_refused(file: Path, written: str) -> None:
    assert len(faults(file, f"homes: {written}")) == 1


def test_the_command_line_overrides_the_first_listener(file: Path) -> None:
    settings = load(file, "listen: [{port: 2121, tls: implicit}, {port: 2122}]\ntls: {certificate: /x}")
    changed = settings.with_overrides(host="::1", port=0, workers=4)
    assert changed.listen == (Listener(host="::1", port=0, tls="implicit"), Listener(port=2122))
    assert changed.workers == 4
    assert changed.tls == settings.tls
    assert settings.with_overrides(host=None, port=None, workers=None) == settings
    with pytest.raises(Faulty, match=r"command line: .*given twice"):
        settings.with_overrides(host=None, port=2122, workers=None)
    with pytest.raises(Faulty, match="neither an address nor a host name"):
        settings.with_overrides(host="a b", port=None, workers=None)


def test_settings_reach_a_worker_process_unchanged(file: Path) -> None:
    settings = load(file, "passive: {public_address: {10.0.0.0/8: a}}")
    assert pickle.loads(pickle.dumps(settings)) == settings


def test_the_order_in_which_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "ftpserver.config.settings.DEFAULT_FILES", (Path("conf/a.yaml"), tmp_path / "etc.yaml")
    )
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    with pytest.raises(Faulty, match="ftpserver init"):
        find_settings(None)
    (tmp_path / "etc.yaml").touch()
    assert find_settings(None) == tmp_path / "etc.yaml"
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf/a.yaml").touch()
    assert find_settings(None) == Path("conf/a.yaml")
    monkeypatch.setenv(ENVIRONMENT, "env.yaml")
    assert find_settings(None) == Path("env.yaml")
    assert find_settings(Path("explicit.yaml")) == Path("explicit.yaml")

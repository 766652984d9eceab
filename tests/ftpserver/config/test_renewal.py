"""ftpserver.config.renewal: what a file that changed means for a service that runs."""

import re
from pathlib import Path

import pytest

from ftpserver.config.fault import Faulty
from ftpserver.config.renewal import RESTART, renewed
from ftpserver.config.settings import load_settings

ROOT = Path(__file__).parents[3]

CHANGED = """\
listen: [{port: 2122}]
passive: {ports: 50000-50001, public_address: 192.0.2.1}
trusted_proxies: [10.0.0.0/8]
reconcile_seconds: 5
accounts: a
homes: b
state: c
workers: 2
tls: {mode: off, certificate: d, private_key: e, data_session_reuse: off, client_ca: f}
limits: {sessions: 5}
"""


def test_what_needs_a_restart_stays_and_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("")
    running = load_settings(file)
    file.write_text(CHANGED)
    settings, waiting = renewed(running)
    assert waiting == list(RESTART)
    assert (settings.limits.sessions, settings.passive.public_address) == (5, "192.0.2.1")
    assert settings.listen == running.listen
    assert settings.tls == running.tls
    assert settings.passive.ports == running.passive.ports


def test_the_rest_counts_at_once(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("")
    running = load_settings(file)
    file.write_text("passive: {public_address: 192.0.2.1}\nlimits: {sessions: 5}\nlog: {level: debug}\n")
    settings, waiting = renewed(running)
    assert waiting == []
    assert settings == load_settings(file)


def test_what_the_command_line_put_in_place_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("")
    running = load_settings(file).with_overrides(host="127.0.0.2", port=0, workers=2)
    file.write_text("login: {failures: 1}")
    settings, waiting = renewed(running)
    assert waiting == []
    assert (settings.listen, settings.workers) == (running.listen, 2)
    file.write_text("state: elsewhere")
    assert renewed(settings)[1] == ["state"]


def test_a_fault_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("")
    running = load_settings(file)
    file.write_text("limit: 5")
    with pytest.raises(Faulty):
        renewed(running)


def test_the_reference_marks_what_needs_a_restart() -> None:
    reference = (ROOT / "docs/configuration.md").read_text()
    marked = re.findall(r"^\| `([a-z_.\[\]]+)` \(r\) \|", reference, re.MULTILINE)
    assert {re.sub(r"^listen.*", "listen", key) for key in marked} == set(RESTART)

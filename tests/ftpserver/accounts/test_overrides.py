"""ftpserver.accounts.overrides: what an account takes back of its group's restrictions."""

from pathlib import Path

import pytest

from ftpserver.accounts.account import Account
from ftpserver.accounts.overrides import override_warning
from ftpserver.accounts.store import parse_account

GROUP = """\
enabled: false
expires: 2026-12-31
permissions: [list, read]
tls: required
quota: {bytes: 1MiB, files: 5}
traffic: {upload_day: 1MiB}
limits: {sessions: 2, download_rate: 1KiB}
"""


def member(accounts: Path, text: str) -> tuple[Account, Path]:
    """An account of the group, with these values of its own."""
    (accounts / "groups").mkdir()
    (accounts / "groups/guests.yaml").write_text(GROUP)
    file = accounts / "ada.yaml"
    return parse_account("ada", file, f'password: "*"\ngroup: guests\n{text}'.encode()), file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("enabled: true", "enabled: true (group: false)"),
        ("expires: null", "expires: never (group: 2026-12-31 00:00:00+00:00)"),
        ("permissions: [list, create]", "permissions: list create (group: read-only)"),
        ("tls: null", "tls: null (group: required)"),
        ("quota: {bytes: null}", "quota.bytes: no limit (group: 1.0 MiB)"),
        ("quota: {files: 6}", "quota.files: 6 (group: 5)"),
        ("traffic: {upload_day: 2MiB}", "traffic.upload_day: 2.0 MiB (group: 1.0 MiB)"),
        ("limits: {sessions: 0}", "limits.sessions: no limit (group: 2)"),
        ("limits: {download_rate: 2KiB}", "limits.download_rate: 2.0 KiB (group: 1.0 KiB)"),
    ],
)
def test_what_is_looser_is_named(tmp_path: Path, text: str, said: str) -> None:
    warning = override_warning(*member(tmp_path, text))
    file = tmp_path / "ada.yaml"
    assert warning == (
        f"ada: is less restricted than its group guests: {said}; take them out of {file} to have the group's"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "expires: 2026-01-01",
        "permissions: [read]",
        "quota: {bytes: 0, files: 5}",
        "limits: {sessions: 1, upload_rate: 5}",
    ],
)
def test_what_is_tighter_is_nobodys_concern(tmp_path: Path, text: str) -> None:
    assert override_warning(*member(tmp_path, text)) is None


def test_an_account_without_a_group(tmp_path: Path) -> None:
    file = tmp_path / "ada.yaml"
    assert override_warning(parse_account("ada", file, b'password: "*"'), file) is None

"""An account: what a file may say, and what it means."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from ftpserver.accounts.account import (
    LOCKED,
    PRESETS,
    Account,
    AccountLimits,
    Permission,
    Quota,
    describe_permissions,
    parse_expiry,
    parse_permissions,
    valid_name,
)
from ftpserver.accounts.store import AccountStore, parse_account
from ftpserver.config.fault import Faulty

ROOT = Path(__file__).parents[3]
DIGEST = "a" * 21 + "u" + "a" * 31
HASH = f"$2b$12${DIGEST}"


def account(text: str) -> Account:
    return parse_account("ada", Path("ada.yaml"), text.encode())


def faults(text: str) -> list[str]:
    with pytest.raises(Faulty) as caught:
        account(text)
    return [f"{fault.line}: {fault.message}" for fault in caught.value.faults]


@pytest.mark.parametrize(
    "name", ["a", "alice", "Ada Lovelace", "al@example.org", "007", "con", "jürgen", "x" * 64, "a..b"]
)
def test_names(name: str) -> None:
    assert valid_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../x", "a/b", "/", "-rf", ".hidden", " a", "a ", "x" * 65, "é" * 64 + "é", "日" * 84,
        "a\0", "a\n", "a\x1b[2J", "a\x7f", "a\x85", "a\u200bb", "a\u202eb", "a\u2028b", "a\udcff", "u\u0308",
    ],
)  # fmt: skip
def test_names_refused(name: str) -> None:
    assert not valid_name(name)


def test_a_name_of_wide_characters_still_is_a_file_name() -> None:
    assert not valid_name("\U00020000" * 63)
    assert valid_name("\U00020000" * 62)


def test_the_contract() -> None:
    assert account(
        f"""
password: {HASH}
home: alice
enabled: true
expires: null
permissions: full
quota: {{bytes: 1GiB, files: 10000}}
limits: {{sessions: 0, upload_rate: 0, download_rate: 0}}
"""
    ) == Account(
        name="ada",
        password=HASH,
        home="alice",
        permissions=frozenset(Permission),
        quota=Quota(bytes=2**30, files=10000),
    )


def test_what_is_left_out() -> None:
    found = account('password: "*"\nquota:\nlimits:\n')
    assert found == Account(name="ada", password=LOCKED, home="ada")
    assert found.quota == Quota(bytes=None, files=None)
    assert found.limits == AccountLimits(sessions=0, upload_rate=0, download_rate=0)
    assert found.locked
    assert faults("home: x\n") == ["1: password: is missing"]
    assert faults("") == ["None: password: is missing"]


def test_the_hash_is_not_shown() -> None:
    assert HASH not in repr(account(f"password: {HASH}")) + str(account(f"password: {HASH}"))


def test_every_fault_of_a_file() -> None:
    text = """\
password: secret
home: ../bob
enabled: yes
expires: 2026-02-30
permissions: [list, raed]
quota: {bytes: 10M, files: -1, fils: 3}
limits: {sessions: x, upload_rate: -1}
"""
    found = faults(text)
    assert [line.split(":")[:2] for line in found] == [
        ["1", " password"],
        ["2", " home"],
        ["3", " enabled"],
        ["4", " expires"],
        ["5", " permissions"],
        ["6", " quota.bytes"],
        ["6", " quota.files"],
        ["6", " unknown key 'quota.fils'; did you mean 'files'?"],
        ["7", " limits.sessions"],
        ["7", " limits.upload_rate"],
    ]
    assert "secret" not in "".join(found)
    assert "did you mean 'read'?" in found[4]


@pytest.mark.parametrize("cost", [4, 12, 16])
def test_hashes(cost: int) -> None:
    assert not account(f"password: $2b${cost:02}${DIGEST}").locked


def test_a_hash_that_passes_is_one_bcrypt_can_check() -> None:
    for letter, salt in zip("a./9", ".Oeu", strict=True):
        for kind in ("2a", "2b", "2y"):
            checked = account(f"password: ${kind}$04${letter * 21}{salt}{letter * 31}").password
            assert bcrypt.checkpw(b"x", checked.encode()) is False


@pytest.mark.parametrize(
    "written",
    [
        "$2b$12$short", "$2b$03$" + DIGEST, "$2b$17$" + DIGEST, "$2b$31$" + DIGEST, "$2x$12$" + DIGEST,
        "$2b$12$" + "a" * 53,
        "$1$abc", "plain", '""', "$2b$12$a" + DIGEST, "$2b$12$" + "!" * 53, "5", "null", "[x]", "**",
    ],
)  # fmt: skip
def test_hashes_refused(written: str) -> None:
    assert len(faults(f"password: '{written}'" if written == "**" else f"password: {written}")) == 1


@pytest.mark.parametrize("home", ["a", "a/b", "/srv/x", "a b", ".a", "-a", "..."])
def test_homes(home: str) -> None:
    assert account(f'password: "*"\nhome: "{home}"').home == home


@pytest.mark.parametrize(
    "home", ["", ".", "./", "..", "../x", "a/../b", "/srv/../etc", "a/..", "~", "~bob/x", "a\\0b", "a\\e[2J"]
)
def test_homes_refused(home: str) -> None:
    assert len(faults(f'password: "*"\nhome: "{home}"')) == 1
    assert len(faults('password: "*"\nhome: 12')) == 1


def test_where_the_home_is() -> None:
    assert account('password: "*"').home_path(Path("/h")) == Path("/h/ada")
    assert account('password: "*"\nhome: /srv/x').home_path(Path("/h")) == Path("/srv/x")


def test_permissions() -> None:
    assert parse_permissions("full") == frozenset(Permission)
    assert parse_permissions("read-only") == {Permission.LIST, Permission.READ}
    assert parse_permissions("drop-box") == {Permission.CREATE}
    assert parse_permissions(["read", "read", "mkdir"]) == {Permission.READ, Permission.MKDIR}
    assert parse_permissions([]) == frozenset()
    for wrong in ("ful", "read", "list read", ["full"], [1], None, 3, {"list": True}, [["read"]]):
        with pytest.raises(ValueError, match=r"permission|must be"):
            parse_permissions(wrong)
    box = account('password: "*"\npermissions: drop-box')
    assert box.permissions == {Permission.CREATE}


def test_permissions_for_people() -> None:
    for name, preset in PRESETS.items():
        assert describe_permissions(preset) == name
    assert describe_permissions(frozenset({Permission.RMDIR, Permission.READ})) == "read rmdir"
    assert describe_permissions(frozenset()) == "none"


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        (None, None),
        ("2026-12-31", datetime(2026, 12, 31, tzinfo=UTC)),
        (date(2026, 12, 31), datetime(2026, 12, 31, tzinfo=UTC)),
        ("2026-12-31T18:30", datetime(2026, 12, 31, 18, 30, tzinfo=UTC)),
        ("2026-12-31 18:30:00", datetime(2026, 12, 31, 18, 30, tzinfo=UTC)),
        ("2026-12-31T18:30:00Z", datetime(2026, 12, 31, 18, 30, tzinfo=UTC)),
        ("2026-12-31T18:30+02:00", datetime(2026, 12, 31, 16, 30, tzinfo=UTC)),
        (datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=1))), datetime(2025, 12, 31, 23, tzinfo=UTC)),
    ],
)
def test_expiry(written: Any, instant: datetime | None) -> None:
    assert parse_expiry(written) == instant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "tomorrow",
        "31.12.2026",
        "2026-13-01",
        "20261231",
        2026,
        True,
        "2026-1-1",
        "0001-01-01T00:00+14:00",
    ],
)
def test_expiry_refused(written: object) -> None:
    with pytest.raises(ValueError, match="date"):
        parse_expiry(written)


def test_when_an_account_is_active() -> None:
    before, at = datetime(2026, 12, 30, 23, 59, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)
    ada = account('password: "*"\nexpires: 2026-12-31')
    assert ada.active(before)
    assert not ada.active(at)
    assert not account('password: "*"\nenabled: false').active(before)


def test_the_shipped_examples_are_good_and_nobody_can_log_in() -> None:
    accounts, faults = AccountStore(ROOT / "accounts").load_all()
    examples = {account.name: account for account in accounts if account.name.startswith("example-")}
    assert faults == []
    assert set(examples) == {"example-full", "example-read-only", "example-drop-box"}
    assert all(example.locked for example in examples.values())
    for name, preset in PRESETS.items():
        assert examples[f"example-{name}"].permissions == preset


def test_the_full_example_shows_every_key() -> None:
    text = (ROOT / "accounts/example-full.yaml").read_text()
    for key in [*Account.model_fields, *Quota.model_fields, *AccountLimits.model_fields]:
        assert key == "name" or f"{key}:" in text

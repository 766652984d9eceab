"""ftpserver.accounts.group: what members get where they say nothing, and what they share."""

from pathlib import Path

import pytest

from ftpserver.accounts.account import PRESETS, Pool
from ftpserver.accounts.group import Group, group_file, read_group
from ftpserver.accounts.store import AccountStore
from ftpserver.config.fault import Faulty
from tests.service import hashed


def write(accounts: Path, name: str, text: str) -> Path:
    file = group_file(accounts, name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def faults(accounts: Path, name: str) -> str:
    with pytest.raises(Faulty) as faulty:
        read_group(accounts, name)
    return "\n".join(str(fault) for fault in faulty.value.faults)


def test_an_empty_file_is_a_group_that_gives_nothing(tmp_path: Path) -> None:
    write(tmp_path, "staff", "")
    assert read_group(tmp_path, "staff") == Group("staff", {}, None)


def test_defaults_and_pool(tmp_path: Path) -> None:
    write(
        tmp_path,
        "staff",
        "permissions: read-only\nquota: {bytes: 1GiB}\npool: {bytes: 10GiB, files: 5, traffic: {upload_day: 1MB}}\n",
    )
    group = read_group(tmp_path, "staff")
    assert group.defaults == {"permissions": "read-only", "quota": {"bytes": "1GiB"}}
    assert isinstance(group.pool, Pool)
    assert (group.pool.bytes, group.pool.files, group.pool.traffic.upload_day) == (10 * 2**30, 5, 10**6)


def test_what_an_account_says_wins_key_by_key(tmp_path: Path) -> None:
    group = Group(
        "staff", {"permissions": "read-only", "quota": {"bytes": 5, "files": 6}, "tls": "required"}, None
    )
    account = {"quota": {"files": 1}, "tls": None}
    group.complete(account)
    assert account == {"permissions": "read-only", "quota": {"bytes": 5, "files": 1}, "tls": None}
    assert group.defaults["quota"] == {"bytes": 5, "files": 6}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("password: x\n", "password"),
        ("home: /\n", "home"),
        ("quota: {bytes: much}\n", "much"),
        ("pool: {byte: 5}\n", "byte"),
        ("group: other\n", "group"),
        ("[", "YAML"),
    ],
)
def test_what_a_group_cannot_say(tmp_path: Path, text: str, said: str) -> None:
    file = write(tmp_path, "staff", text)
    found = faults(tmp_path, "staff")
    assert said in found
    assert str(file) in found


@pytest.mark.parametrize("name", ["", "../staff", ".hidden", "a/b", "-x", "a" * 65])
def test_a_name_is_never_a_path(tmp_path: Path, name: str) -> None:
    assert "cannot be the name of a group" in faults(tmp_path, name)


def test_a_group_that_is_missing_or_a_link_is_a_fault(tmp_path: Path) -> None:
    assert "there is no group 'staff'; make this file" in faults(tmp_path, "staff")
    write(tmp_path, "real", "")
    group_file(tmp_path, "staff").symlink_to("real.yaml")
    assert "the group cannot be read" in faults(tmp_path, "staff")


def _account(accounts: Path, name: str, more: str) -> None:
    (accounts / f"{name}.yaml").write_text(f"password: {hashed('x')}\nhome: {name}\n{more}")


def test_a_store_gives_accounts_their_groups_and_sees_a_group_change(tmp_path: Path) -> None:
    write(tmp_path, "staff", "permissions: read-only\nquota: {bytes: 5}\npool: {bytes: 7}\n")
    _account(tmp_path, "ada", "group: staff\n")
    _account(tmp_path, "bob", "group: staff\npermissions: full\nquota: {bytes: 6}\n")
    store = AccountStore(tmp_path)
    ada, bob = store.get("ada"), store.get("bob")
    assert ada is not None
    assert bob is not None
    assert (ada.permissions, ada.quota.bytes) == (PRESETS["read-only"], 5)
    assert (bob.permissions, bob.quota.bytes) == (PRESETS["full"], 6)
    assert ada.pool == bob.pool
    assert ada.pool is not None
    assert ada.pool.bytes == 7
    draft = write(tmp_path, "draft", "quota: {bytes: 50}\n")
    draft.replace(group_file(tmp_path, "staff"))
    again = store.get("ada")
    assert again is not None
    assert (again.quota.bytes, again.pool) == (50, None)


def test_an_account_of_a_broken_group_is_broken_and_no_other(tmp_path: Path) -> None:
    write(tmp_path, "staff", "quota: {bytes: much}\n")
    _account(tmp_path, "ada", "group: staff\n")
    _account(tmp_path, "bob", "")
    store = AccountStore(tmp_path)
    with pytest.raises(Faulty, match="much"):
        store.get("ada")
    assert store.get("bob") is not None


def test_the_folder_of_groups_is_no_account(tmp_path: Path) -> None:
    write(tmp_path, "staff", "")
    _account(tmp_path, "ada", "")
    assert list(AccountStore(tmp_path).names()) == ["ada"]

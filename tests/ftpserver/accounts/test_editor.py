"""Changing accounts: comments stay, nothing half-written, two administrators at once."""

import os
import re
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from ftpserver.accounts.account import PRESETS, Permission, Quota
from ftpserver.accounts.editor import TEMPLATE, AccountEditor, AccountExists, Changes, NoSuchAccount
from ftpserver.accounts.store import AccountStore
from ftpserver.config.fault import Faulty

HASH = "$2b$12$" + "a" * 21 + "u" + "a" * 31
OTHER = "$2b$12$" + "b" * 21 + "e" + "b" * 31

BY_HAND = """\
# Ada, since 2019

password: '*'   # set by the help desk
home:   "ada"
# The contract says 1 GiB.
quota:
    # not more
    bytes: 1GiB   # see ticket 7
    files: null
permissions:
  - list
  - read    # no writing
expires: 2030-01-01
# end
"""


@pytest.fixture
def editor(tmp_path: Path) -> AccountEditor:
    return AccountEditor(tmp_path)


def test_a_new_account_is_private_and_documented(editor: AccountEditor, tmp_path: Path) -> None:
    account = editor.add("ada", HASH, {("quota", "bytes"): "1GiB", ("permissions",): ["list", "read"]})
    assert account == AccountStore(tmp_path).get("ada")
    assert account.password == HASH
    assert account.home == "ada"
    assert account.quota == Quota(bytes=2**30, files=None)
    assert account.permissions == {Permission.LIST, Permission.READ}
    text = (tmp_path / "ada.yaml").read_text()
    assert yaml.safe_load(text) == {
        "password": HASH,
        "home": "ada",
        "quota": {"bytes": "1GiB"},
        "permissions": ["list", "read"],
    }
    for key in ("enabled: true", "expires: null", "permissions: full", "files: null", "upload_rate: 0"):
        assert re.search(rf"^# .*{key}", text, re.MULTILINE), key
    assert (tmp_path / "ada.yaml").stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(tmp_path)) == [".lock", "ada.yaml"]


@pytest.mark.parametrize(
    "name",
    [
        "true",
        "null",
        "12",
        "1e5",
        "0x1f",
        "1_000",
        "a b",
        "a: b",
        "#x",
        "*x",
        "&x",
        "!x",
        "@x",
        "'",
        '"',
        "%",
        "{",
        "日本",
        "yes",
        "1.5",
        "~",
        "?",
        "2026-01-01",
    ],
)
def test_names_that_yaml_would_take_for_something_else(editor: AccountEditor, name: str) -> None:
    if name == "~":
        with pytest.raises(Faulty):  # a home may not begin with ~
            editor.add(name, HASH, {})
        return
    assert editor.add(name, HASH, {}).home == name
    assert editor.change(name, {("enabled",): False}).home == name


def test_a_new_account_has_what_its_group_gives(editor: AccountEditor, tmp_path: Path) -> None:
    group = tmp_path / "groups/guests.yaml"
    group.parent.mkdir()
    group.write_text("permissions: read-only\nquota: {bytes: 5, files: 6}\nlimits: {sessions: 2}\n")
    editor.add("ada", HASH, {("quota", "files"): 1})
    account = editor.change("ada", {("group",): "guests"})
    assert account.permissions == PRESETS["read-only"]
    assert account.quota == Quota(bytes=5, files=1)
    assert account.limits.sessions == 2


def test_the_comments_of_a_new_account_do_not_make_a_member_of_it(editor: AccountEditor) -> None:
    assert "group" not in TEMPLATE  # members.py parses every file in which it stands


def test_an_account_is_never_overwritten(editor: AccountEditor, tmp_path: Path) -> None:
    editor.add("ada", HASH, {})
    before = (tmp_path / "ada.yaml").read_bytes()
    with pytest.raises(AccountExists):
        editor.add("ada", OTHER, {})
    (tmp_path / "bob.yaml").symlink_to("nowhere")
    with pytest.raises(AccountExists):
        editor.add("bob", OTHER, {})
    assert (tmp_path / "ada.yaml").read_bytes() == before
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".x", "a\n"])
def test_names_that_cannot_be_one(editor: AccountEditor, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="login name"):
        editor.add(name, HASH, {})
    for change in (lambda: editor.change(name, {}), lambda: editor.remove(name)):
        with pytest.raises(NoSuchAccount):
            change()
    assert not [entry for entry in os.listdir(tmp_path) if entry != ".lock"]


def test_a_hand_written_file_keeps_its_face(editor: AccountEditor, tmp_path: Path) -> None:
    file = tmp_path / "ada.yaml"
    file.write_text(BY_HAND)
    changes: Changes = {("quota", "bytes"): "2GiB", ("quota", "files"): 5, ("permissions",): "full"}
    account = editor.change("ada", changes)
    assert account.quota == Quota(bytes=2**31, files=5)
    editor.set_password("ada", HASH)
    text = file.read_text()
    for kept in (
        "# Ada, since 2019\n\npassword: '",
        "# set by the help desk",
        '"ada"\n# The contract says 1 GiB.\nquota:\n',
        ":\n    # not more\n    bytes: 2GiB   # see ticket 7\n    files: 5\n",
        "expires: 2030-01-01\n# end\n",
    ):
        assert kept in text


def test_a_change_that_changes_nothing_leaves_every_byte(editor: AccountEditor, tmp_path: Path) -> None:
    file = tmp_path / "ada.yaml"
    text = BY_HAND.replace("home:   ", "home: ")
    file.write_text(text)
    editor.change("ada", {("quota", "bytes"): "1GiB"})
    assert file.read_text() == text


def test_sections_that_are_not_there_yet(editor: AccountEditor, tmp_path: Path) -> None:
    file = tmp_path / "ada.yaml"
    file.write_text('password: "*"\nquota:\n')
    account = editor.change("ada", {("quota", "files"): 3, ("limits", "sessions"): 2})
    assert (account.quota.files, account.limits.sessions) == (3, 2)
    assert file.read_text() == 'password: "*"\nquota: {files: 3}\nlimits: {sessions: 2}\n'


def test_a_refused_change_changes_nothing(editor: AccountEditor, tmp_path: Path) -> None:
    file = tmp_path / "ada.yaml"
    file.write_text(BY_HAND)
    for changes in (
        {("quota", "bytes"): "10M"},
        {("permissions",): "ful"},
        {("home",): "../x"},
        {("nme",): 1},
    ):
        with pytest.raises(Faulty, match=r"ada.yaml:\d+: "):
            editor.change("ada", changes)  # type: ignore[arg-type]
    assert file.read_text() == BY_HAND
    assert sorted(os.listdir(tmp_path)) == [".lock", "ada.yaml"]


def test_a_faulty_value_can_be_repaired_by_a_change(editor: AccountEditor, tmp_path: Path) -> None:
    (tmp_path / "ada.yaml").write_text('password: "*"\npermissions: ful\n')
    assert editor.change("ada", {("permissions",): "full"}).permissions == frozenset(Permission)


@pytest.mark.parametrize("text", ["a: &x 1\n", "a: 1\na: 2\n", "a: !t 1\n", "a: [\n", "- a\n"])
def test_what_the_service_would_refuse_is_not_rewritten(
    editor: AccountEditor, tmp_path: Path, text: str
) -> None:
    (tmp_path / "ada.yaml").write_text(text)
    with pytest.raises(Faulty):
        editor.change("ada", {("enabled",): True})
    assert (tmp_path / "ada.yaml").read_text() == text


def test_mode_owner_and_group_are_kept(editor: AccountEditor, tmp_path: Path) -> None:
    file = tmp_path / "ada.yaml"
    file.write_text('password: "*"\n')
    file.chmod(0o640)
    owner = (os.getuid(), os.getgid())
    if os.geteuid() == 0:
        owner = (12345, 23456)
        os.chown(file, *owner)
    editor.set_password("ada", HASH)
    status = file.stat()
    assert status.st_mode & 0o777 == 0o640
    assert (status.st_uid, status.st_gid) == owner


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_makes_belongs_to_the_service(editor: AccountEditor, tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 23456)
    editor.add("ada", HASH, {})
    for name in ("ada.yaml", ".lock"):
        status = (tmp_path / name).stat()
        assert (status.st_uid, status.st_gid) == (12345, 23456)


def test_a_link_is_not_followed(editor: AccountEditor, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text('password: "*"\n')
    (tmp_path / "ada.yaml").symlink_to(target)
    with pytest.raises(Faulty, match="is a link"):
        editor.set_password("ada", HASH)
    assert target.read_text() == 'password: "*"\n'
    editor.remove("ada")
    assert target.exists()


def test_the_lock_file_may_not_be_a_link(editor: AccountEditor, tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to("elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        editor.add("ada", HASH, {})
    assert not (tmp_path / "elsewhere").exists()


def test_removing(editor: AccountEditor, tmp_path: Path) -> None:
    editor.add("ada", HASH, {})
    editor.remove("ada")
    assert AccountStore(tmp_path).get("ada") is None
    with pytest.raises(NoSuchAccount):
        editor.remove("ada")
    with pytest.raises(NoSuchAccount):
        editor.set_password("ada", HASH)


def test_a_preview_makes_nothing(editor: AccountEditor, tmp_path: Path) -> None:
    assert editor.preview("ada", {("quota", "files"): 3}).quota.files == 3
    with pytest.raises(Faulty):
        editor.preview("ada", {("quota", "files"): "x"})
    assert os.listdir(tmp_path) == []


def test_two_administrators_at_once_lose_no_change(tmp_path: Path) -> None:
    AccountEditor(tmp_path).add("ada", HASH, {})
    places = [
        ("limits", "sessions"),
        ("limits", "upload_rate"),
        ("limits", "download_rate"),
        ("quota", "files"),
    ]

    def change(place: tuple[str, ...]) -> None:
        for number in range(1, 11):
            AccountEditor(tmp_path).change("ada", {place: number})

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, places))
    account = AccountStore(tmp_path).get("ada")
    assert account is not None
    assert account.limits.model_dump() == {"sessions": 10, "upload_rate": 10, "download_rate": 10}
    assert account.quota.files == 10


def test_of_two_who_add_one_name_one_wins(tmp_path: Path) -> None:
    def add(number: int) -> int:
        try:
            AccountEditor(tmp_path).add("ada", HASH, {("quota", "files"): number})
        except AccountExists:
            return 0
        return number

    with ThreadPoolExecutor(4) as pool:
        (winner,) = [number for number in pool.map(add, range(1, 9)) if number]
    account = AccountStore(tmp_path).get("ada")
    assert account is not None
    assert account.quota.files == winner


def test_a_reader_never_sees_half_a_file_though_the_writer_is_killed(tmp_path: Path) -> None:
    AccountEditor(tmp_path).add("ada", HASH, {})
    program = (
        "import sys; from pathlib import Path; from ftpserver.accounts.editor import AccountEditor\n"
        "editor = AccountEditor(Path(sys.argv[1])); print('ready', flush=True); n = 0\n"
        "while True: n += 1; editor.change('ada', {('quota', 'files'): n})\n"
    )
    store = AccountStore(tmp_path, capacity=0)
    for _ in range(2):
        writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            for _ in range(200):
                assert store.get("ada") is not None
            writer.kill()
        assert store.get("ada") is not None
    # What a killed writer leaves is hidden, and its lock died with it.
    assert list(store.names()) == ["ada"]
    AccountEditor(tmp_path).set_password("ada", OTHER)


def test_a_disk_that_takes_no_more_is_an_error_about_the_account(
    editor: AccountEditor, tmp_path: Path
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))  # as a full disk: the write fails, and names no file
    try:
        with pytest.raises(OSError, match="File too large") as raised:
            editor.add("ada", HASH, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert raised.value.filename == str(tmp_path / "ada.yaml")
    assert os.listdir(tmp_path) == [".lock"]

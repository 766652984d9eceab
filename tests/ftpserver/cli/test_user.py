"""user: what an administrator does to accounts, and what is said."""

import json
from pathlib import Path

import bcrypt
import pytest

from ftpserver.accounts.account import Account, Permission
from ftpserver.accounts.store import AccountStore
from tests.ftpserver.cli.conftest import Program, Run


def get(site: Path, name: str) -> Account:
    account = AccountStore(site / "accounts").get(name)
    assert account is not None
    return account


@pytest.fixture
def ada(site: Path, cheap_hash: str) -> Path:
    """The file of an account written by hand."""
    file = site / "accounts/ada.yaml"
    file.write_text(f"# by hand\npassword: {cheap_hash}  # temporary\nquota: {{bytes: 1GiB}}\n")
    file.chmod(0o600)
    return file


def test_the_life_of_an_account(program: Program, site: Path) -> None:
    added = program(
        *("user", "add", "ada", "--password-stdin", "--home", "x", "--quota-bytes", "10MiB"),
        *("--quota-files", "5", "--permissions", "read-only"),
        stdin="secret\n",
    )
    assert added.stdout == f"added ada, home {site}/homes/x\n"
    account = get(site, "ada")
    assert (account.home, account.quota.bytes, account.quota.files) == ("x", 10 * 2**20, 5)
    assert account.permissions == {Permission.LIST, Permission.READ}
    program("user", "set", "ada", "--permissions", "list,read,create", "--quota-files", "none")
    account = get(site, "ada")
    assert account.permissions == {Permission.LIST, Permission.READ, Permission.CREATE}
    assert account.quota.files is None
    program("user", "passwd", "ada", "--password-stdin", stdin="other\n")
    assert bcrypt.checkpw(b"other", get(site, "ada").password.encode())
    (site / "homes/x").mkdir()
    assert (
        program("user", "remove", "ada", "--yes").stdout == f"removed ada; the home stays: {site}/homes/x\n"
    )
    assert (site / "homes/x").is_dir()
    assert AccountStore(site / "accounts").get("ada") is None


def test_every_option_reaches_the_file(run: Run, site: Path) -> None:
    result = run(
        *("user", "add", "ada", "--password-stdin", "--expires", "2026-12-31", "--sessions", "3"),
        *("--upload-rate", "1MiB", "--download-rate", "2048", "--quota-bytes", "1048576"),
        stdin="x\n",
    )
    assert result.exit_code == 0
    account = get(site, "ada")
    assert account.expires is not None
    assert account.expires.isoformat() == "2026-12-31T00:00:00+00:00"
    assert account.limits.model_dump() == {"sessions": 3, "upload_rate": 2**20, "download_rate": 2048}
    text = (site / "accounts/ada.yaml").read_text()
    assert "bytes: 1048576}" in text
    assert "expires: 2026-12-31\n" in text or "expires: '2026-12-31'" in text
    assert run("user", "set", "ada", "--expires", "never", "--quota-bytes", "none").exit_code == 0
    assert get(site, "ada").expires is None
    assert get(site, "ada").quota.bytes is None


def test_an_existing_account_is_refused_before_the_password_is_asked(run: Run, ada: Path) -> None:
    before = ada.read_bytes()
    result = run("user", "add", "ada", "--password-stdin", stdin="")
    assert result.exit_code == 1
    assert result.stderr == "ftpserver: ada exists already; change it with 'user set' or 'user passwd'\n"
    assert ada.read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--quota-bytes", "10M", "quota.bytes: unknown unit 'M'"),
        ("--quota-files", "many", "quota.files: must be a whole number"),
        ("--quota-files", "-1", "quota.files: must be a whole number, not '-1'"),
        ("--permissions", "ful", "did you mean 'full'?"),
        ("--permissions", "list,raed", "did you mean 'read'?"),
        ("--home", "../x", "home: must name a directory below homes"),
        ("--expires", "soon", "expires: must be a date"),
        ("--upload-rate", "fast", "limits.upload_rate: must be a size"),
    ],
)
def test_bad_values_are_refused_before_the_password_is_asked(
    run: Run, site: Path, ada: Path, option: str, value: str, said: str
) -> None:
    before = ada.read_bytes()
    for command in (("add", "bob", "--password-stdin"), ("set", "ada")):
        result = run("user", *command, option, value)
        assert result.exit_code == 1
        assert said in result.stderr
        assert result.stderr.count("\n") == 1
    assert ada.read_bytes() == before
    assert not (site / "accounts/bob.yaml").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "a\x1b[2Jb", "x" * 65, ""])
@pytest.mark.parametrize("command", ["add", "show", "set", "passwd", "enable", "disable", "remove"])
def test_names_that_cannot_be_one(run: Run, command: str, name: str) -> None:
    result = run("user", command, name)
    assert result.exit_code == 2
    assert "cannot be a login name" in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("show",),
        ("set", "--sessions", "1"),
        ("passwd", "--password-stdin"),
        ("enable",),
        ("disable",),
        ("remove", "--yes"),
    ],
)
def test_an_account_that_is_not_there(run: Run, site: Path, command: tuple[str, ...]) -> None:
    result = run("user", command[0], "nobody", *command[1:], stdin="x\n")
    assert result.exit_code == 1
    assert result.stderr == f"ftpserver: there is no account nobody in {site}/accounts\n"


def test_changes_keep_what_was_written_by_hand(run: Run, site: Path, ada: Path) -> None:
    assert run("user", "disable", "ada").stdout == "disabled ada\n"
    assert not get(site, "ada").enabled
    assert run("user", "enable", "ada").stdout == "enabled ada\n"
    assert get(site, "ada").enabled
    assert run("user", "passwd", "ada", "--password-stdin", stdin="new\n").exit_code == 0
    text = ada.read_text()
    assert text.startswith("# by hand\npassword: $2b$04$")
    assert "# temporary" in text
    assert "quota: {bytes: 1GiB}\n" in text


def test_nothing_to_set(run: Run, ada: Path) -> None:
    result = run("user", "set", "ada")
    assert result.exit_code == 2
    assert "at least one option" in result.stderr


def test_a_list(run: Run, site: Path, ada: Path) -> None:
    (site / "accounts/bo.yaml").write_text(
        'password: "*"\nenabled: false\npermissions: [list]\nquota: {files: 3}'
    )
    lines = run("user", "list").stdout.splitlines()
    assert lines == [
        "NAME  ENABLED  HOME  GROUP  QUOTA                      PERMISSIONS",
        "ada   yes      ada   -      1.0 GiB / unlimited files  full",
        "bo    no       bo    -      unlimited / 3 files        list",
    ]
    listed = json.loads(run("user", "list", "--json").stdout)
    assert [entry["name"] for entry in listed] == ["ada", "bo"]
    assert listed[1]["quota"] == {"bytes": None, "files": 3}
    assert listed[1]["permissions"] == ["list"]


def test_a_list_with_a_bad_file_shows_the_others_and_fails(run: Run, site: Path, ada: Path) -> None:
    (site / "accounts/bad.yaml").write_text("nonsense")
    for arguments in (("user", "list"), ("user", "list", "--json")):
        result = run(*arguments)
        assert result.exit_code == 1
        assert "ada" in result.stdout
        assert result.stderr == f"{site}/accounts/bad.yaml:1: must be 'key: value' lines\n"


def test_an_empty_list(run: Run) -> None:
    assert json.loads(run("user", "list", "--json").stdout) == []
    assert run("user", "list").stdout.splitlines() == ["NAME  ENABLED  HOME  GROUP  QUOTA  PERMISSIONS"]


def test_show_never_shows_the_hash(run: Run, site: Path, ada: Path, cheap_hash: str) -> None:
    shown = run("user", "show", "ada").stdout
    assert "password       set\n" in shown
    assert f"home           {site}/homes/ada\n" in shown
    assert "quota          1.0 GiB / unlimited files\n" in shown
    as_json = run("user", "show", "ada", "--json").stdout
    assert json.loads(as_json) == {
        "name": "ada",
        "file": str(ada),
        "enabled": True,
        "password": "set",
        "expires": None,
        "home": f"{site}/homes/ada",
        "group": None,
        "permissions": list(Permission),
        "quota": {"bytes": 2**30, "files": None},
        "limits": {"sessions": 0, "upload_rate": 0, "download_rate": 0},
    }
    assert cheap_hash not in shown + as_json


@pytest.fixture
def guests(site: Path) -> Path:
    """The file of a group that restricts its members."""
    file = site / "accounts/groups/guests.yaml"
    file.parent.mkdir()
    file.write_text("permissions: read-only\nquota: {bytes: 1MiB}\nlimits: {sessions: 2}\n")
    return file


def test_a_group_restricts_an_account_that_was_added_here(run: Run, site: Path, guests: Path) -> None:
    # 'user add' wrote every value, and what an account says wins over its group.
    assert run("user", "add", "ada", "--password-stdin", stdin="x\n").exit_code == 0
    result = run("user", "set", "ada", "--group", "guests")
    assert (result.stdout, result.stderr) == ("changed ada\n", "")
    result = run(
        "user", "add", "bo", "--group", "guests", "--quota-files", "3", "--password-stdin", stdin="x\n"
    )
    assert result.stderr == ""
    for name, files in (("ada", None), ("bo", 3)):
        facts = json.loads(run("user", "show", name, "--json").stdout)
        assert (facts["group"], facts["permissions"]) == ("guests", ["list", "read"])
        assert facts["quota"] == {"bytes": 2**20, "files": files}
        assert facts["limits"]["sessions"] == 2
    assert "group          guests\n" in run("user", "show", "ada").stdout
    assert "ada   yes      ada   guests  1.0 MiB / unlimited files  read-only" in run("user", "list").stdout
    assert run("user", "set", "ada", "--group", "none").exit_code == 0
    assert get(site, "ada").permissions == frozenset(Permission)


def test_an_account_that_keeps_more_than_its_group_gives_is_told(run: Run, ada: Path, guests: Path) -> None:
    result = run("user", "set", "ada", "--group", "guests", "--permissions", "full")
    assert result.exit_code == 0
    assert result.stderr == (
        "warning: ada: is less restricted than its group guests: permissions: full (group: read-only), "
        f"quota.bytes: 1.0 GiB (group: 1.0 MiB); take them out of {ada} to have the group's\n"
    )


@pytest.mark.parametrize(
    ("group", "said"),
    [
        ("visitors", "visitors.yaml: there is no group 'visitors'; make this file"),
        ("../guests", "'../guests' cannot be the name of a group"),
    ],
)
def test_a_group_that_cannot_be(run: Run, site: Path, ada: Path, group: str, said: str) -> None:
    before = ada.read_bytes()
    for command in (("add", "bob", "--password-stdin"), ("set", "ada")):
        result = run("user", *command, "--group", group)
        assert result.exit_code == 1
        assert said in result.stderr
        assert result.stderr.count("\n") == 1
    assert ada.read_bytes() == before
    assert not (site / "accounts/bob.yaml").exists()


def test_removing_asks(run: Run, site: Path, ada: Path) -> None:
    result = run("user", "remove", "ada")
    assert result.exit_code == 1
    assert "--yes" in result.stderr
    assert ada.exists()


def test_a_broken_file_can_be_removed(run: Run, site: Path) -> None:
    (site / "accounts/bad.yaml").write_text("nonsense")
    assert run("user", "remove", "bad", "--yes").stdout == "removed bad; its home stays\n"
    assert not (site / "accounts/bad.yaml").exists()

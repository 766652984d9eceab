"""Reading accounts: a change counts at once, a bad file is its own user's trouble only."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftpserver.accounts.store import AccountStore
from ftpserver.config.fault import Faulty

LOCKED = 'password: "*"\n'


def put(file: Path, text: str, *, old: bool = False) -> None:
    file.write_text(text)
    if old:
        os.utime(file, (1, 1))


def settle(file: Path) -> None:
    """Wait until the file's change time lies far enough back for the cache to trust it."""
    while time.time_ns() - file.stat().st_ctime_ns < 200_000_000:
        time.sleep(0.01)


def test_an_account_is_read_by_its_name(tmp_path: Path) -> None:
    store = AccountStore(tmp_path)
    put(tmp_path / "ada.yaml", LOCKED + "home: x\n")
    account = store.get("ada")
    assert account is not None
    assert (account.name, account.home) == ("ada", "x")
    assert store.exists("ada")
    assert store.file("ada") == tmp_path / "ada.yaml"


@pytest.mark.parametrize(
    "name", ["bob", "Ada", "", "../ada", "sub/ada", ".ada", "ada.yaml", "ada\0", "a\udcff", "x" * 300]
)
def test_no_such_account(tmp_path: Path, name: str) -> None:
    (tmp_path / "accounts").mkdir()
    put(tmp_path / "ada.yaml", LOCKED)
    put(tmp_path / "accounts/ada.yaml", LOCKED)
    put(tmp_path / "accounts/.ada.yaml", LOCKED)
    store = AccountStore(tmp_path / "accounts")
    assert store.get(name) is None
    assert not store.exists(name)


def test_a_changed_file_counts_at_once_whatever_its_times_say(tmp_path: Path) -> None:
    file = tmp_path / "ada.yaml"
    store = AccountStore(tmp_path)
    for number in range(300):
        put(file, f"{LOCKED}home: h{number % 10}\n", old=True)
        account = store.get("ada")
        assert account is not None
        assert account.home == f"h{number % 10}"
    file.unlink()
    assert store.get("ada") is None


def test_a_file_written_a_moment_ago_is_not_trusted_by_its_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a file system whose clock ticks slowly: both versions look the same from outside.
    monkeypatch.setattr("ftpserver.accounts.store.version_of", lambda status: (0, 0, status.st_size, 0, 0))
    store = AccountStore(tmp_path)
    for home in ("h1", "h2"):
        put(tmp_path / "ada.yaml", f"{LOCKED}home: {home}\n")
        account = store.get("ada")
        assert account is not None
        assert account.home == home


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ada.yaml"
    put(file, LOCKED)
    settle(file)
    store = AccountStore(tmp_path)
    first = store.get("ada")
    assert store.get("ada") is first
    put(file, LOCKED)
    assert store.get("ada") is not first


def test_the_cache_is_bounded(tmp_path: Path) -> None:
    names = [f"u{number}" for number in range(5)]
    for name in names:
        put(tmp_path / f"{name}.yaml", LOCKED)
    settle(tmp_path / "u4.yaml")
    store = AccountStore(tmp_path, capacity=2)
    held = [store.get(name) for name in names]
    assert store.get("u4") is held[4]
    assert store.get("u3") is held[3]
    assert store.get("u0") is not held[0]


def test_a_bad_file_is_refused_again_and_again_and_alone(tmp_path: Path) -> None:
    put(tmp_path / "ada.yaml", LOCKED)
    put(tmp_path / "bob.yaml", LOCKED + "quta: {}\n")
    store = AccountStore(tmp_path)
    for _ in range(2):
        with pytest.raises(Faulty, match=r"bob.yaml:2: unknown key 'quta'; did you mean 'quota'"):
            store.get("bob")
        assert store.get("ada") is not None
    put(tmp_path / "bob.yaml", LOCKED)
    assert store.get("bob") is not None


def test_a_good_file_that_became_bad_no_longer_lets_anybody_in(tmp_path: Path) -> None:
    store = AccountStore(tmp_path)
    put(tmp_path / "ada.yaml", LOCKED)
    settle(tmp_path / "ada.yaml")
    assert store.get("ada") is not None
    put(tmp_path / "ada.yaml", 'password: "*')
    with pytest.raises(Faulty, match="not YAML"):
        store.get("ada")


def test_links_and_special_files_are_refused_without_waiting(tmp_path: Path) -> None:
    put(tmp_path / "target.yaml", LOCKED)
    (tmp_path / "link.yaml").symlink_to("target.yaml")
    (tmp_path / "dangling.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "fifo.yaml")
    (tmp_path / "directory.yaml").mkdir()
    store = AccountStore(tmp_path)
    for name, message in [
        ("link", "is a link"),
        ("dangling", "is a link"),
        ("fifo", "not a regular file"),
        ("directory", "not a regular file"),
    ]:
        with pytest.raises(Faulty, match=message):
            store.get(name)


def test_a_known_account_swapped_for_a_link_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "ada.yaml", LOCKED)
    settle(tmp_path / "ada.yaml")
    store = AccountStore(tmp_path)
    assert store.get("ada") is not None
    (tmp_path / "ada.yaml").rename(tmp_path / "other")
    (tmp_path / "ada.yaml").symlink_to("other")
    with pytest.raises(Faulty, match="is a link"):
        store.get("ada")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(Faulty, match="Not a directory"):
        AccountStore(blocked).get("ada")


def test_names_and_everything(tmp_path: Path) -> None:
    for name in ("bob", "ada"):
        put(tmp_path / f"{name}.yaml", LOCKED)
    put(tmp_path / "bad.yaml", "x: 1\ny: 2\n")
    put(tmp_path / "-rf.yaml", LOCKED)
    put(tmp_path / "carl.yml", LOCKED)
    for ignored in ("README.md", ".lock", ".hidden.yaml", "ada.yaml~", "ada.yaml.bak"):
        put(tmp_path / ignored, "anything")
    store = AccountStore(tmp_path)
    assert set(store.names()) == {"ada", "bob", "bad"}
    accounts, faults = store.load_all()
    assert [account.name for account in accounts] == ["ada", "bob"]
    assert [str(fault).removeprefix(f"{tmp_path}/") for fault in faults] == [
        "-rf.yaml: its name cannot be a login name",
        "bad.yaml:1: password: is missing",
        "bad.yaml:1: unknown key 'x'",
        "bad.yaml:2: unknown key 'y'",
        "carl.yml: must be called carl.yaml to count",
    ]


def test_a_missing_directory_is_an_error_not_an_empty_service(tmp_path: Path) -> None:
    store = AccountStore(tmp_path / "none")
    assert store.get("ada") is None
    with pytest.raises(FileNotFoundError):
        list(store.names())
    with pytest.raises(FileNotFoundError):
        store.load_all()


def test_many_threads_read_while_the_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "ada.yaml"
    put(file, LOCKED + "home: h0\n")
    store = AccountStore(tmp_path, capacity=1)

    def read(number: int) -> str:
        if number % 10 == 0:
            draft = tmp_path / f".{number}"
            put(draft, f"{LOCKED}home: h{number}\n")
            draft.replace(file)
        account = store.get("ada")
        assert account is not None
        return account.home

    with ThreadPoolExecutor(4) as pool:
        assert all(home.startswith("h") for home in pool.map(read, range(400)))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    put(tmp_path / "ada.yaml", LOCKED)
    put(tmp_path / "bad.yaml", "x")
    os.mkfifo(tmp_path / "fifo.yaml")
    store = AccountStore(tmp_path, capacity=0)
    before = os.listdir("/proc/self/fd")
    store.load_all()
    next(store.names())
    assert len(os.listdir("/proc/self/fd")) == len(before)

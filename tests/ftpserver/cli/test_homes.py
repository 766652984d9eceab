"""ftpserver.cli.homes: what is wrong with homes before their users find out."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.accounts.account import PRESETS, Account
from ftpserver.cli.homes import judge_homes
from ftpserver.config.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("conf", "homes", "state"):
        (tmp_path / name).mkdir()
    (tmp_path / "conf/x.yaml").write_text("")
    return load_settings(tmp_path / "conf/x.yaml")


def account(home: str, permissions: str = "full") -> Account:
    return Account(name="ada", password="*", home=home, permissions=PRESETS[permissions])


def judged(settings: Settings, home: str) -> list[str]:
    return list(judge_homes(settings, [account(home)]))


def test_a_home_that_is_there_or_can_be_made(settings: Settings) -> None:
    (settings.homes / "ada").mkdir()
    assert judged(settings, "ada") == []
    assert judged(settings, "not/yet") == []
    assert judged(settings, f"{settings.homes}/deep/down") == []


def test_a_link_is_for_absolute_homes_only(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = settings.homes / "link"
    link.symlink_to(tmp_path / "elsewhere")
    for home in ("link", "link/inner"):
        (said,) = judged(settings, home)
        assert said.startswith(
            f"ada: the home {settings.homes}/{home} leads through the symbolic link {link}"
        )
        assert "absolute path" in said
    assert judged(settings, str(link)) == []


def test_all_homes_may_be_behind_a_link(settings: Settings, tmp_path: Path) -> None:
    settings.homes.rename(tmp_path / "elsewhere")
    settings.homes.symlink_to(tmp_path / "elsewhere")
    assert judged(settings, "ada") == []


@pytest.mark.parametrize("home", ["file", "file/inner"])
def test_a_file_is_no_home(settings: Settings, home: str) -> None:
    (settings.homes / "file").touch()
    assert judged(settings, home) == [
        f"ada: the home {settings.homes}/{home} cannot be used: {settings.homes}/file is not a directory"
    ]


def test_homes_that_are_not_there(settings: Settings) -> None:
    settings.homes.rmdir()
    assert judged(settings, "ada") == [
        f"homes: {settings.homes} does not exist and will be made; is a file system not mounted?"
    ]


@pytest.fixture
def closed() -> Iterator[Path]:
    """A directory that only root may write to, with a state that is another user's."""
    if os.getuid() != 0:
        pytest.skip("only root makes files for others")
    with tempfile.TemporaryDirectory() as place:  # pytest's own directory is closed to other users
        os.chmod(place, 0o755)
        for name in ("homes", "homes/ada", "homes/shut", "state"):
            (Path(place) / name).mkdir(mode=0o755)
        (Path(place) / "homes/shut").chmod(0o700)
        os.chown(Path(place) / "state", 12345, 12345)
        (Path(place) / "x.yaml").write_text("homes: homes\nstate: state\n")
        yield Path(place)


def test_the_service_s_user_is_told_what_he_may_not(closed: Path) -> None:
    settings, homes = load_settings(closed / "x.yaml"), closed / "homes"
    accounts = [account("ada"), account("ada", "read-only"), account("shut"), account("new")]
    os.seteuid(12345)
    try:
        said = list(judge_homes(settings, accounts))
    finally:
        os.seteuid(0)
    assert said == [
        f"ada: the home {homes}/ada is not writable by the service's user",
        f"ada: the home {homes}/shut cannot be read by the service's user",
        f"ada: the home {homes}/new cannot be made: {homes} is not writable by the service's user",
    ]


def test_others_are_not_told_of_rights(closed: Path) -> None:
    assert list(judge_homes(load_settings(closed / "x.yaml"), [account("shut")])) == []

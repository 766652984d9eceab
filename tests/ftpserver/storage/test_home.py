import errno
import os
from pathlib import Path

import pytest

from ftpserver.storage.home import open_home


def opened(home: Path, below: Path | None, create: bool = False) -> str:
    fd = open_home(str(home), below=below, create=create)
    try:
        os.listdir(fd)
        assert not os.get_inheritable(fd)
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def test_a_relative_home_is_below_the_homes(tmp_path: Path) -> None:
    homes = tmp_path / "homes"
    with pytest.raises(FileNotFoundError):
        opened(Path("al"), homes)
    assert opened(Path("al"), homes, create=True) == str(homes / "al")
    assert opened(Path("x/y"), homes, create=True) == str(homes / "x" / "y")
    assert (homes / "x" / "y").stat().st_mode & 0o777 == 0o750
    with pytest.raises(FileNotFoundError, match="does not exist"):
        opened(Path("missing"), homes)
    assert opened(Path("al"), homes) == str(homes / "al")


@pytest.mark.parametrize("home", ["..", "../x", "x/../..", "", "."])
def test_a_relative_home_stays_below(tmp_path: Path, home: str) -> None:
    with pytest.raises(OSError, match="below the homes") as raised:
        opened(Path(home), tmp_path, create=True)
    assert raised.value.errno == errno.EINVAL
    with pytest.raises(OSError, match="below the homes"):
        opened(Path("al"), None)


@pytest.mark.parametrize("create", [False, True])
def test_a_link_on_the_way_to_a_relative_home_is_refused(tmp_path: Path, create: bool) -> None:
    (tmp_path / "alice").mkdir()
    (tmp_path / "al").symlink_to("alice")
    (tmp_path / "dangling").symlink_to("nowhere")
    for home in ("al", "al/x", "dangling"):
        with pytest.raises(OSError, match="absolute path into the account file") as raised:
            opened(Path(home), tmp_path, create)
        assert raised.value.errno == errno.ELOOP
        assert raised.value.filename == str(tmp_path / home.split("/")[0])


def test_an_absolute_home_is_what_the_administrator_made(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert opened(tmp_path / "link", None) == str(tmp_path / "real")
    assert opened(tmp_path / "link" / "new", tmp_path / "homes", create=True) == str(
        tmp_path / "real" / "new"
    )
    assert not (tmp_path / "homes").exists()
    assert opened(Path("/"), None) == "/"
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "dangling", None, create=True)


def test_a_home_that_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (Path("file"), Path("file/x"), tmp_path / "file"):
        with pytest.raises(NotADirectoryError, match="not a directory"):
            opened(home, tmp_path, create=True)

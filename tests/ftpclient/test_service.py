"""The client against our own server: what the tutorial asked for, with both halves of the house."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ftpclient.test_shell import environment
from tests.service import Service


def run(service: Service, here: Path, *words: str, text: str = "") -> "subprocess.CompletedProcess[str]":
    """Run ftpclient; `{}` in a word becomes the address of the server with the user ada."""
    address = "ada@{}:{}".format(*service.addresses[0])
    return subprocess.run(
        [sys.executable, "-m", "ftpclient", *(word.replace("{}", address) for word in words)],
        input=text,
        text=True,
        capture_output=True,
        cwd=here,
        env=environment(FTPCLIENT_PASSWORD=service.passwords["ada"]),
        timeout=60,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture(params=["clear", "encrypted"])
def words(request: pytest.FixtureRequest) -> tuple[Service, list[str]]:
    if request.param == "clear":
        service: Service = request.getfixturevalue("service")
        return service, ["--tls", "off"]
    service = request.getfixturevalue("tls_service")
    return service, ["--tls", "require", "--cafile", str(service.certificate)]


def test_a_shell_session_with_get_put_ls_cd_del_help_exit(
    words: tuple[Service, list[str]], here: Path
) -> None:
    service, options = words
    home = service.add_user("ada")
    (here / "f").write_bytes(b"content")
    script = "mkdir d\ncd d\nput f\nls\nget f back\ndel f\nls\nhelp\nexit\n"
    done = run(service, here, "shell", *options, "{}", text=script)
    assert done.stderr == ""
    assert "[ada:/d]>>: put f\n[ada:/d]>>: ls\nf\n" in done.stdout
    assert (here / "back").read_bytes() == b"content"
    assert list((home / "d").iterdir()) == []
    assert done.returncode == 0


@pytest.mark.parametrize("there", [b"b" * 300_000, b"a" * 300_000, b"short", b"a" * 900_000])
def test_what_is_continued_is_whole(words: tuple[Service, list[str]], here: Path, there: bytes) -> None:
    """Over TLS a file that could not be continued was replaced by its tail: the comparison had moved on in it."""
    service, options = words
    home = service.add_user("ada")
    content = b"a" * 300_000 + b"c" * 400_000
    (here / "f").write_bytes(content)
    (service.home("ada") / "f").write_bytes(there)
    (here / "part").write_bytes(there)
    (home / "part").write_bytes(content)
    for action in (("put", "-c", "f", "ftp://{}/f"), ("get", "-c", "ftp://{}/part", "part")):
        done = run(service, here, action[0], *options, *action[1:])
        assert done.returncode == 0, done.stderr
    assert (home / "f").read_bytes() == (here / "part").read_bytes() == content


def test_uploading_whole_directories_and_mirroring(words: tuple[Service, list[str]], here: Path) -> None:
    service, options = words
    home = service.add_user("ada")
    (here / "tree/sub dir").mkdir(parents=True)
    (here / "tree/sub dir/f").write_bytes(b"x" * 300_000)
    assert run(service, here, "put", "-r", *options, "tree", "{}/").returncode == 0
    assert (home / "tree/sub dir/f").stat().st_size == 300_000
    done = run(service, here, "mirror", *options, "--parallel", "2", "--json", "tree", "ftp://{}/tree")
    assert json.loads(done.stdout)["moved"] == []  # what is equal is not sent again
    assert run(service, here, "get", "-r", *options, "{}/tree", "back").returncode == 0
    assert (here / "back/sub dir/f").read_bytes() == b"x" * 300_000


def test_a_full_quota_says_the_numbers_and_exits_8(words: tuple[Service, list[str]], here: Path) -> None:
    service, options = words
    home = service.add_user("ada", quota={"bytes": "1MiB"})
    (here / "big").write_bytes(bytes(2_000_000))
    done = run(service, here, "put", *options, "big", "{}/")
    assert done.returncode == 8
    assert "552" in done.stderr
    assert not (home / "big").exists() or (home / "big").stat().st_size <= 1 << 20
    assert "1.0 MiB" in run(service, here, "quota", *options, "{}").stdout


def test_a_partial_upload_is_continued(words: tuple[Service, list[str]], here: Path) -> None:
    service, options = words
    home = service.add_user("ada")
    content = bytes(range(256)) * 1000
    (here / "f").write_bytes(content)
    home.mkdir(exist_ok=True)
    (home / "f").write_bytes(content[:100_000])
    report = json.loads(run(service, here, "put", "-c", *options, "--json", "f", "{}/f").stdout)
    assert report["moved"][0]["resumed"] == 100_000
    assert (home / "f").read_bytes() == content

"""What the seed tutorial asked for, kept alive: one test named after each thing it showed.

Here both programs are used as they are shipped: `ftpserver serve` and `ftpclient` on a terminal, between them the
wire. What each does in detail is tested in its own place; these tests say that nothing of the seed was lost.
"""

import ftplib
import io
import re
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.service import PASSWORD, PATIENCE, Service
from tests.terminal import Terminal


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The directory in which the client is started."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def home(service: Service) -> Path:
    """The home of `ada`."""
    service.add_user("ada")
    return service.home("ada")


@pytest.fixture
def shell(service: Service, home: Path, here: Path) -> Iterator[Terminal]:
    """The interactive client, logged in as `ada`."""
    with client(service, here) as terminal:
        terminal.expect("password")
        terminal.say(PASSWORD)
        terminal.expect(prompt("/"))
        yield terminal


def client(service: Service, here: Path) -> Terminal:
    """Starts `ftpclient ada@HOST:PORT` on a terminal."""
    address = f"ada@{service.host}:{service.port}"
    return Terminal([sys.executable, "-m", "ftpclient", address], service.environment, here)


def prompt(path: str) -> str:
    """The pattern of the prompt in `path`."""
    return re.escape(f"[ada:{path}]>>: ")


def test_threaded_concurrent_sessions(service: Service, home: Path) -> None:
    """Eight threads, a session each, all logged in at once; each is served while the others hold a transfer."""
    meeting = threading.Barrier(8)

    def life(number: int) -> bytes:
        with service.login("ada") as ftp:
            ftp.sendcmd("TYPE I")
            with ftp.transfercmd(f"STOR {number}") as data:
                meeting.wait(PATIENCE)  # now all eight uploads are open
                data.sendall(str(number).encode() * 100_000)
            ftp.voidresp()
            meeting.wait(PATIENCE)
            parts: list[bytes] = []
            ftp.retrbinary(f"RETR {(number + 1) % 8}", parts.append)  # what a neighbour wrote
            return b"".join(parts)

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(life, range(8)))
    assert got == [str((number + 1) % 8).encode() * 100_000 for number in range(8)]


def test_interactive_client_get_put_ls_cd_del_help_exit(shell: Terminal, home: Path, here: Path) -> None:
    (here / "letter").write_bytes(b"dear ada\n" * 1000)
    (home / "papers").mkdir()

    shell.say("help")
    shown = shell.expect(prompt("/")).string
    for word in ("get", "put", "ls", "cd", "del", "help", "exit"):
        assert re.search(rf"^{word}\b", shown, re.MULTILINE), word

    shell.say("cd papers")
    shell.expect(prompt("/papers"))
    shell.say("put letter")
    shell.expect(prompt("/papers"))
    assert (home / "papers" / "letter").read_bytes() == (here / "letter").read_bytes()

    mark = len(shell.screen)
    shell.say("ls")
    shell.expect(prompt("/papers"))
    assert "letter" in shell.since(mark)

    (here / "letter").unlink()
    shell.say("get letter")
    shell.expect(prompt("/papers"))
    assert (here / "letter").read_bytes() == b"dear ada\n" * 1000

    shell.say("del letter")
    shell.expect(prompt("/papers"))
    assert list((home / "papers").iterdir()) == []

    shell.say("exit")
    assert shell.end() == 0


def test_prompt_shows_user_and_path(shell: Terminal, home: Path) -> None:
    (home / "a" / "b c").mkdir(parents=True)
    assert shell.screen.endswith("[ada:/]>>: ")
    shell.say('cd "a/b c"')
    shell.expect(prompt("/a/b c"))
    shell.say("cd ..")
    shell.expect(prompt("/a"))
    assert shell.screen.endswith("[ada:/a]>>: ")


def test_three_login_tries(service: Service, home: Path, here: Path) -> None:
    with client(service, here) as terminal:
        for _ in range(3):
            terminal.expect("password")
            terminal.say("wrong")
        code = terminal.end()
    assert code != 0
    assert len(re.findall(r"password for ada", terminal.screen)) == 3, terminal.screen
    assert "wrong" not in terminal.screen

    with client(service, here) as terminal:  # the third try may still be the right one
        for word in ("wrong", "wrong again", PASSWORD):
            terminal.expect("password")
            terminal.say(word)
        terminal.expect(prompt("/"))
        terminal.say("exit")
        assert terminal.end() == 0


def test_progress_bar(shell: Terminal, home: Path, here: Path) -> None:
    (here / "big").write_bytes(bytes(8 << 20))
    for command in ("put big", "get big copy"):
        mark = len(shell.screen)
        shell.say(command)
        shell.expect(prompt("/"))
        shown = shell.since(mark)
        assert "8.4/8.4 MB" in shown or "8.0/8.0 MiB" in shown, shown
        assert re.search(r"[━█#=]{5}", shown), shown
        assert re.search(r"\d [KMG]i?B/s", shown), shown
    assert (here / "copy").read_bytes() == (home / "big").read_bytes() == bytes(8 << 20)


def test_upload_and_download_with_the_size_known_first(service: Service, home: Path) -> None:
    content = bytes(range(256)) * 1000
    with service.login("ada") as ftp:
        assert ftp.sendcmd(f"ALLO {len(content)}").startswith("2")
        ftp.storbinary("STOR file", io.BytesIO(content))
        assert ftp.size("file") == len(content)
        connection, size = ftp.ntransfercmd("RETR file")
        with connection:
            assert size == len(content), "the reply 150 tells the size too"
            with connection.makefile("rb") as data:
                assert data.read() == content
        ftp.voidresp()


def test_authentication(service: Service, home: Path) -> None:
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("ada", ""), ("../ada", PASSWORD)):
        with pytest.raises(ftplib.error_perm, match=r"^530"):
            service.login(name, password)
    with service.connect() as ftp:
        for command in ("PWD", "LIST", "RETR file", "DELE file", "MKD new"):
            with pytest.raises(ftplib.error_perm, match=r"^530"):
                ftp.sendcmd(command)
    with service.login("ada") as ftp:
        assert ftp.pwd() == "/"


def test_permissions(service: Service) -> None:
    service.add_user("reader", permissions="read-only")
    (service.home("reader") / "book").write_text("read me")
    with service.login("reader") as ftp:
        parts: list[bytes] = []
        ftp.retrbinary("RETR book", parts.append)
        assert b"".join(parts) == b"read me"
        for command in ("DELE book", "MKD new", "RMD new", "RNFR book", "STOR new", "STOR book", "APPE book"):
            with pytest.raises(ftplib.error_perm, match=r"^550"):
                ftp.sendcmd(command)
    assert [path.name for path in service.home("reader").iterdir()] == ["book"]


def test_changing_directory_inside_the_home_only(service: Service, home: Path) -> None:
    (home / "inside" / "deeper").mkdir(parents=True)
    (home / "door").symlink_to(service.homes)
    with service.login("ada") as ftp:
        ftp.cwd("inside/deeper")
        assert ftp.pwd() == "/inside/deeper"
        ftp.cwd("/")
        for path in ("..", "../..", "/..", "inside/../../.."):
            ftp.cwd(path)
            assert ftp.pwd() == "/"
            assert sorted(ftp.nlst()) == ["door", "inside"]
        for path in ("/etc", str(service.homes), "door", "../bob", "inside/../../bob"):
            with pytest.raises(ftplib.error_perm, match=r"^550"):
                ftp.cwd(path)


def test_per_user_space_quota(service: Service) -> None:
    service.add_user("small", quota={"bytes": "1MiB"})
    service.add_user("large", quota={"bytes": None})
    two = b"x" * (2 << 20)
    with service.login("small") as ftp:
        ftp.storbinary("STOR fits", io.BytesIO(two[: 1 << 19]))
        with pytest.raises(ftplib.error_perm, match=r"^552"):
            ftp.storbinary("STOR too-much", io.BytesIO(two))
        ftp.storbinary("STOR rest", io.BytesIO(two[: 1 << 19]))
    with service.login("large") as ftp:
        ftp.storbinary("STOR file", io.BytesIO(two))
    service.run("quota", "verify")


def test_uploading_whole_directories(shell: Terminal, home: Path, here: Path) -> None:
    for path in ("site/index", "site/css/style", "site/img/big/photo"):
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_text(path)
    (here / "site" / "empty").mkdir()
    shell.say("put -r site")
    shell.expect(prompt("/"))
    below = sorted(str(path.relative_to(here)) for path in (here / "site").rglob("*"))
    assert sorted(str(path.relative_to(home)) for path in (home / "site").rglob("*")) == below
    assert (home / "site" / "img" / "big" / "photo").read_text() == "site/img/big/photo"


def test_many_users_at_once(service: Service) -> None:
    names = [f"user{number}" for number in range(25)]
    for name in names:
        service.add_user(name)
    meeting = threading.Barrier(len(names))

    def life(name: str) -> list[str]:
        with service.login(name) as ftp:
            meeting.wait(PATIENCE)  # every user is logged in
            ftp.storbinary(f"STOR by-{name}", io.BytesIO(name.encode()))
            meeting.wait(PATIENCE)
            return ftp.nlst()

    with ThreadPoolExecutor(len(names)) as pool:
        seen = list(pool.map(life, names))
    assert seen == [[f"by-{name}"] for name in names]

"""The typed session against pyftpdlib, with and without MLSD."""

import errno
import io
import os
from pathlib import Path

import pytest

from ftpclient.client import Client
from ftpclient.errors import BadName, Denied, FtpError, LoginRefused, NotFound, ProtocolFault, Refused
from ftpclient.session import Settings
from ftpwire.command import Command
from ftpwire.entry import Kind
from tests.ftpclient.peers import Foreign, Join, Script, Visit


def test_login_is_refused_with_a_class_of_its_own(foreign: Foreign) -> None:
    with Client.connect("127.0.0.1", foreign.port) as client:
        with pytest.raises(LoginRefused) as refused:
            client.login(foreign.user, "wrong")
        assert refused.value.code == 530
        client.login(foreign.user, foreign.password)
        assert client.pwd() == "/"


def test_upload_and_download(client: Client, foreign: Foreign) -> None:
    content = os.urandom(3_000_000)
    moved: list[int] = []
    assert client.store("a file", io.BytesIO(content), progress=moved.append) == len(content)
    assert (foreign.home / "a file").read_bytes() == content
    into = io.BytesIO()
    assert client.retrieve("a file", into, progress=moved.append) == len(content)
    assert into.getvalue() == content
    assert sum(moved) == 2 * len(content)


def test_a_regular_file_is_sent_from_an_offset(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"0123456789" * 1000)
    (foreign.home / "target").write_bytes(b"0123456789")
    with source.open("rb") as file:
        assert client.store("target", file, offset=10) == 9990
    assert (foreign.home / "target").read_bytes() == source.read_bytes()


def test_download_from_an_offset(client: Client, foreign: Foreign) -> None:
    (foreign.home / "f").write_bytes(b"0123456789")
    into = io.BytesIO()
    assert client.retrieve("f", into, offset=7) == 3
    assert into.getvalue() == b"789"


def test_listing_tells_kinds_sizes_and_times(client: Client, foreign: Foreign) -> None:
    (foreign.home / "sub").mkdir()
    (foreign.home / " two  spaces").write_bytes(b"abc")
    (foreign.home / "-l").write_bytes(b"")
    (foreign.home / ".hidden").write_bytes(b"x")
    os.utime(foreign.home / " two  spaces", (1_600_000_001, 1_600_000_001))
    entries = {entry.name: entry for entry in client.list("", exact=True)}
    assert set(entries) == {"sub", " two  spaces", "-l", ".hidden"}
    assert entries["sub"].kind is Kind.DIRECTORY
    assert entries[" two  spaces"].kind is Kind.FILE
    assert entries[" two  spaces"].size == 3
    assert entries[" two  spaces"].modified == 1_600_000_001


def test_listing_another_directory_leaves_us_where_we_are(client: Client, foreign: Foreign) -> None:
    (foreign.home / "sub" / "deeper").mkdir(parents=True)
    (foreign.home / "sub" / "deeper" / "f").touch()
    assert client.cwd("sub") == "/sub"
    assert [entry.name for entry in client.list("deeper")] == ["f"]
    assert client.pwd() == "/sub"
    assert [entry.name for entry in client.list()] == ["deeper"]


def test_a_listing_given_up_half_way_does_not_disturb_what_follows(client: Client, foreign: Foreign) -> None:
    for number in range(20):
        (foreign.home / f"f{number}").touch()
    scan = client.scan()
    next(scan)
    scan.close()  # type: ignore[attr-defined]
    assert len(client.list()) == 20


def test_listing_what_is_not_there(client: Client) -> None:
    with pytest.raises(FileNotFoundError):
        client.list("nowhere")


def test_names_that_are_not_utf8_survive(client: Client, foreign: Foreign) -> None:
    name = os.fsdecode(b"caf\xe9")
    (foreign.home / name).write_bytes(b"x")
    # pyftpdlib writes such names as "?" or as they are; what it lists must at least not end the listing.
    assert len(client.list()) == 1


def test_stat(client: Client, foreign: Foreign) -> None:
    (foreign.home / "f").write_bytes(b"abc")
    (foreign.home / "d").mkdir()
    os.utime(foreign.home / "f", (1_600_000_001, 1_600_000_001))
    found = client.stat("/f")
    assert (found.name, found.kind, found.size, found.modified) == ("f", Kind.FILE, 3, 1_600_000_001)
    assert client.stat("d").kind is Kind.DIRECTORY
    assert client.stat("/").kind is Kind.DIRECTORY
    with pytest.raises(NotFound):
        client.stat("nothing")


def test_size(client: Client, foreign: Foreign) -> None:
    (foreign.home / "f").write_bytes(b"abc")
    assert client.size("f") == 3
    with pytest.raises(FtpError):
        client.size("nothing")


def test_directories_are_made_with_their_parents(client: Client, foreign: Foreign) -> None:
    client.make_directory("/a/b/c", parents=True)
    client.make_directory("/a/b/c", parents=True)
    assert (foreign.home / "a/b/c").is_dir()
    (foreign.home / "file").touch()
    with pytest.raises(Refused):
        client.make_directory("/file/x", parents=True)
    with pytest.raises(Refused):
        client.make_directory("/a")


def test_remove_and_rename(client: Client, foreign: Foreign) -> None:
    (foreign.home / "f").write_bytes(b"abc")
    client.rename("f", "g")
    assert (foreign.home / "g").exists()
    client.remove("g")
    client.make_directory("d")
    client.remove_directory("d")
    assert not any(foreign.home.iterdir())
    with pytest.raises(NotFound):
        client.rename("f", "g")
    (foreign.home / "f").touch()
    with pytest.raises(Refused) as refused:
        client.rename("f", "nowhere/g")
    assert refused.value.path == "nowhere/g"


def test_times_are_set_where_the_server_can(client: Client, foreign: Foreign) -> None:
    (foreign.home / "f").touch()
    assert client.set_modified("f", 1_600_000_001)
    assert (foreign.home / "f").stat().st_mtime == 1_600_000_001


def test_permission_is_a_permission_error(client: Client, foreign: Foreign) -> None:
    (foreign.home / "forbidden").write_bytes(b"x")
    with pytest.raises(PermissionError) as refused:
        client.retrieve("forbidden", io.BytesIO())
    assert isinstance(refused.value, Denied)
    assert refused.value.errno == errno.EACCES
    assert refused.value.code == 550


def test_a_missing_file_is_a_file_not_found_error(client: Client) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        client.retrieve("nothing", io.BytesIO())
    assert missing.value.filename == "nothing"
    assert client.pwd() == "/"


def test_a_name_with_a_line_end_never_reaches_the_wire(client: Client) -> None:
    with pytest.raises(BadName):
        client.remove("x\r\nDELE y")
    assert client.list() == []


def test_a_failing_local_file_leaves_the_session_usable(client: Client, foreign: Foreign) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: object, /) -> int:
            raise OSError(errno.ENOSPC, "no space left")

    (foreign.home / "f").write_bytes(os.urandom(5_000_000))
    with pytest.raises(OSError, match="no space left"):
        client.retrieve("f", FullDisk())
    into = io.BytesIO()
    assert client.retrieve("f", into) == 5_000_000


def test_active_mode(foreign: Foreign) -> None:
    (foreign.home / "f").write_bytes(b"abc")
    with Client.connect("127.0.0.1", foreign.port, Settings(active=True, timeout=20)) as client:
        client.login(foreign.user, foreign.password)
        into = io.BytesIO()
        client.retrieve("f", into)
        assert into.getvalue() == b"abc"
        assert [entry.name for entry in client.list()] == ["f"]


def test_a_batch_answers_in_order(client: Client) -> None:
    replies = client.batch([Command("MKD", f"d{number}") for number in range(200)])
    assert all(reply.completion for reply in replies)
    assert {entry.name for entry in client.list()} == {f"d{number}" for number in range(200)}


def test_avbl_and_quota_are_told_in_the_servers_words(script: Script, join: Join) -> None:
    script.answers["AVBL"] = lambda visit, _: visit.say("213 424")
    script.answers["SITE"] = lambda visit, _: visit.say(b"200-used 1\r\n200 of 2\r\n")
    with join() as client:
        assert client.available() == 424
        assert client.quota() == ("used 1", "of 2")


def test_the_directory_itself_is_not_in_its_listing(script: Script, join: Join) -> None:
    listing = b"type=cdir; /\r\ntype=pdir; ..\r\nType=Dir; ..\r\ntype=file;size=1; a; type=cdir; b\r\n"
    script.answers["MLSD"] = lambda visit, _: visit.send_data(listing)
    with join() as client:
        assert [entry.name for entry in client.list()] == ["a; type=cdir; b"]


def test_a_listing_nobody_can_read_is_a_protocol_fault(script: Script, join: Join) -> None:
    script.answers["MLSD"] = lambda visit, _: visit.send_data(b"x" * 100_000)
    with join() as client, pytest.raises(ProtocolFault):
        client.list()


def test_dos_servers_are_read_too(script: Script, join: Join) -> None:
    script.features = ()

    def listing(visit: Visit, argument: str) -> None:

        if argument:
            visit.say("550 -a: cannot find the file")
        else:
            visit.send_data(b"06-07-22  12:55PM       <DIR>          data\r\n")

    script.answers["LIST"] = listing
    with join() as client:
        for _ in range(2):
            assert [(entry.name, entry.kind) for entry in client.list()] == [("data", Kind.DIRECTORY)]
    assert script.heard.count("LIST -a") == 1

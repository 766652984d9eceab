"""Whole files: verified, continued, and never half in place."""

import os
from pathlib import Path

import pytest

from ftpclient.client import Client
from ftpclient.errors import FtpError, NotFound, TransferCut, VerificationFailed
from ftpclient.meter import SilentMeter
from ftpclient.part import part_path
from ftpclient.transfer import OVERLAP, get_file, put_file
from tests.ftpclient.peers import Foreign, Join, Script

CONTENT = os.urandom(300_000)


class Notes(SilentMeter):
    """Keeps what a person would be told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def test_download_and_upload_keep_content_and_time(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(CONTENT)
    os.utime(source, (1_600_000_001, 1_600_000_001))
    moved = put_file(client, source, "f")
    assert (moved.size, moved.resumed) == (300_000, 0)
    assert (foreign.home / "f").read_bytes() == CONTENT
    assert (foreign.home / "f").stat().st_mtime == 1_600_000_001
    entry = next(entry for entry in client.list("", exact=True) if entry.name == "f")
    get_file(client, "f", back, entry=entry)
    assert back.read_bytes() == CONTENT
    assert back.stat().st_mtime == 1_600_000_001


def test_empty_files_are_made_on_both_sides(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for resume in (False, True):
        put_file(client, tmp_path / "empty", "empty", resume=resume)
        get_file(client, "empty", tmp_path / f"back{resume}", resume=resume)
        assert (tmp_path / f"back{resume}").read_bytes() == b""
    assert (foreign.home / "empty").read_bytes() == b""


def test_a_refused_download_leaves_everything_as_it_was(client: Client, tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_bytes(b"old")
    part_path(target).write_bytes(b"part of an earlier try")
    with pytest.raises(NotFound):
        get_file(client, "nothing", target)
    assert target.read_bytes() == b"old"
    assert part_path(target).read_bytes() == b"part of an earlier try"


@pytest.mark.parametrize("have", [1, OVERLAP - 1, OVERLAP, OVERLAP + 1, 299_999, 300_000])
@pytest.mark.parametrize("where", ["part", "target"])
def test_a_download_is_continued(
    client: Client, foreign: Foreign, tmp_path: Path, have: int, where: str
) -> None:
    (foreign.home / "f").write_bytes(CONTENT)
    target = tmp_path / "f"
    (part_path(target) if where == "part" else target).write_bytes(CONTENT[:have])
    moved = get_file(client, "f", target, resume=True)
    assert moved.resumed == have
    assert target.read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.parametrize("partial", [bytes(1000), CONTENT[:-1] + b"?", CONTENT + b"more"])
def test_a_wrong_partial_download_is_seen_and_started_over(
    client: Client, foreign: Foreign, tmp_path: Path, partial: bytes
) -> None:
    (foreign.home / "f").write_bytes(CONTENT)
    (tmp_path / "f").write_bytes(partial)
    notes = Notes()
    moved = get_file(client, "f", tmp_path / "f", resume=True, meter=notes)
    assert moved.resumed == 0
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert "starting over" in notes.lines[0]


@pytest.mark.parametrize("have", [1, OVERLAP, OVERLAP + 1, 299_999, 300_000])
def test_an_upload_is_continued(client: Client, foreign: Foreign, tmp_path: Path, have: int) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    (foreign.home / "f").write_bytes(CONTENT[:have])
    moved = put_file(client, tmp_path / "f", "f", resume=True)
    assert moved.resumed == have
    assert (foreign.home / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("partial", [bytes(1000), CONTENT[:-1] + b"?", CONTENT + b"more"])
def test_a_wrong_partial_upload_is_seen_and_started_over(
    client: Client, foreign: Foreign, tmp_path: Path, partial: bytes
) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    (foreign.home / "f").write_bytes(partial)
    notes = Notes()
    assert put_file(client, tmp_path / "f", "f", resume=True, meter=notes).resumed == 0
    assert (foreign.home / "f").read_bytes() == CONTENT
    assert "starting over" in notes.lines[0]


def test_a_new_upload_needs_nothing_to_continue(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    put_file(client, tmp_path / "f", "f", resume=True)
    assert (foreign.home / "f").read_bytes() == CONTENT


def test_a_cut_download_is_kept_as_a_part_and_continued(script: Script, join: Join, tmp_path: Path) -> None:
    script.files["f"] = CONTENT

    script.answers["RETR"] = lambda visit, _: visit.send_data(CONTENT[:200_000], "426 sorry")
    client = join()
    with pytest.raises(TransferCut):
        get_file(client, "f", tmp_path / "f")
    assert not (tmp_path / "f").exists()
    assert part_path(tmp_path / "f").read_bytes() == CONTENT[:200_000]
    del script.answers["RETR"]
    assert get_file(client, "f", tmp_path / "f", resume=True).resumed == 200_000
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_short_file_with_226_is_not_complete(script: Script, join: Join, tmp_path: Path) -> None:
    script.files["f"] = CONTENT
    script.answers["RETR"] = lambda visit, _: visit.send_data(CONTENT[:-1])
    with pytest.raises(VerificationFailed):
        get_file(join(), "f", tmp_path / "f")
    assert not (tmp_path / "f").exists()


def test_an_upload_the_server_lost_a_byte_of_is_noticed(script: Script, join: Join, tmp_path: Path) -> None:
    script.answers["SIZE"] = lambda visit, _: visit.say("213 2")
    (tmp_path / "f").write_bytes(b"abc")
    with pytest.raises(VerificationFailed):
        put_file(join(), tmp_path / "f", "f")


def test_a_server_without_size_and_rest_serves_all_the_same(
    script: Script, join: Join, tmp_path: Path
) -> None:
    script.files["f"] = CONTENT
    for verb in ("SIZE", "REST"):
        script.answers[verb] = lambda visit, _: visit.say("502 no")
    (tmp_path / "f").write_bytes(CONTENT[:1000])
    client = join()
    get_file(client, "f", tmp_path / "f", resume=True)
    assert (tmp_path / "f").read_bytes() == CONTENT
    put_file(client, tmp_path / "f", "g", resume=True)
    assert script.files["g"] == CONTENT


def test_devices_and_links_are_written_through(client: Client, foreign: Foreign, tmp_path: Path) -> None:
    (foreign.home / "f").write_bytes(CONTENT)
    assert get_file(client, "f", Path("/dev/null")).size == len(CONTENT)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    get_file(client, "f", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == CONTENT


def test_a_missing_local_file_is_a_local_error(client: Client, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        put_file(client, tmp_path / "nothing", "f")
    assert not isinstance(missing.value, FtpError)

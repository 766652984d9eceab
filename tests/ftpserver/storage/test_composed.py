"""Names in two spellings: which file is meant, and which name a new one gets."""

import os
from pathlib import Path
from unicodedata import normalize

import pytest

from ftpserver.storage.base import Storage
from ftpserver.storage.composed import ComposedStorage
from ftpserver.storage.local import LocalStorage
from ftpwire.entry import Kind
from ftpwire.pathname import ROOT, VirtualPath

P = VirtualPath
NFC, NFD = "Übung", normalize("NFD", "Übung")
HALF = "\u00e9e\u0301"
"""One letter composed, the other not."""


@pytest.fixture
def storage(storage: LocalStorage) -> Storage:
    return ComposedStorage(storage)


def put(storage: Storage, path: str, data: bytes) -> None:
    sink = storage.create(P(path))
    os.write(sink.fd, data)
    sink.publish(True)


def get(storage: Storage, path: str) -> bytes:
    source = storage.open_source(P(path))
    try:
        return os.read(source.fd, source.size)
    finally:
        source.close()


@pytest.mark.parametrize("said", [NFC, NFD])
@pytest.mark.parametrize("there", [NFC, NFD])
def test_what_is_there_is_reached_in_either_spelling(
    storage: Storage, home: Path, there: str, said: str
) -> None:
    (home / there).mkdir()
    (home / there / there).write_bytes(b"old")
    path = P(f"/{said}/{said}")
    assert storage.stat(path).name == there
    assert [entry.name for entry in storage.scan(path.parent)] == [there]
    assert get(storage, path.text) == b"old"
    put(storage, path.text, b"new")
    change = storage.change(path, None)
    os.write(change.fd, b"er")
    change.publish(True)
    storage.set_modified(path, 1000)
    storage.set_mode(path, 0o600)
    file = home / there / there
    assert file.read_bytes() == b"newer"
    assert (file.stat().st_mtime, file.stat().st_mode & 0o777) == (1000, 0o600)
    storage.remove_file(path)
    storage.remove_directory(path.parent)
    assert os.listdir(home) == []


@pytest.mark.parametrize("said", [NFC, NFD, HALF])
def test_what_is_new_is_composed(storage: Storage, home: Path, said: str) -> None:
    composed = normalize("NFC", said)
    storage.make_directory(P(f"/{said}"))
    put(storage, f"/{said}/{said}", b"x")
    storage.make_link(P(f"/{said}/{said}"), P(f"/{said} link"))
    (home / "ascii").touch()
    storage.rename(P("/ascii"), P(f"/{said} too"), False)
    assert sorted(os.listdir(home)) == sorted([composed, f"{composed} link", f"{composed} too"])
    assert os.listdir(home / composed) == [composed]
    assert os.readlink(home / f"{composed} link") == f"{composed}/{composed}"


def test_two_files_of_others_stay_two(storage: Storage, home: Path) -> None:
    for name in (NFC, NFD):
        (home / name).write_text(name)
    for name in (NFC, NFD):
        assert get(storage, f"/{name}").decode() == name
    storage.rename(P(f"/{NFD}"), P(f"/{NFD}"), True)
    assert sorted(os.listdir(home)) == sorted([NFC, NFD])


def test_a_directory_or_file_is_not_made_beside_its_other_spelling(storage: Storage, home: Path) -> None:
    (home / NFD).mkdir()
    with pytest.raises(FileExistsError):
        storage.make_directory(P(f"/{NFC}"))
    (home / "file").touch()
    with pytest.raises(OSError, match="directory"):
        storage.rename(P("/file"), P(f"/{NFC}"), True)
    assert sorted(os.listdir(home)) == sorted([NFD, "file"])


@pytest.mark.parametrize("said", [NFC, NFD])
def test_a_rename_to_its_own_name_composes_it(storage: Storage, home: Path, said: str) -> None:
    (home / NFD).touch()
    storage.rename(P(f"/{said}"), P(f"/{said}"), False)
    assert os.listdir(home) == [NFC]
    storage.rename(P(f"/{said}"), P(f"/{said}"), False)
    assert os.listdir(home) == [NFC]


def test_a_name_in_neither_spelling_is_reached_as_it_is_listed(storage: Storage, home: Path) -> None:
    (home / HALF).write_bytes(b"x")
    (listed,) = (entry.name for entry in storage.scan(ROOT))
    assert get(storage, f"/{listed}") == b"x"


def test_bytes_that_are_no_utf_8_have_one_spelling(storage: Storage, home: Path) -> None:
    raw = os.fsdecode(b"raw\xfe u\xcc\x88")
    (home / raw).write_bytes(b"x")
    assert get(storage, f"/{raw}") == b"x"


def test_a_path_in_ascii_is_not_looked_up(storage: ComposedStorage) -> None:
    path = P("/a/path")
    assert storage.spelled(path) is path


def test_everything_else_is_that_of_the_store_beneath(storage: Storage, home: Path) -> None:
    (home / "file").write_bytes(b"12345")
    storage.umask = 0o077
    put(storage, "/ü", b"")
    assert (home / "ü").stat().st_mode & 0o777 == 0o600
    assert storage.umask == 0o077
    assert storage.free_bytes() > 0
    assert storage.stands_at(str(home))
    assert sum(size for size, _ in storage.count()) == 5
    assert storage.stat(ROOT).kind is Kind.DIRECTORY
    with pytest.raises(PermissionError):
        storage.rename(ROOT, ROOT, True)

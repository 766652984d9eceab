import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpserver.storage.base import Existing, Removed, StorageBusy
from ftpserver.storage.hidden import is_hidden, sweep_staging
from ftpserver.storage.jail import Parent
from ftpserver.storage.sink import InPlace, LocalSource, NewFile, Staging, refuse_special
from ftpserver.storage.victim import identity_of


def gone(removed: Removed | None) -> tuple[int, int, bool] | None:
    return None if removed is None else (removed.size, removed.entries, removed.exact)


Begin = Callable[[Path, Staging], NewFile]


def begin_nameless(path: Path, staging: Staging) -> NewFile:
    existing = existing_of(path)
    return NewFile.nameless(parent_of(path), existing.mode if existing else 0o640, staging, 0, existing)


def begin_hidden(path: Path, staging: Staging) -> NewFile:
    existing = existing_of(path)
    return NewFile.hidden(parent_of(path), existing.mode if existing else 0o640, staging, 0, existing)


def parent_of(path: Path) -> Parent:
    return Parent(os.open(path.parent, os.O_PATH), path.name)


def existing_of(path: Path) -> Existing | None:
    if not path.is_file():
        return None
    facts = path.stat()
    return Existing(identity_of(facts), facts.st_size, facts.st_mode & 0o777)


@pytest.fixture(params=[begin_nameless, begin_hidden])
def begin(request: pytest.FixtureRequest) -> Begin:
    chosen: Begin = request.param
    return chosen


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    return tmp_path / "staging"


def test_a_new_name_appears_whole(home: Path, staging: Path, begin: Begin) -> None:
    sink = begin(home / "f", Staging(staging))
    os.write(sink.fd, b"12345")
    assert sink.size() == 5
    assert os.listdir(home) == []
    assert sink.publish(False) is None
    assert (home / "f").read_bytes() == b"12345"
    assert (home / "f").stat().st_mode & 0o777 == 0o640
    assert sink.publish(True) is None
    sink.discard()
    assert sink.fd == -1
    assert (home / "f").exists()


def test_a_discarded_one_leaves_nothing(home: Path, staging: Path, begin: Begin) -> None:
    sink = begin(home / "f", Staging(staging))
    sink.discard()
    sink.discard()
    assert os.listdir(home) == []
    assert not staging.exists() or os.listdir(staging) == []
    with pytest.raises(OSError, match="Bad file"):
        sink.publish(True)


@pytest.mark.parametrize("durable", [False, True])
def test_a_replacement_tells_what_it_replaced(home: Path, staging: Path, begin: Begin, durable: bool) -> None:
    (home / "f").write_bytes(b"before")
    (home / "f").chmod(0o606)
    sink = begin(home / "f", Staging(staging))
    os.write(sink.fd, b"after")
    with pytest.raises(FileExistsError):
        sink.publish(False)
    assert (home / "f").read_bytes() == b"before"
    assert gone(sink.publish(True, durable)) == (6, 1, True)
    assert gone(sink.publish(True, durable)) == (6, 1, True)
    assert (home / "f").read_bytes() == b"after"
    assert (home / "f").stat().st_mode & 0o777 == 0o606
    assert os.listdir(home) == ["f"]
    assert os.listdir(staging) == []


def test_a_name_that_appears_or_goes_meanwhile(home: Path, staging: Path, begin: Begin) -> None:
    sink = begin(home / "f", Staging(staging))
    (home / "f").write_bytes(b"theirs")
    assert gone(sink.publish(True)) == (6, 1, True)
    sink = begin(home / "f", Staging(staging))
    (home / "f").unlink()
    assert sink.publish(True) is None
    assert os.listdir(home) == ["f"]


def test_the_file_that_has_the_name_now(home: Path, staging: Path, begin: Begin) -> None:
    sink = begin(home / "f", Staging(staging))
    assert sink.current() is None
    (home / "f").mkdir()
    assert sink.current() is None
    (home / "f").rmdir()
    (home / "f").write_bytes(b"theirs")
    theirs = sink.current()
    assert theirs == identity_of((home / "f").stat())
    removed = sink.publish(True)
    assert removed is not None
    assert removed.identity == theirs


def test_a_special_file_or_directory_is_not_replaced(home: Path, staging: Path, begin: Begin) -> None:
    for name, make, error in (
        ("d", os.mkdir, IsADirectoryError),
        ("p", os.mkfifo, PermissionError),
    ):
        sink = begin(home / name, Staging(staging))
        make(home / name)
        with pytest.raises(error):
            sink.publish(True)
        sink.discard()
    assert sorted(os.listdir(home)) == ["d", "p"]
    refuse_special(Path(__file__).stat())


def test_a_failed_publish_can_be_tried_again(home: Path, staging: Path, begin: Begin) -> None:
    (home / "f").write_bytes(b"before")
    writer = InPlace(os.open(home / "f", os.O_RDWR), 0, Existing(identity_of((home / "f").stat()), 6, 0o644))
    fcntl.flock(writer.fd, fcntl.LOCK_EX)
    assert writer.current() == identity_of((home / "f").stat())
    sink = begin(home / "f", Staging(staging))
    with pytest.raises(StorageBusy):
        sink.publish(True)
    assert writer.publish(True, durable=True) is None
    assert writer.fd == -1
    assert gone(sink.publish(True)) == (6, 1, True)


def test_staging_on_another_file_system(home: Path, tmpfs: Path, begin: Begin) -> None:
    (home / "f").write_bytes(b"before")
    sink = begin(home / "f", Staging(tmpfs / "staging"))
    os.write(sink.fd, b"after")
    assert gone(sink.publish(True)) == (6, 1, True)
    assert os.listdir(home) == ["f"]
    assert os.listdir(tmpfs / "staging") == []


@pytest.mark.parametrize("spoil", ["none", "file", "link"])
def test_no_staging(home: Path, tmp_path: Path, begin: Begin, spoil: str) -> None:
    staging = tmp_path / "staging"
    if spoil == "file":
        staging.touch()
    elif spoil == "link":
        staging.symlink_to(home)
    (home / "f").write_bytes(b"before")
    sink = begin(home / "f", Staging(None if spoil == "none" else staging))
    assert all(name == "f" or is_hidden(name) for name in os.listdir(home))
    assert gone(sink.publish(True)) == (6, 1, True)
    assert os.listdir(home) == ["f"]


def test_staging_that_was_removed(home: Path, staging: Path, begin: Begin) -> None:
    shared = Staging(staging)
    (home / "f").write_bytes(b"before")
    assert gone(begin(home / "f", shared).publish(True)) == (6, 1, True)
    staging.rmdir()
    assert gone(begin(home / "f", shared).publish(True)) == (0, 1, True)
    assert os.listdir(home) == ["f"]


def test_a_sweep_leaves_what_is_being_published(home: Path, staging: Path, begin: Begin) -> None:
    (home / "f").write_bytes(b"before")
    sink = begin(home / "f", Staging(staging))
    assert sink._stage()[1] in os.listdir(staging)
    assert sweep_staging(staging) == 0
    assert gone(sink.publish(True)) == (6, 1, True)


def test_the_directory_goes_during_the_upload(home: Path, staging: Path) -> None:
    (home / "d").mkdir()
    sink = begin_nameless(home / "d" / "f", Staging(staging))
    (home / "d").rmdir()
    with pytest.raises(FileNotFoundError):
        sink.publish(True)
    sink.discard()


def test_a_source_closes_once(home: Path) -> None:
    (home / "f").touch()
    source = LocalSource(os.open(home / "f", os.O_RDONLY), 0, 0, 0.0)
    source.close()
    source.close()
    assert source.fd == -1

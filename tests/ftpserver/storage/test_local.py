import errno
import os
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ftpserver.storage.base import Identity, Removed, Sink, StorageBusy, Version
from ftpserver.storage.hidden import is_hidden, new_name
from ftpserver.storage.jail import KernelJail, WalkJail
from ftpserver.storage.local import LocalStorage
from ftpwire.entry import Kind
from ftpwire.pathname import ROOT, VirtualPath

P = VirtualPath


def gone(removed: Removed | None) -> tuple[int, int, bool] | None:
    return None if removed is None else (removed.size, removed.entries, removed.exact)


def fails(act: Callable[[], object]) -> int | None:
    try:
        act()
    except OSError as error:
        return error.errno
    return None


def put(sink: Sink, data: bytes, replace: bool = True) -> Removed | None:
    os.write(sink.fd, data)
    return sink.publish(replace)


def get(storage: LocalStorage, path: str) -> bytes:
    source = storage.open_source(P(path))
    try:
        return os.read(source.fd, source.size)
    finally:
        source.close()


# Looking


def test_stat_follows_inside_or_describes_the_link(storage: LocalStorage, home: Path) -> None:
    (home / "d").mkdir()
    (home / "d" / "f").write_bytes(b"12345")
    (home / "d" / "link").symlink_to("/d/f")
    assert storage.stat(ROOT).kind is Kind.DIRECTORY
    assert storage.stat(P("/d/f")).size == 5
    followed, link = storage.stat(P("/d/link")), storage.stat(P("/d/link"), follow=False)
    assert (followed.name, followed.kind, followed.size, followed.target) == ("link", Kind.FILE, 5, None)
    assert (link.kind, link.target) == (Kind.LINK, "/d/f")
    assert followed.unique == storage.stat(P("/d/f")).unique != link.unique
    (home / "out").symlink_to("../alice/secret")
    assert fails(lambda: storage.stat(P("/out"))) == errno.ENOENT
    assert fails(lambda: storage.stat(P("/x"))) == errno.ENOENT


def test_scan_fails_at_the_call(storage: LocalStorage, home: Path) -> None:
    (home / "f").touch()
    (home / "d").mkdir()
    (home / "link").symlink_to("d")
    (home / "d" / "in").touch()
    assert sorted(entry.name for entry in storage.scan(ROOT)) == ["d", "f", "link"]
    assert [entry.name for entry in storage.scan(P("/link"))] == ["in"]
    assert fails(lambda: storage.scan(P("/f"))) == errno.ENOTDIR
    assert fails(lambda: storage.scan(P("/x"))) == errno.ENOENT


def test_free_bytes_identity_and_count(storage: LocalStorage, home: Path) -> None:
    facts = os.statvfs(home)
    assert 0 < storage.free_bytes() <= facts.f_blocks * facts.f_frsize
    assert storage.identity == Identity(home.stat().st_dev, home.stat().st_ino)
    (home / "f").write_bytes(b"123")
    assert list(storage.count()) == [(3, 1)]


# Contents


def test_a_source_has_its_size_fixed_at_open(storage: LocalStorage, home: Path) -> None:
    (home / "f").write_bytes(b"12345")
    os.utime(home / "f", (0, 1000.5))
    source = storage.open_source(P("/f"), 3)
    with (home / "f").open("ab") as file:
        file.write(b"more")
    assert (source.offset, source.size) == (3, 5)
    assert not os.get_inheritable(source.fd)
    source.close()
    storage.open_source(P("/f"), 2**63 - 1).close()
    for offset in (-1, 2**63, 2**64):
        assert fails(partial(storage.open_source, P("/f"), offset)) == errno.EINVAL
        assert fails(partial(storage.change, P("/f"), offset)) == errno.EINVAL
        assert fails(partial(storage.change, P("/new"), offset)) == errno.EINVAL


@pytest.mark.parametrize("through_link", [False, True])
def test_special_files_are_refused_at_once(storage: LocalStorage, home: Path, through_link: bool) -> None:
    os.mkfifo(home / "fifo")
    os.mknod(home / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mknod(home / "block", stat.S_IFBLK | 0o666, os.makedev(7, 250))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "socket"))
    (home / "dir").mkdir()
    names = {
        "fifo": errno.EPERM,
        "null": errno.EPERM,
        "block": errno.EPERM,
        "socket": errno.EPERM,
        "dir": errno.EISDIR,
    }
    for name, expected in names.items():
        path = P("/" + name)
        if through_link:
            (home / ("to-" + name)).symlink_to("/" + name)
            path = P("/to-" + name)
        for act in (storage.open_source, storage.create, partial(storage.change, offset=None)):
            assert fails(partial(act, path)) == expected
    for name in ("fifo", "null", "block", "socket"):
        assert fails(partial(storage.set_mode, P("/" + name), 0o600)) == errno.EPERM
        assert gone(storage.remove_file(P("/" + name))) == (0, 1, True)


def test_the_root_is_only_a_directory(storage: LocalStorage, home: Path) -> None:
    assert fails(lambda: storage.open_source(ROOT)) == errno.EISDIR
    assert fails(lambda: storage.create(ROOT)) == errno.EISDIR
    assert fails(lambda: storage.change(ROOT, None)) == errno.EISDIR
    assert fails(lambda: storage.make_directory(ROOT)) == errno.EEXIST
    assert fails(lambda: storage.remove_file(ROOT)) == errno.EISDIR
    assert fails(lambda: storage.remove_directory(ROOT)) == errno.EPERM
    (home / "f").touch()
    assert fails(lambda: storage.rename(ROOT, P("/x"), True)) == errno.EPERM
    assert fails(lambda: storage.rename(P("/f"), ROOT, True)) == errno.EPERM
    storage.set_mode(ROOT, 0o700)
    storage.set_modified(ROOT, 1000)
    assert home.stat().st_mtime == 1000


def test_create_and_publish(storage: LocalStorage, home: Path) -> None:
    (home / "d").mkdir()
    for path in ("/f", "/d/f"):
        sink = storage.create(P(path))
        assert (sink.in_place, sink.existing, sink.offset) == (False, None, 0)
        assert put(sink, b"one", replace=False) is None
        sink = storage.create(P(path))
        assert sink.existing is not None
        assert (sink.existing.size, sink.existing.mode) == (3, 0o644)
        assert gone(put(sink, b"two!")) == (3, 1, True)
        assert get(storage, path) == b"two!"
    assert list(storage.count()) == [(4, 2), (4, 1)]


def test_the_identity_of_the_replaced_is_not_given_away(storage: LocalStorage, home: Path) -> None:
    (home / "f").write_bytes(b"before")
    sink = storage.create(P("/f"))
    assert sink.existing is not None
    storage.remove_file(P("/f"))
    for number in range(50):
        (home / str(number)).touch()
        assert (home / str(number)).stat().st_ino != sink.existing.identity.inode
    sink.discard()


def test_a_cut_replacement_leaves_the_old_file(storage: LocalStorage, home: Path) -> None:
    (home / "f").write_bytes(b"before")
    inode = (home / "f").stat().st_ino
    sink = storage.create(P("/f"))
    os.write(sink.fd, b"half")
    assert get(storage, "/f") == b"before"
    sink.discard()
    assert (home / "f").stat().st_ino == inode
    assert get(storage, "/f") == b"before"


def test_create_through_a_link_keeps_the_link(storage: LocalStorage, home: Path) -> None:
    (home / "d").mkdir()
    (home / "link").symlink_to("/d/target")
    assert put(storage.create(P("/link")), b"one") is None
    assert gone(put(storage.create(P("/link")), b"two!")) == (3, 1, True)
    assert (home / "link").is_symlink()
    assert (home / "d" / "target").read_bytes() == b"two!"
    (home / "out").symlink_to(home.parent / "alice" / "secret")
    assert fails(lambda: storage.create(P("/out"))) == errno.ENOENT
    (home / "up").symlink_to("../alice")
    put(storage.create(P("/up")), b"mine")
    assert (home / "alice").read_bytes() == b"mine"
    assert (home.parent / "alice" / "secret").read_bytes() == b"secret"
    (home / "loop").symlink_to("loop")
    assert fails(lambda: storage.create(P("/loop"))) == errno.ELOOP
    (home / "dir").symlink_to("d")
    assert fails(lambda: storage.create(P("/dir"))) == errno.EISDIR


def test_only_the_version_that_was_seen_is_removed(storage: LocalStorage, home: Path) -> None:
    (home / "f").write_bytes(b"1")
    (home / "link").symlink_to("f")
    seen = Version.of((home / "f").stat())
    assert fails(lambda: storage.remove_file(P("/link"), seen)) == errno.ENOENT
    (home / "new").write_bytes(b"1")
    os.utime(home / "new", ns=(0, seen.modified))
    (home / "f").rename(home / "old")
    (home / "new").rename(home / "f")
    assert fails(lambda: storage.remove_file(P("/f"), seen)) == errno.ENOENT
    assert gone(storage.remove_file(P("/old"), seen)) == (1, 1, True)
    assert sorted(os.listdir(home)) == ["f", "link"]


def test_a_file_without_write_bits_is_not_replaced(storage: LocalStorage, home: Path) -> None:
    (home / "f").write_bytes(b"kept")
    storage.set_mode(P("/f"), 0o444)
    assert fails(lambda: storage.create(P("/f"))) == errno.EACCES


def test_change_writes_in_place(storage: LocalStorage, home: Path) -> None:
    (home / "f").write_bytes(b"12345")
    inode = (home / "f").stat().st_ino
    sink = storage.change(P("/f"), None)
    assert sink.existing is not None
    assert (sink.in_place, sink.offset, sink.existing.size) == (True, 5, 5)
    assert put(sink, b"678") is None
    assert put(storage.change(P("/f"), 1), b"xx") is None
    assert (home / "f").read_bytes() == b"1xx45678"
    put(storage.change(P("/f"), 10), b"!")
    assert (home / "f").read_bytes() == b"1xx45678\0\0!"
    assert (home / "f").stat().st_ino == inode
    (home / "link").symlink_to("f")
    put(storage.change(P("/link"), 0), b"L")
    assert (home / "f").read_bytes()[:1] == b"L"
    sink = storage.change(P("/f"), None)
    sink.discard()
    sink.discard()
    assert (home / "f").stat().st_size == 11


def test_change_of_a_missing_file_is_nameless(storage: LocalStorage, home: Path) -> None:
    sink = storage.change(P("/new"), None)
    assert (sink.in_place, sink.existing, sink.offset) == (False, None, 0)
    put(sink, b"1")
    sink = storage.change(P("/sparse"), 10)
    assert (sink.in_place, sink.offset) == (False, 10)
    assert not (home / "sparse").exists()
    put(sink, b"1")
    assert (home / "sparse").stat().st_size == 11
    (home / "dangling").symlink_to("/there")
    put(storage.change(P("/dangling"), None), b"through")
    assert (home / "there").read_bytes() == b"through"


def test_while_one_writes_in_place_others_wait_outside(storage: LocalStorage, home: Path) -> None:
    for name in ("f", "g"):
        (home / name).write_bytes(b"12345")
    sink = storage.change(P("/f"), None)
    for act in (
        lambda: storage.change(P("/f"), None),
        lambda: storage.create(P("/f")),
        lambda: storage.remove_file(P("/f")),
        lambda: storage.rename(P("/g"), P("/f"), True),
    ):
        with pytest.raises(StorageBusy) as raised:
            act()
        assert raised.value.errno == errno.EBUSY
    assert get(storage, "/f") == b"12345"
    assert storage.rename(P("/f"), P("/h"), False) is None
    sink.publish(True)
    assert gone(storage.remove_file(P("/h"))) == (5, 1, True)


def test_two_uploads_of_one_name(storage: LocalStorage, home: Path) -> None:
    first, second = storage.create(P("/f")), storage.create(P("/f"))
    assert put(first, b"first") is None
    assert gone(put(second, b"2nd")) == (5, 1, True)
    first, second = storage.create(P("/f")), storage.create(P("/f"))
    assert gone(put(second, b"second")) == (3, 1, True)
    assert gone(put(first, b"1")) == (6, 1, True)


def test_many_threads_replace_one_name_and_the_books_agree(storage: LocalStorage, home: Path) -> None:
    balance = [0]
    lock = threading.Lock()

    def work(size: int) -> None:
        for _ in range(60):
            sink = storage.create(P("/f")) if size % 2 else None
            try:
                if sink is None:
                    removed, added = storage.remove_file(P("/f")), (0, 0)
                else:
                    os.write(sink.fd, b"x" * size)
                    removed, added = sink.publish(True) or Removed(0, 0, True), (size, 1)
            except (FileNotFoundError, StorageBusy):
                if sink is not None:
                    sink.discard()
                continue
            assert removed.exact
            with lock:
                balance[0] += added[0] - removed.size
                entries.append(added[1] - removed.entries)

    entries: list[int] = []
    failures: list[BaseException] = []

    def guarded(size: int) -> None:
        try:
            while True:
                try:
                    return work(size)
                except StorageBusy:  # from create
                    continue
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(size,)) for size in (1001, 333, 57, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    steps = list(storage.count())
    assert (sum(s for s, _ in steps), sum(e for _, e in steps)) == (balance[0], sum(entries))


def test_what_is_written_in_place_keeps_its_name(storage: LocalStorage, home: Path) -> None:
    put(storage.create(P("/f")), b"first")
    failures: list[OSError] = []
    until = time.monotonic() + 1

    def replace() -> None:
        while time.monotonic() < until:
            try:
                sink = storage.create(P("/f"))
            except StorageBusy:
                continue
            try:
                sink.publish(True)
            except StorageBusy:
                continue
            except OSError as error:
                failures.append(error)
            finally:
                sink.discard()

    thread = threading.Thread(target=replace)
    thread.start()
    while thread.is_alive():
        try:
            sink = storage.change(P("/f"), None)
        except StorageBusy:
            continue
        assert os.path.samestat(os.fstat(sink.fd), (home / "f").stat())
        sink.discard()
    thread.join()
    assert failures == []


def test_open_files_outlive_the_storage(home: Path) -> None:
    storage = LocalStorage.open(home)
    (home / "f").write_bytes(b"12345")
    source, sink, other = storage.open_source(P("/f")), storage.create(P("/new")), storage.create(P("/f"))
    storage.close()
    storage.close()
    assert os.read(source.fd, 9) == b"12345"
    source.close()
    assert put(sink, b"new") is None
    assert gone(put(other, b"1")) == (5, 1, True)
    assert (home / "new").read_bytes() == b"new"
    for act in (
        lambda: storage.open_source(P("/f")),
        lambda: storage.create(P("/f")),
        lambda: storage.remove_file(P("/f")),
        lambda: storage.stat(ROOT),
        lambda: storage.scan(ROOT),
        storage.free_bytes,
        storage.count,
    ):
        assert fails(act) == errno.EBADF


@pytest.mark.parametrize("nameless", [True, False])
def test_a_full_disk_leaves_the_old_file(tmpfs: Path, tmp_path: Path, nameless: bool) -> None:
    storage = LocalStorage.open(tmpfs, staging=tmp_path / "staging", nameless=nameless)
    put(storage.create(P("/f")), b"before")
    sink = storage.create(P("/f"))

    def fill() -> None:
        while True:
            os.write(sink.fd, bytes(1 << 20))

    assert fails(fill) == errno.ENOSPC
    sink.discard()
    assert get(storage, "/f") == b"before"
    assert os.listdir(tmpfs) == ["f"]
    storage.close()


def test_a_file_system_without_nameless_files(tmp_path: Path) -> None:
    queues = tmp_path / "queues"  # POSIX message queues are files of their own kind, and never nameless
    queues.mkdir()
    subprocess.run(["mount", "-t", "mqueue", "mqueue", str(queues)], check=True)
    try:
        storage = LocalStorage.open(queues, staging=tmp_path / "staging")
        for _ in range(2):
            sink = storage.create(P("/f"))
            hidden = [name for name in os.listdir(queues) if is_hidden(name)]
            assert len(hidden) == 1
            sink.discard()
            assert hidden[0] not in os.listdir(queues)
        storage.close()
    finally:
        subprocess.run(["umount", "-l", str(queues)], check=True)


# Names


def test_names_are_made_and_removed(storage: LocalStorage, home: Path) -> None:
    storage.make_directory(P("/d"))
    storage.make_directory(P("/d/e"))
    assert fails(lambda: storage.make_directory(P("/d"))) == errno.EEXIST
    assert fails(lambda: storage.make_directory(P("/x/y"))) == errno.ENOENT
    assert fails(lambda: storage.remove_directory(P("/d"))) == errno.ENOTEMPTY
    assert fails(lambda: storage.remove_file(P("/d"))) == errno.EISDIR
    assert gone(storage.remove_directory(P("/d/e"))) == (0, 1, True)
    (home / "d" / new_name()).touch()  # what a dead upload left is nothing the client can see
    storage.remove_directory(P("/d"))
    (home / "f").write_bytes(b"123")
    assert fails(lambda: storage.remove_directory(P("/f"))) == errno.ENOTDIR
    assert gone(storage.remove_file(P("/f"))) == (3, 1, True)
    assert fails(lambda: storage.remove_file(P("/f"))) == errno.ENOENT


def test_mutations_never_follow_the_last_link(storage: LocalStorage, home: Path) -> None:
    (home / "d").mkdir()
    (home / "d" / "f").write_bytes(b"kept")
    for name, target in (("l", "d/f"), ("dir", "d"), ("dangling", "nowhere")):
        (home / name).symlink_to(target)
        assert fails(partial(storage.make_directory, P("/" + name))) == errno.EEXIST
        assert fails(partial(storage.remove_directory, P("/" + name))) == errno.ENOTDIR
        assert storage.rename(P("/" + name), P("/moved"), False) is None
        assert gone(storage.remove_file(P("/moved"))) == (0, 1, True)
    assert (home / "d" / "f").read_bytes() == b"kept"


def test_rename(storage: LocalStorage, home: Path) -> None:
    (home / "d").mkdir()
    (home / "f").write_bytes(b"123")
    assert storage.rename(P("/f"), P("/d/f"), False) is None
    (home / "g").write_bytes(b"12345")
    assert fails(lambda: storage.rename(P("/d/f"), P("/g"), False)) == errno.EEXIST
    assert gone(storage.rename(P("/d/f"), P("/g"), True)) == (5, 1, True)
    assert storage.rename(P("/g"), P("/g"), False) is None
    assert fails(lambda: storage.rename(P("/d"), P("/d/e"), True)) == errno.EINVAL
    assert fails(lambda: storage.rename(P("/x"), P("/y"), True)) == errno.ENOENT
    assert get(storage, "/g") == b"123"


def test_a_hard_link_counts_by_its_name(storage: LocalStorage, home: Path) -> None:
    (home / "f").write_bytes(b"123")
    os.link(home / "f", home / "g")
    assert storage.rename(P("/f"), P("/g"), True) is None
    assert list(storage.count()) == [(6, 2)]
    assert gone(storage.remove_file(P("/f"))) == (3, 1, True)
    assert gone(put(storage.create(P("/g")), b"1")) == (3, 1, True)
    assert list(storage.count()) == [(1, 1)]


@pytest.mark.parametrize(
    "raw",
    [
        b"\xff\xfe",
        b"\x1b[2J\r\n",
        b"-rf",
        b"~",
        b"%2e%2e",
        b"a\\b",
        b"x" * 255,
        b"\xc0\xae\xc0\xae",
        b" ",
        b"...",
        b'"',
    ],
)
def test_names_of_any_bytes(storage: LocalStorage, home: Path, raw: bytes) -> None:
    name = raw.decode("utf-8", "surrogateescape")
    assert put(storage.create(ROOT.child(name)), raw) is None
    assert os.listdir(os.fsencode(home)) == [raw]
    assert get(storage, "/" + name) == raw
    assert [entry.name for entry in storage.scan(ROOT)] == [name]
    assert storage.stat(ROOT.child(name)).size == len(raw)
    storage.set_mode(ROOT.child(name), 0o600)
    storage.set_modified(ROOT.child(name), 5)
    assert storage.rename(ROOT.child(name), P("/plain"), False) is None
    assert storage.rename(P("/plain"), ROOT.child(name), False) is None
    assert gone(storage.remove_file(ROOT.child(name))) == (len(raw), 1, True)


def test_names_that_are_too_long(storage: LocalStorage) -> None:
    long = P("/" + "x" * 256)
    for act in (
        storage.open_source,
        storage.create,
        storage.stat,
        storage.make_directory,
        storage.remove_file,
    ):
        assert fails(partial(act, long)) == errno.ENAMETOOLONG
    deep = P("/a" * 2048)
    for act in (
        storage.open_source,
        storage.create,
        storage.stat,
        storage.make_directory,
        storage.remove_file,
    ):
        assert fails(partial(act, deep)) in (errno.ENAMETOOLONG, errno.ENOENT)


def test_hidden_names_are_not_there_for_clients(storage: LocalStorage, home: Path) -> None:
    name = new_name()
    (home / name).write_bytes(b"half")
    (home / "f").touch()
    path = ROOT.child(name)
    for act in (
        storage.stat,
        storage.open_source,
        storage.remove_file,
        storage.scan,
        storage.remove_directory,
    ):
        assert fails(partial(act, path)) == errno.ENOENT
    assert fails(lambda: storage.rename(path, P("/x"), True)) == errno.ENOENT
    assert fails(lambda: storage.set_mode(path, 0o600)) == errno.ENOENT
    for make in (storage.create, storage.make_directory, partial(storage.change, offset=None)):
        assert fails(partial(make, path)) == errno.EPERM
    assert fails(lambda: storage.rename(P("/f"), path, True)) == errno.EPERM
    (home / "link").symlink_to(name)
    assert fails(lambda: storage.create(P("/link"))) == errno.EPERM
    assert sorted(entry.name for entry in storage.scan(ROOT)) == ["f", "link"]


# Attributes


def test_times_and_modes(storage: LocalStorage, home: Path) -> None:
    (home / "f").touch()
    (home / "d").mkdir()
    (home / "link").symlink_to("/f")
    for seconds in (0, 1234567890, 1234567890.25, -5.5):
        storage.set_modified(P("/link"), seconds)
        assert (home / "f").stat().st_mtime == seconds
    storage.set_modified(P("/d"), 77)
    assert (home / "d").stat().st_mtime == 77
    assert fails(lambda: storage.set_modified(P("/f"), 1e30)) == errno.EINVAL
    storage.set_mode(P("/link"), 0o7751)
    assert stat.S_IMODE((home / "f").stat().st_mode) == 0o751
    storage.set_mode(P("/f"), 0)
    storage.set_mode(P("/f"), 0o600)
    assert stat.S_IMODE((home / "f").stat().st_mode) == 0o600
    (home / "d").chmod(0o2755)
    storage.set_mode(P("/d"), 0)
    assert stat.S_IMODE((home / "d").stat().st_mode) == 0o2500
    (home / "out").symlink_to(home.parent / "alice" / "secret")
    for act in (partial(storage.set_mode, mode=0), partial(storage.set_modified, seconds=0)):
        assert fails(partial(act, P("/out"))) == errno.ENOENT
        assert fails(partial(act, P("/x"))) == errno.ENOENT


def test_mode_and_time_are_set_both_or_neither(storage: LocalStorage, home: Path) -> None:
    """Else MFF, which says so, would have set one fact when the other cannot be."""
    for name in ("f", "d"):
        (home / "f").touch() if name == "f" else (home / "d").mkdir()
        (home / name).chmod(0o2750 if name == "d" else 0o4640)
        before = (home / name).stat()
        assert fails(partial(storage.set_mode, P(f"/{name}"), 0o700, 1e30)) == errno.EINVAL
        assert (home / name).stat().st_mode == before.st_mode
        assert (home / name).stat().st_mtime_ns == before.st_mtime_ns
        storage.set_mode(P(f"/{name}"), 0o700, 77)
        assert (home / name).stat().st_mode & 0o777 == 0o700
        assert (home / name).stat().st_mtime == 77


def test_the_modes_of_what_is_made(home: Path) -> None:
    before = os.umask(0o022)
    try:
        storage = LocalStorage.open(home, umask=0o027)
        put(storage.create(P("/f")), b"")
        storage.make_directory(P("/d"))
        (home / "old").touch()
        (home / "old").chmod(0o666)
        put(storage.create(P("/old")), b"")
        storage.close()
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((home / name).stat().st_mode) for name in ("f", "d", "old")]
    assert modes == [0o640, 0o750, 0o666]


def test_a_directory_is_never_closed_to_ourselves(storage: LocalStorage, home: Path) -> None:
    """SITE UMASK 777 and MKD made one that the server could not enter, so that the home could not be counted."""
    storage.umask = 0o777
    storage.make_directory(P("/d"))
    assert stat.S_IMODE((home / "d").stat().st_mode) == 0o500


# The home and the world around it


def test_open_finds_or_makes_the_home(tmp_path: Path) -> None:
    storage = LocalStorage.open(Path("al"), below=tmp_path / "homes", create=True)
    storage.make_directory(P("/d"))
    storage.close()
    assert (tmp_path / "homes" / "al" / "d").is_dir()


def test_a_home_that_is_replaced_while_in_use(storage: LocalStorage, home: Path) -> None:
    (home / "f").write_bytes(b"mine")
    home.rename(home.parent / "moved")
    home.symlink_to(home.parent / "alice")
    assert fails(lambda: storage.open_source(P("/secret"))) == errno.ENOENT
    assert get(storage, "/f") == b"mine"
    put(storage.create(P("/g")), b"new")
    assert sorted(os.listdir(home.parent / "moved")) == ["f", "g"]
    for name in ("f", "g"):
        storage.remove_file(P("/" + name))
    (home.parent / "moved").rmdir()
    assert fails(lambda: storage.create(P("/f"))) in (errno.ENOENT, errno.EPERM)  # EPERM: ext4, nameless
    assert fails(lambda: storage.make_directory(P("/d"))) == errno.ENOENT
    assert list(storage.scan(ROOT)) == []


def test_a_mount_inside_the_home_is_part_of_it(home: Path, tmpfs: Path) -> None:
    storage = LocalStorage.open(tmpfs.parent)
    put(storage.create(P("/tmpfs/f")), b"12345")
    assert gone(put(storage.create(P("/tmpfs/f")), b"1")) == (5, 1, True)
    (tmpfs.parent / "g").touch()
    assert fails(lambda: storage.rename(P("/g"), P("/tmpfs/g"), True)) == errno.EXDEV
    assert fails(lambda: storage.remove_directory(P("/tmpfs"))) == errno.EBUSY
    storage.close()


def verbs(storage: LocalStorage) -> list[Callable[[], object]]:
    def upload(begin: Callable[[], Sink]) -> None:
        sink = begin()
        try:
            os.write(sink.fd, b"uploaded")
            sink.publish(True)
        finally:
            sink.discard()

    def download() -> None:
        source = storage.open_source(P("/d/secret"))
        data = os.read(source.fd, 100)
        source.close()
        assert b"secret" not in data

    def listing() -> None:
        assert "outside" not in [entry.name for entry in storage.scan(P("/d"))]

    return [
        download,
        listing,
        partial(upload, partial(storage.create, P("/d/secret"))),
        partial(upload, partial(storage.change, P("/d/secret"), None)),
        partial(upload, partial(storage.change, P("/d/secret"), 2)),
        partial(storage.set_mode, P("/d/secret"), 0o606),
        partial(storage.set_mode, P("/d"), 0o707),
        partial(storage.set_modified, P("/d/secret"), 5),
        partial(storage.set_modified, P("/d"), 5),
        partial(storage.make_directory, P("/d/made")),
        partial(storage.remove_directory, P("/d/made")),
        partial(storage.rename, P("/d/secret"), P("/d/renamed"), True),
        partial(storage.rename, P("/d/renamed"), P("/d/secret"), True),
        partial(storage.remove_file, P("/d/secret")),
        partial(storage.remove_file, P("/d/outside")),
        lambda: storage.stat(P("/d/outside")),
        lambda: list(storage.count()),
    ]


@pytest.mark.parametrize("target", ["absolute", "relative"])
def test_no_verb_is_led_out_by_a_swapped_directory(
    storage: LocalStorage, home: Path, tmp_path: Path, target: str
) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (outside / "outside").write_bytes(b"secret")
    (outside / "empty").mkdir()
    os.utime(outside, (1, 1))
    before = picture(outside)
    (home / "d").mkdir()
    (home / "link").symlink_to(outside if target == "absolute" else "../../elsewhere")
    until = time.monotonic() + 1.5

    def swap() -> None:
        while time.monotonic() < until:
            os.rename(home / "d", home / "real")
            os.rename(home / "link", home / "d")
            os.rename(home / "d", home / "link")
            os.rename(home / "real", home / "d")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        while thread.is_alive():
            for verb in verbs(storage):
                if fails(verb) is None:
                    continue
    finally:
        thread.join()
    assert picture(outside) == before
    assert not any(is_hidden(name) for name in os.listdir(home))


def picture(directory: Path) -> list[tuple[str, int, int, float]]:
    paths = [directory, *sorted(directory.rglob("*"))]
    return [(str(p), p.stat().st_size, p.stat().st_mode, p.stat().st_mtime) for p in paths]


@pytest.mark.parametrize("jail", [KernelJail, WalkJail])
def test_no_verb_is_led_out_by_a_swapped_file(home: Path, jail: type[KernelJail] | type[WalkJail]) -> None:
    storage = LocalStorage.open(home, jail=jail)
    secret = home.parent / "alice" / "secret"
    before = picture(secret.parent)
    until = time.monotonic() + 1

    def swap() -> None:
        number = 0
        while time.monotonic() < until:
            number += 1
            (home / "x").symlink_to(secret if number % 2 else "../alice/secret")
            os.rename(home / "x", home / "secret")
            (home / "x").write_bytes(b"inside")
            os.rename(home / "x", home / "secret")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        while thread.is_alive():
            for act in (
                lambda: put(storage.create(P("/secret")), b"mine"),
                lambda: put(storage.change(P("/secret"), None), b"mine"),
                lambda: storage.set_mode(P("/secret"), 0o666),
                lambda: storage.set_modified(P("/secret"), 9),
                lambda: storage.remove_file(P("/secret")),
            ):
                fails(act)
            try:
                assert b"secret" not in get(storage, "/secret")
            except OSError:
                continue
    finally:
        thread.join()
    storage.close()
    assert picture(secret.parent) == before

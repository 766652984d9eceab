"""Disks that are full, faulty, read-only or gone: invariant 6 of tests/invariants.

A full disk is a tmpfs of our own; what no mount can do on demand (EIO, EDQUOT) is injected into the one system call
it would come from. Every time the client gets a reply that says what happened, the old file is whole, ledger and disk
agree, and the next upload goes well when the disk does.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.books import agree, in_force, nothing_stray
from tests.crash.conftest import remount
from tests.crash.injection import Strace
from tests.service import Service
from tests.wire import Wire

LIMIT = 1_000_000
PLENTY = (
    2**40
)  # far from the limit one reservation covers all chunks of these tests, so the next write is the data's
OLD = b"old" * 10_000
SmallDisk = Callable[[str, int], Path]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("disk") / "service", {"uploads": {"durable": True}}) as service:
        yield service


_serial = iter(range(1, 1_000_000))


@pytest.fixture
def name(shared: Service) -> str:
    name = f"ada{next(_serial)}"
    shared.add_user(name, quota={"bytes": PLENTY, "files": 20})
    return name


@pytest.fixture
def wire(shared: Service, name: str) -> Iterator[Wire]:
    with Wire.member(shared, name) as wire:
        wire.store("STOR file", OLD) >> 226
        wire.store("STOR file", OLD) >> 226
        yield wire


# Injected errors --------------------------------------------------------------------------------------------


@pytest.mark.needs("strace")
@pytest.mark.parametrize(("error", "code"), [("EIO", 451), ("ENOSPC", 452), ("EDQUOT", 552), ("EFBIG", 552)])
@pytest.mark.parametrize("line", ["STOR new", "STOR file", "APPE file"])
def test_06_a_chunk_that_cannot_be_written(
    shared: Service, name: str, wire: Wire, tmp_path: Path, line: str, error: str, code: int
) -> None:
    home = shared.home(name)
    with wire.extended() as data:
        wire.say(line) >> 150
        data.sendall(b"x" * 1000)
        for _ in range(2):
            wire.say("STAT") >> 211  # the first chunk has been written
        with Strace(shared, f"inject=pwrite64:error={error}:when=1", folder=tmp_path):
            data.sendall(b"y" * 1000)
            data.close()
            wire.hear() >> code
    kept = OLD + b"x" * 1000 if line == "APPE file" else OLD
    assert {path.name: path.read_bytes() for path in home.iterdir()} == {"file": kept}
    agree(wire, home)
    wire.store(line, b"z" * 1000) >> 226
    agree(wire, home)


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("STOR new", "linkat:error=EIO"),
        ("STOR file", "linkat:error=EIO"),
        ("STOR file", "renameat:error=EIO"),
        ("STOR new", "fsync:error=EIO:when=1"),
        ("STOR file", "fsync:error=EIO:when=1"),
        ("APPE file", "fsync:error=EIO:when=1"),
        ("STOR new", "fsync:error=EIO:when=2"),
        ("STOR file", "fsync:error=EIO:when=2"),
    ],
)
def test_06_an_end_that_fails(
    shared: Service, name: str, wire: Wire, tmp_path: Path, line: str, fault: str
) -> None:
    """The link, the rename, the sync of the file (1) or directory (2): 451, old or new file, and books that agree."""
    home = shared.home(name)
    with wire.extended() as data:
        wire.say(line) >> 150
        with Strace(shared, f"inject={fault}", folder=tmp_path):
            data.sendall(b"x" * 1000)
            data.close()
            wire.hear() >> 451
    found = {path.name: path.read_bytes() for path in home.iterdir()}
    target = line.split()[1]
    whole = OLD + b"x" * 1000 if line.startswith("APPE") else b"x" * 1000
    assert found in ({"file": OLD}, {"file": OLD, target: whole})
    nothing_stray(shared.homes)
    agree(wire, home)
    wire.store(line, b"z" * 1000) >> 226
    agree(wire, home)


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("line", "call"), [("DELE file", "unlinkat"), ("MKD d", "mkdirat"), ("RNTO other", "renameat2")]
)
def test_06_a_name_that_cannot_be_changed(
    shared: Service, name: str, wire: Wire, tmp_path: Path, line: str, call: str
) -> None:
    home = shared.home(name)
    if line.startswith("RNTO"):
        wire.say("RNFR file") >> 350
    with Strace(shared, f"inject={call}:error=EIO", folder=tmp_path):
        wire.say(line) >> 451
    assert agree(wire, home) == (len(OLD), 1)


# Real file systems ------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path: Path, small_disk: SmallDisk) -> Iterator[tuple[Service, Path]]:
    """A server whose user has a home on a disk of 512 KiB."""
    disk = small_disk("disk", 512)
    service = Service(tmp_path / "service")
    with service:
        home = disk / "home"
        service.add_user("ada", home=str(home), quota={"bytes": 10_000_000})
        yield service, home
        service.run("quota", "verify")


def test_06_a_full_disk_is_told_and_takes_nothing_with_it(elsewhere: tuple[Service, Path]) -> None:
    service, home = elsewhere
    with Wire.member(service, "ada") as wire:
        wire.store("STOR file", OLD) >> 226
        for line in ("STOR file", "STOR new"):
            assert "disk is full" in (wire.store(line, b"x" * 2_000_000) >> 452).text
            assert {path.name: path.read_bytes() for path in home.iterdir()} == {"file": OLD}
            agree(wire, home)
        wire.say("ALLO 2000000") >> 452
        wire.store("APPE file", b"x" * 2_000_000) >> 452
        kept = (home / "file").read_bytes()
        assert kept.startswith(OLD)
        agree(wire, home)
        wire.say("MKD d")
        wire.say("DELE file") >> 250
        wire.store("STOR file", b"y" * 300_000) >> 226
        wire.store("STOR file", b"y" * 100_000) >> 226
        agree(wire, home)


def test_06_a_disk_that_becomes_read_only_and_writable_again(
    elsewhere: tuple[Service, Path], tmp_path: Path
) -> None:
    service, home = elsewhere
    with Wire.member(service, "ada") as wire:
        wire.store("STOR file", OLD) >> 226
        remount(tmp_path / "disk", "ro")
        for line in ("STOR new", "STOR file", "APPE file"):
            with wire.extended():
                wire.say(line) >> 550
        for line in ("DELE file", "MKD d", "SITE CHMOD 600 file"):
            assert "read-only" in (wire.say(line) >> 550).text
        assert wire.fetch("RETR file") == OLD
        agree(wire, home)
        remount(tmp_path / "disk", "rw")
        wire.store("STOR new", b"n") >> 226
        agree(wire, home)


# The home itself --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replaced", [False, True])
def test_06_a_home_that_is_removed_or_replaced_while_it_is_used(tmp_path: Path, replaced: bool) -> None:
    """What is under way fails or vanishes with the old home; the new one is never charged for it, nor written to."""
    with Service(tmp_path / "service") as service:
        service.add_user("ada", quota={"bytes": LIMIT, "files": 20})
        home = service.home("ada")
        with Wire.member(service, "ada") as wire:
            wire.store("STOR file", OLD) >> 226
            with wire.extended() as data:
                wire.say("STOR new") >> 150
                data.sendall(b"x" * 1000)
                for _ in range(2):
                    wire.say("STAT") >> 211
                if replaced:
                    home.rename(home.with_name("aside"))
                    home.mkdir()
                    (home / "theirs").write_bytes(b"t" * 500)
                else:
                    shutil.rmtree(home)
                data.close()
                code = wire.hear().code
            assert code in (451, 550)
            for line in ("STOR again", "APPE again", "MKD again", "DELE file"):
                with wire.extended():
                    heard = wire.say(line)
                assert heard.code in (451, 550), heard
                assert "replaced" in heard.text or heard.code == 550
        with Wire.member(service, "ada") as wire:
            assert sorted(os.listdir(home)) == (["theirs"] if replaced else [])
            wire.store("STOR fresh", b"f" * 700) >> 226
            agreed = agree(wire, home)
            assert agreed == ((1200, 2) if replaced else (700, 1))
            in_force(wire, LIMIT)

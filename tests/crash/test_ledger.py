"""The ledger corrupt, locked, missing, or on a full disk: invariant 10 of tests/invariants.

It fails closed: uploads get 451 and the log says why, downloads go on, nobody is ever unlimited. And it heals without
losing anybody's limit, as those stand in the account files: by itself when what was wrong is over, at the latest when
the service starts anew.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ftpserver.quota.base import Limits
from ftpserver.quota.sqlite import SqliteLedger
from tests.books import agree, disk, in_force, until
from tests.crash.injection import Strace
from tests.ftpserver.workforce import only
from tests.service import Service
from tests.wire import Heard, Wire

LIMIT = 300_000
FILES = ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm")
CHANGES = ("STOR new", "STOR file", "APPE file", "MKD d", "DELE file", "STOU")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path / "service")
    service.add_user("ada", quota={"bytes": LIMIT})
    with service:
        with Wire.member(service, "ada") as wire:
            wire.store("STOR file", b"f" * 1000) >> 226
            wire.store("STOR file", b"f" * 1000) >> 226
        yield service
        service.run("quota", "verify")


def attempt(wire: Wire, line: str) -> Heard:
    """The final reply of a change."""
    with wire.extended() as data:
        heard = wire.say(line)
        if heard.code == 150:
            data.sendall(b"x" * 1000)
            data.close()
            heard = wire.hear()
    return heard


def refused(service: Service, wire: Wire) -> None:
    """Every change is refused with 451, the log says so, and reading goes on."""
    for line in CHANGES:
        heard = attempt(wire, line) >> 451
        assert "ledger" in heard.text
    assert wire.say("RNFR file").code == 350
    wire.say("RNTO other") >> 451
    assert not {"d", "other"} & set(os.listdir(service.home("ada")))
    service.wait_for_log(r"level=error .*quota ledger cannot be used, changes are refused")
    assert wire.fetch("RETR file") == b"f" * 1000
    assert b"file" in wire.fetch("LIST")
    wire.say("NOOP") >> 200


def tried_again(wire: Wire) -> None:
    """Wait until changes are taken: what could not be written is tried again after a moment."""
    until(lambda: attempt(wire, "APPE log").code == 226, "the ledger was not tried again")


def works(service: Service, wire: Wire) -> None:
    """All is as it was, the quota included."""
    home = service.home("ada")
    tried_again(wire)
    wire.store("STOR again", b"a" * 500) >> 226
    wire.store("APPE file", b"f") >> 226
    agree(wire, home)
    in_force(wire, LIMIT)
    agree(wire, home)


def healed(service: Service) -> None:
    """Wait until the service says so."""
    service.wait_for_log("the quota ledger can be used again; homes are counted before their next change")


def restart(service: Service) -> None:
    service.kill()
    service.start()


def test_10_corrupt_at_start(service: Service) -> None:
    service.stop()
    (service.state / FILES[0]).write_bytes(b"no database " * 1000)
    service.start()
    service.wait_for_log(r"level=error .*ledger is corrupt; it is moved to .* every home is counted again")
    assert list(service.state.glob("ledger.sqlite3.corrupt-*")), "what it was can still be looked at"
    with Wire.member(service, "ada") as wire:
        works(service, wire)


def test_10_a_page_of_it_corrupt_at_start(service: Service) -> None:
    """The head of the file is right, something further on is not: found at once, not by the first who needs it."""
    service.stop()
    with (service.state / FILES[0]).open("r+b") as file:
        file.seek(2 * 4096)
        file.write(os.urandom(3 * 4096))
    service.start()
    service.wait_for_log(r"level=error .*ledger is corrupt; it is moved to")
    with Wire.member(service, "ada") as wire:
        works(service, wire)


def test_10_corrupt_while_it_is_used(service: Service) -> None:
    with Wire.member(service, "ada") as wire:
        with closing(
            SqliteLedger(service.state)
        ) as other:  # as another worker does: what we had read is old now
            tally = other.open("/another home", Limits())
            tally.recount(lambda: iter([(1, 1)]))
            for name in FILES[:2]:
                file = service.state / name
                file.write_bytes(os.urandom(file.stat().st_size))
        refused(service, wire)
        healed(service)
        works(service, wire)
    assert list(service.state.glob("ledger.sqlite3.corrupt-*"))


def test_10_locked_by_another_program(service: Service) -> None:
    """Somebody has it open in a SQLite shell: 451 until he has gone, and then everything by itself."""
    with Wire.member(service, "ada") as wire:
        with closing(sqlite3.connect(service.state / FILES[0], isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            refused(service, wire)
            shell.execute("ROLLBACK")
        works(service, wire)


def test_10_locked_in_the_middle_of_an_upload(service: Service) -> None:
    """What was granted is written; what is not ends it. At its end nothing is lost and nothing counted twice."""
    with Wire.member(service, "ada") as wire:
        for name in ("new", "file"):
            with wire.extended() as data:
                wire.say(f"STOR {name}") >> 150
                data.sendall(b"x" * 1000)
                for _ in range(2):
                    wire.say("STAT") >> 211
                with closing(sqlite3.connect(service.state / FILES[0], isolation_level=None)) as shell:
                    shell.execute("BEGIN IMMEDIATE")
                    data.sendall(b"y" * 1000)
                    data.close()
                    wire.hear() >> 451
                    shell.execute("ROLLBACK")
            tried_again(wire)
        works(service, wire)


def test_10_locked_while_there_is_room_in_stock(service: Service) -> None:
    """A small upload that needs no reservation is written nowhere before its end: it replaces nothing all the same."""
    service.add_user("eve", quota={"bytes": "1GiB"})
    home = service.home("eve")
    with Wire.member(service, "eve") as wire:
        for name in ("file", "new"):
            for _ in range(2):  # the second from the stock that the first has left
                wire.store("STOR file", b"old") >> 226
            before = {path.name: path.stat() for path in home.iterdir()}
            with closing(sqlite3.connect(service.state / FILES[0], isolation_level=None)) as shell:
                shell.execute("BEGIN IMMEDIATE")
                attempt(wire, f"STOR {name}") >> 451
                assert {path.name: path.stat() for path in home.iterdir()} == before
                shell.execute("ROLLBACK")
            tried_again(wire)
        wire.store("STOR new", b"new") >> 226
        agree(wire, home)


@pytest.mark.needs("strace")
def test_10_what_could_not_be_booked_is_not_done(service: Service, tmp_path: Path) -> None:
    """The ledger can be locked, but not a page of it be written: its disk is full."""
    home = service.home("ada")
    with Wire.member(service, "ada") as wire:
        wire.say("MKD d") >> 257
        for line in ("DELE file", "RMD d", "MKD e", "RNTO e", "APPE file"):
            tried_again(wire)
            before = {path.name: path.stat() for path in home.iterdir()}
            if line.startswith("RNTO"):
                wire.say("RNFR d") >> 350
            full = "inject=pwrite64:error=ENOSPC"
            with Strace(service, full, files=["ledger.sqlite3-wal"], folder=tmp_path) as strace:
                (attempt(wire, line) if line.startswith("APPE") else wire.say(line)) >> 451
                assert {path.name: path.stat() for path in home.iterdir()} == before, line
            assert "ENOSPC" in "".join(strace.steps()), line
        works(service, wire)


def test_10_a_locked_ledger_is_told_now_and_then_and_slows_nobody(service: Service) -> None:
    with Wire.member(service, "ada") as wire:
        with closing(sqlite3.connect(service.state / FILES[0], isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            for _ in range(50):
                attempt(wire, "APPE file") >> 451
            shell.execute("ROLLBACK")
        works(service, wire)
    service.stop()
    assert service.log.count("quota ledger cannot be used, changes are refused") == 1
    service.start()


def test_10_removed_while_it_is_used(service: Service) -> None:
    with Wire.member(service, "ada") as wire:
        for name in FILES:
            (service.state / name).unlink()
        works(service, wire)  # the open file is the ledger still, until the loss is seen
        healed(service)
        works(service, wire)
    restart(service)
    with Wire.member(service, "ada") as wire:
        works(service, wire)


def test_10_replaced_while_it_is_used(tmp_path: Path) -> None:
    """By a copy of an hour ago, say. No two workers ever work with two ledgers, and its counts are not believed."""
    with Service(tmp_path / "service", {"workers": 2}) as service:
        service.add_user("ada", quota={"bytes": LIMIT})
        with Wire.member(service, "ada") as wire:
            wire.store("STOR file", b"f" * 1000) >> 226
            wire.store("STOR file", b"f" * 1000) >> 226
        file, copy = service.state / FILES[0], service.state / "copy"
        with closing(sqlite3.connect(file)) as shell, closing(sqlite3.connect(copy)) as backup:
            shell.backup(backup)
        with Wire.member(service, "ada") as wire:
            wire.store("STOR again", b"a" * 5000) >> 226
            copy.rename(file)
            until(
                lambda: service.log.count("the quota ledger can be used again") == 2, "not both have healed"
            )
            assert service.log.count("the quota ledger was replaced: every home is counted") == 1
            agree(wire, service.home("ada"))
            in_force(wire, LIMIT)
        for number in (1, 2):
            with only(service, number), Wire.member(service, "ada") as wire:
                wire.store(f"STOR of {number}", b"o") >> 226
                agree(wire, service.home("ada"))


@pytest.mark.parametrize("line", ["STOR late", "STOR file", "APPE file"])
def test_10_what_a_lost_ledger_granted_is_not_granted_again(service: Service, line: str) -> None:
    """The new ledger knows nothing of the upload that is under way, and may give its room to another."""
    home = service.home("ada")
    with Wire.member(service, "ada") as wire, Wire.member(service, "ada") as other:
        with wire.extended() as data:
            wire.say(line) >> 150
            data.sendall(b"x" * 200_000)
            for _ in range(2):
                wire.say("STAT") >> 211
            for name in FILES:
                (service.state / name).unlink()
            healed(service)
            other.store("STOR other", b"o" * 250_000)
            data.close()
            wire.hear()
        assert disk(home)[0] <= LIMIT
        other.say("DELE other")
        works(service, other)


def test_10_on_a_full_disk(tmp_path: Path, small_disk: Callable[[str, int], Path]) -> None:
    state = small_disk("state", 1024)
    service = Service(tmp_path / "service", {"state": str(state)})
    service.add_user("ada", quota={"bytes": LIMIT})
    with service:
        home = service.home("ada")
        with Wire.member(service, "ada") as wire:
            wire.store("STOR file", b"f" * 1000) >> 226
            _fill(state / "filler")
            # What still fits into the pages that the ledger has is taken; from then on everything is refused.
            codes = [attempt(wire, "APPE log").code for _ in range(50)]
            assert set(codes) <= {226, 451}
            if 451 in codes:
                assert set(codes[codes.index(451) :]) == {451}, codes
            _fill(state / "filler 2")
            refused_now = [attempt(wire, line).code for line in CHANGES[:4]]
            assert wire.fetch("RETR file") == b"f" * 1000
            (state / "filler").unlink()
            (state / "filler 2").unlink()
            # An upload whose end could not be written stays promised until the next change, which counts the home.
            tried_again(wire)
            agree(wire, home)
            in_force(wire, LIMIT)
        assert 451 in codes + refused_now
        service.wait_for_log(r"level=error .*quota ledger cannot be used, changes are refused: .*full")


def test_10_a_full_disk_keeps_nobody_from_making_room(
    tmp_path: Path, small_disk: Callable[[str, int], Path]
) -> None:
    """What the log of the ledger takes for some changes was taken before others filled the disk."""
    state = small_disk("state", 3 * 1024)
    service = Service(tmp_path / "service", {"state": str(state)})
    service.add_user("ada", quota={"bytes": LIMIT})
    with service:
        with Wire.member(service, "ada") as wire:
            for number in range(20):
                wire.store(f"STOR {number}", b"f" * 1000) >> 226
        service.stop()
        service.start()
        _fill(state / "filler")
        with Wire.member(service, "ada") as wire:
            for number in range(10):
                wire.say(f"DELE {number}") >> 250
            for number in range(10, 20):
                wire.store(f"STOR {number}", b"g" * 2000) >> 226
            agree(wire, service.home("ada"))
            in_force(wire, LIMIT)


def _fill(file: Path) -> None:
    """Take all the room that is left."""
    with file.open("wb", buffering=0) as filler:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    filler.write(b"\0" * size)
            except OSError:
                pass


def test_10_no_room_for_a_ledger_at_start(tmp_path: Path, small_disk: Callable[[str, int], Path]) -> None:
    state = small_disk("state", 1024)
    _fill(state / "filler")
    with Service(tmp_path / "service", {"state": str(state)}) as service:
        _begins_without(service)
        (state / "filler").unlink()
        healed(service)
        with Wire.member(service, "ada") as wire:
            works(service, wire)


def test_10_a_ledger_that_cannot_be_opened_at_start(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    (service.state / FILES[0]).mkdir()
    with service:
        _begins_without(service)
        (service.state / FILES[0]).rmdir()
        healed(service)
        with Wire.member(service, "ada") as wire:
            works(service, wire)


def _begins_without(service: Service) -> None:
    service.add_user("ada", quota={"bytes": LIMIT})
    (service.home("ada") / "file").write_bytes(b"f" * 1000)
    with Wire.member(service, "ada") as wire:
        refused(service, wire)

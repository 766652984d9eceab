"""Who holds something in the ledger, and what becomes of it when he is dead."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import ftpserver.quota.processes as processes
from ftpserver.quota.base import LedgerFault, Limits, QuotaExceeded, Uncounted, Usage
from ftpserver.quota.database import FILE_NAME, USERS_NAME, Database
from ftpserver.quota.processes import ProcessRegister
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.state.liveness import FOLDER
from tests.ftpserver.quota.conftest import Peer, count

LIMITS = Limits(1000, 10)
StartPeer = Callable[[], Peer]


def test_the_room_of_a_dead_process_is_free_and_its_homes_are_counted_again(
    ledger: SqliteLedger, state: Path, peer: StartPeer
) -> None:
    other = peer().open(state, "/h", LIMITS)
    other.do("tally.recount(lambda: iter([(100, 1)]))")
    assert other.do("grant = tally.reserve(bytes=800, files=1)") == "None"
    tally = ledger.open("/h", LIMITS)
    assert tally.usage() == Usage(100, 1, 800, 1)
    with pytest.raises(QuotaExceeded):
        tally.reserve(bytes=200)

    other.kill()
    with pytest.raises(Uncounted):
        tally.reserve(bytes=200)
    count(tally, 150, 2)
    assert tally.usage() == Usage(150, 2)
    tally.reserve(bytes=850, files=8).release()


def test_a_home_that_the_dead_had_not_touched_stays_counted(
    ledger: SqliteLedger, state: Path, peer: StartPeer
) -> None:
    tally = ledger.open("/mine", LIMITS)
    count(tally, 7, 1)
    other = peer().open(state, "/his", LIMITS)
    other.do("tally.recount(lambda: iter([(100, 1)]))")
    other.kill()
    assert ledger.void_the_dead() == 1
    assert tally.usage() == Usage(7, 1)
    with pytest.raises(Uncounted):
        ledger.open("/his", LIMITS).usage()


def test_the_living_are_left_alone(ledger: SqliteLedger, state: Path, peer: StartPeer) -> None:
    other = peer().open(state, "/h", LIMITS)
    other.do("tally.recount(lambda: iter([(0, 0)]))")
    other.do("grant = tally.reserve(bytes=800)")
    assert ledger.void_the_dead() == 0
    assert other.do("ledger.void_the_dead()") == "0"
    assert ledger.open("/h", LIMITS).usage().reserved_bytes == 800


def test_a_loan_of_a_dead_process_can_be_had_again(
    ledger: SqliteLedger, state: Path, peer: StartPeer
) -> None:
    other = peer().open(state, "/h", LIMITS)
    other.do("tally.recount(lambda: iter([(1000, 1)]))")
    assert other.do("grant = tally.reserve(loan=Loan(Identity(1, 2), 1000))") == "None"
    other.kill()
    ledger.void_the_dead()
    tally = ledger.open("/h", LIMITS)
    count(tally, 1000, 1)
    from ftpserver.quota.base import Loan
    from ftpserver.storage.base import Identity

    grant = tally.reserve(loan=Loan(Identity(1, 2), 1000))
    assert grant.loan is not None
    grant.extend(1000)
    grant.release()


def test_a_count_that_a_death_crossed_is_not_believed(
    ledger: SqliteLedger, state: Path, peer: StartPeer
) -> None:
    """He published after the count had passed, died before he settled, and was voided before it ended."""
    other = peer().open(state, "/h", LIMITS)
    tally = ledger.open("/h", LIMITS)
    with pytest.raises(Uncounted):
        tally.reserve()
    assert other.do("tally._books.home") != "None"
    walks = []

    def walk() -> "list[tuple[int, int]]":
        walks.append(None)
        if len(walks) == 1:
            other.kill()
            assert ledger.void_the_dead() == 1
            return [(100, 1)]
        return [(300, 2)]

    tally.recount(lambda: iter(walk()))
    assert tally.usage() == Usage(300, 2)


def test_two_that_find_the_same_dead_one_do_no_harm(
    ledger: SqliteLedger, state: Path, peer: StartPeer
) -> None:
    other = peer().open(state, "/h", LIMITS)
    other.do("tally.recount(lambda: iter([(0, 0)]))")
    helper = peer().open(state, "/other", LIMITS)
    other.kill()
    helper.tell("ledger.void_the_dead()")
    mine = ledger.void_the_dead()
    assert mine + int(helper.hear()) >= 1
    tally = ledger.open("/h", LIMITS)
    count(tally, 5, 1)
    assert ledger.void_the_dead() == 0
    assert helper.do("ledger.void_the_dead()") == "0"
    assert tally.usage() == Usage(5, 1)


def test_a_clean_end_leaves_the_count_and_no_trace(state: Path) -> None:
    first = SqliteLedger(state)
    tally = first.open("/h", LIMITS)
    count(tally, 9, 1)
    tally.close()
    first.close()
    assert list((state / FOLDER).iterdir()) == []
    second = SqliteLedger(state)
    assert second.open("/h", LIMITS).usage() == Usage(9, 1)
    second.close()


def test_an_end_with_something_under_way_is_as_a_death(state: Path) -> None:
    first = SqliteLedger(state)
    tally = first.open("/h", LIMITS)
    count(tally, 9, 1)
    tally.reserve(bytes=5)
    first.close()
    second = SqliteLedger(state)
    with pytest.raises(Uncounted):
        second.open("/h", LIMITS).usage()
    second.close()


def test_a_file_that_replaced_the_ledger_is_not_believed(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy of an hour ago says how full the homes were an hour ago."""
    first = SqliteLedger(state)
    tally = first.open("/h", LIMITS)
    count(tally, 9, 1)
    tally.close()
    first.close()
    (state / "copy").write_bytes((state / FILE_NAME).read_bytes())
    (state / "copy").rename(state / FILE_NAME)
    for _ in range(2):
        second = SqliteLedger(state)
        with pytest.raises(Uncounted):
            second.open("/h", LIMITS).usage()
        second.close()
    assert caplog.text.count("the quota ledger was replaced") == 1


@pytest.mark.parametrize(("boot", "believed"), [("the same", True), ("another", False)])
def test_after_a_power_cut_nothing_is_believed(
    state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    boot: str,
    believed: bool,
) -> None:
    file = tmp_path / "boot_id"
    file.write_text("the same")
    monkeypatch.setattr(processes, "_BOOT_ID", file)
    first = SqliteLedger(state)
    tally = first.open("/h", LIMITS)
    count(tally, 9, 1)
    tally.close()
    copy = tmp_path / "after"
    copy.mkdir()
    for path in state.iterdir():  # as the disk has it when the power goes
        if path.is_file() and path.name != USERS_NAME:  # which says that it was another file
            (copy / path.name).write_bytes(path.read_bytes())
    first.close()

    file.write_text(boot)
    second = SqliteLedger(copy)
    tally = second.open("/h", LIMITS)
    if believed:
        assert tally.usage() == Usage(9, 1)
    else:
        with pytest.raises(Uncounted):
            tally.usage()
        assert "stopped without warning" in caplog.text
    second.close()


def test_a_death_is_logged(
    ledger: SqliteLedger, state: Path, peer: StartPeer, caplog: pytest.LogCaptureFixture
) -> None:
    other = peer().open(state, "/h", LIMITS)
    other.do("tally.recount(lambda: iter([(0, 0)]))")
    other.kill()
    with caplog.at_level(logging.WARNING):
        ledger.void_the_dead()
    assert "died; 1 homes are counted" in caplog.text
    assert len(os.listdir(state / FOLDER)) == 1


def test_a_registration_that_fails_leaves_no_descriptor(state: Path) -> None:
    database = Database(state)
    with database.writing:
        database.execute("DROP TABLE process")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(LedgerFault, match="no such table"):
        ProcessRegister(database, state)
    assert len(os.listdir("/proc/self/fd")) == before
    database.close()

"""The ledger whole: sessions, processes, counts, and the rule that is never broken."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftpserver.quota.base import HomeBusy, LedgerFault, Limits, QuotaExceeded, Uncounted, Usage
from ftpserver.quota.database import FILE_NAME
from ftpserver.quota.sqlite import SqliteLedger
from tests.ftpserver.quota.conftest import Peer, count

StartPeer = Callable[[], Peer]


def test_sessions_of_one_home_share_its_books_and_have_their_own_limits(ledger: SqliteLedger) -> None:
    one, two = ledger.open("/h", Limits(100)), ledger.open("/h", Limits(50))
    count(one, 40, 1)
    assert two.usage() == Usage(40, 1)
    one.reserve(bytes=60).release()
    with pytest.raises(QuotaExceeded):
        two.reserve(bytes=11)


def test_limits_may_change_while_it_is_used(ledger: SqliteLedger) -> None:
    tally = ledger.open("/h", Limits(100, 10))
    count(tally, 50, 5)
    grant = tally.reserve(bytes=10, files=1)
    tally.limits = Limits(40, 3)
    grant.extend(10)
    with pytest.raises(QuotaExceeded) as refused:
        grant.extend(11)
    assert refused.value.limit == 40
    grant.settle(10, 1)
    tally.reserve().settle(-30, -3)
    tally.limits = Limits(None, None)
    tally.reserve(bytes=10**12, files=10**6).release()
    assert tally.usage() == Usage(30, 3)


def test_a_home_must_be_counted_first(ledger: SqliteLedger) -> None:
    tally = ledger.open("/h", Limits())
    with pytest.raises(Uncounted):
        tally.usage()
    with pytest.raises(Uncounted):
        tally.reserve()
    count(tally, 5, 2)
    assert tally.usage() == Usage(5, 2)


def test_a_counted_home_is_not_counted_again(ledger: SqliteLedger) -> None:
    tally = ledger.open("/h", Limits())
    count(tally, 5, 2)
    tally.recount(lambda: pytest.fail("it is counted"))
    assert tally.usage() == Usage(5, 2)


def test_a_count_that_fails_counts_nothing(ledger: SqliteLedger) -> None:
    tally = ledger.open("/h", Limits())

    def walk() -> Iterator[tuple[int, int]]:
        yield 3, 1
        raise PermissionError

    with pytest.raises(PermissionError):
        tally.recount(walk)
    with pytest.raises(Uncounted):
        tally.usage()
    with tally.act():
        pass
    count(tally, 9, 1)


def test_a_crossed_count_is_made_again_and_the_last_one_stands_still(ledger: SqliteLedger) -> None:
    tally = ledger.open("/h", Limits())
    count(tally)
    grants = [tally.reserve(bytes=10, files=1) for _ in range(5)]
    tally.reserve().settle_unknown()
    walks = []

    def walk() -> Iterator[tuple[int, int]]:
        walks.append(None)
        if len(walks) <= 3:
            with tally.act():
                grants[len(walks)].settle(10, 1)
        else:
            with pytest.raises(HomeBusy), tally.act():
                pytest.fail("the home does not stand still")
        yield 10 * len(walks), len(walks)

    tally.recount(walk)
    assert len(walks) == 4
    for grant in (grants[0], grants[4]):
        grant.release()
    assert tally.usage() == Usage(40, 4)


def test_an_act_is_over_when_it_raises(ledger: SqliteLedger) -> None:
    tally = ledger.open("/h", Limits())
    with pytest.raises(ZeroDivisionError), tally.act():
        raise ZeroDivisionError
    with tally.act():
        pass


def test_the_last_session_closes_the_books_and_the_next_opens_them(ledger: SqliteLedger, state: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    one, two = ledger.open("/h", Limits()), ledger.open("/h", Limits())
    count(one, 4, 1)
    one.close()
    grant = two.reserve(bytes=4)
    with two.act():
        pass
    grant.release()
    two.close()
    assert len(os.listdir("/proc/self/fd")) == before
    again = ledger.open("/h", Limits())
    assert again.usage() == Usage(4, 1)
    again.close()


def test_an_upload_that_ends_after_its_session_is_settled_and_leaves_no_descriptor(
    ledger: SqliteLedger,
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    tally = ledger.open("/h", Limits(100))
    count(tally, 1, 1)
    grant = tally.reserve(bytes=50, files=1)
    tally.close()
    with tally.act(wait=True):
        grant.settle(50, 1)
    assert len(os.listdir("/proc/self/fd")) == before
    assert ledger.open("/h", Limits()).usage() == Usage(51, 2)


def test_a_count_that_ends_after_its_session_does_no_harm_to_the_next(ledger: SqliteLedger) -> None:
    before = len(os.listdir("/proc/self/fd"))
    tally = ledger.open("/h", Limits(100))

    def walk() -> Iterator[tuple[int, int]]:
        tally.close()
        yield 5, 1

    tally.recount(walk)
    assert len(os.listdir("/proc/self/fd")) == before
    following = ledger.open("/h", Limits(100))
    grant = following.reserve(bytes=95)
    with pytest.raises(LedgerFault, match="session has ended"):
        tally.recount(lambda: iter([]))
    with pytest.raises(LedgerFault, match="session has ended"), tally.act():
        pass
    assert following.usage() == Usage(5, 1, 95)
    grant.release()


def test_threads_count_a_home_while_others_change_it(ledger: SqliteLedger, tmp_path: Path) -> None:
    """Real files: whatever the order, in the end the books say what a walk finds."""
    home = tmp_path / "home"
    home.mkdir()
    tally = ledger.open(str(home), Limits())

    def walk() -> Iterator[tuple[int, int]]:
        for entry in os.scandir(home):
            try:
                yield entry.stat().st_size, 1
            except FileNotFoundError:
                continue

    def change(worker: int) -> None:
        for i in range(40):
            path = home / f"{worker}-{i}"
            while True:
                try:
                    with tally.act(wait=True):
                        grant = tally.reserve(bytes=i, files=1)
                        path.write_bytes(bytes(i))
                        grant.settle(i, 1)
                        if i % 2:
                            grant = tally.reserve()
                            path.unlink()
                            grant.settle(-i, -1)
                        if i % 5 == 0:
                            tally.reserve().settle_unknown()
                    break
                except Uncounted:
                    tally.recount(walk)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(change, range(4)))
    tally.recount(walk)
    assert tally.usage() == Usage(sum(p.stat().st_size for p in home.iterdir()), len(list(home.iterdir())))


_RACE = """
def race(rounds):
    worst = refused = stored = 0
    for i in range(rounds):
        try:
            grant = tally.reserve(bytes=(i * 7) % 40, files=1)
        except QuotaExceeded:
            refused += 1
            tally_now = tally.usage()
            worst = max(worst, tally_now.bytes + tally_now.reserved_bytes)
            grant = tally.reserve()
            continue
        usage = tally.usage()
        worst = max(worst, usage.bytes + usage.reserved_bytes)
        try:
            grant.extend((i * 7) % 40 + 10)
        except QuotaExceeded:
            grant.release()
            continue
        with tally.act(wait=True):
            grant.settle((i * 7) % 40 + 10, 1)
        stored += (i * 7) % 40 + 10
        if i % 3 == 0:
            with tally.act(wait=True):
                tally.reserve().settle(-((i * 7) % 40 + 10), -1)
            stored -= (i * 7) % 40 + 10
    return worst, stored
"""


def test_processes_never_promise_more_than_there_is(
    ledger: SqliteLedger, state: Path, peer: StartPeer
) -> None:
    limits = Limits(2000, 500)
    tally = ledger.open("/h", limits)
    count(tally)
    peers = [peer().open(state, "/h", limits) for _ in range(3)]
    for other in peers:
        assert other.do(_RACE) == "None"
        other.tell("race(250)")
    results = [eval(other.hear()) for other in peers]
    assert all(worst <= 2000 for worst, _ in results)
    assert tally.usage() == Usage(sum(stored for _, stored in results), tally.usage().files)
    assert tally.usage().bytes > 1900


def test_processes_that_are_killed_again_and_again_leave_no_room_promised(
    ledger: SqliteLedger, state: Path, peer: StartPeer, tmp_path: Path
) -> None:
    limits = Limits(1000, 100)
    tally = ledger.open("/h", limits)
    count(tally)
    for i in range(4):
        others = [peer().open(state, "/h", limits) for _ in range(2)]
        for other in others:
            assert other.do("grant = tally.reserve(bytes=400, files=1)") == "None"
            other.tell("[tally.reserve().settle(0, 0) for _ in range(100000)]")
        with pytest.raises(QuotaExceeded):
            tally.reserve(bytes=201)
        for other in others:
            other.kill()
        with pytest.raises(Uncounted):
            tally.reserve(bytes=201)
        count(tally, i, i)
        tally.reserve(bytes=1000 - i, files=100 - i).release()


def test_a_process_that_dies_within_an_act_lets_the_next_one_act(
    ledger: SqliteLedger, state: Path, peer: StartPeer
) -> None:
    tally = ledger.open("/h", Limits())
    count(tally)
    other = peer().open(state, "/h", Limits())
    other.do("tally.act().__enter__()")
    with pytest.raises(HomeBusy), tally.act():
        pass
    entered = threading.Event()

    def act() -> None:
        with tally.act(wait=True):
            entered.set()

    thread = threading.Thread(target=act)
    thread.start()
    other.kill()
    thread.join()
    assert entered.is_set()


def test_a_state_that_cannot_be_written_is_a_fault_and_leaves_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "processes").write_text("in the way")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(LedgerFault):
        SqliteLedger(tmp_path / "state")
    assert len(os.listdir("/proc/self/fd")) == before


def test_after_a_corrupt_ledger_every_home_is_counted_before_it_changes(state: Path) -> None:
    first = SqliteLedger(state)
    tally = first.open("/h", Limits(100))
    count(tally, 90, 1)
    tally.close()
    first.close()
    (state / FILE_NAME).write_bytes(b"damage" * 4000)
    second = SqliteLedger(state)
    tally = second.open("/h", Limits(100))
    with pytest.raises(Uncounted):
        tally.reserve(bytes=50)
    count(tally, 90, 1)
    with pytest.raises(QuotaExceeded):
        tally.reserve(bytes=50)
    second.close()


def test_less_than_nothing_is_never_believed(ledger: SqliteLedger) -> None:
    """What another program has put there is deleted by a client: its bytes must not become room."""
    tally = ledger.open("/h", Limits(1000, 10))
    count(tally, 100, 2)
    for bytes, files in ((-101, -1), (0, -3)):
        tally.reserve().settle(bytes, files)
        with pytest.raises(Uncounted):
            tally.reserve(bytes=1)
        count(tally, 100, 2)
    tally.reserve().settle(-100, -2)
    assert tally.usage() == Usage(0, 0)


def test_what_a_closed_ledger_granted_is_worth_nothing(state: Path) -> None:
    """Another ledger may be open by now, and promise the same room."""
    lost = SqliteLedger(state)
    tally = lost.open("/h", Limits(1000, 10))
    count(tally)
    grant = tally.reserve(bytes=500)
    lost.close()
    for use in (
        lambda: grant.extend(10),
        lambda: grant.settle(10, 0),
        lambda: tally.reserve(),
        lambda: tally.act().__enter__(),
        lambda: tally.usage(),
    ):
        with pytest.raises(LedgerFault):
            use()


def test_a_ledger_that_is_closed_leaves_no_descriptor_of_homes_in_use(state: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    ledger = SqliteLedger(state)
    tally = ledger.open("/h", Limits())
    with tally.act():
        pass
    ledger.close()
    assert len(os.listdir("/proc/self/fd")) == before
    tally.close()

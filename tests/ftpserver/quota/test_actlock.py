"""The act lock: one act a home at a time, between threads and between processes."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ftpserver.quota.actlock import ActLock
from ftpserver.quota.base import HomeBusy, LedgerFault, Limits
from ftpserver.quota.sqlite import SqliteLedger
from tests.ftpserver.quota.conftest import Peer


@pytest.fixture
def locks(state: Path) -> Path:
    SqliteLedger(state).close()
    return state / "homes"


def test_one_act_at_a_time_in_this_process(locks: Path) -> None:
    lock = ActLock(locks, "/h")
    lock.acquire(wait=False)
    with pytest.raises(HomeBusy):
        lock.acquire(wait=False)
    done = threading.Event()

    def waiting() -> None:
        lock.acquire(wait=True)
        done.set()
        lock.release()

    thread = threading.Thread(target=waiting)
    thread.start()
    assert not done.is_set()
    lock.release()
    thread.join()
    assert done.is_set()
    lock.close()


def test_one_act_at_a_time_in_all_processes(locks: Path, state: Path, peer: Callable[[], Peer]) -> None:
    lock, another = ActLock(locks, "/h"), ActLock(locks, "/another")
    other = peer().open(state, "/h", Limits())
    assert other.do("act = tally.act()") == "None"
    assert other.do("act.__enter__()") == "None"
    with pytest.raises(HomeBusy):
        lock.acquire(wait=False)
    another.acquire(wait=False)
    other.kill()  # the kernel gives back what the dead one had
    lock.acquire(wait=True)
    lock.release()
    lock.close()
    another.release()
    another.close()


def test_one_that_cannot_be_had_is_a_fault_and_stays_free(locks: Path) -> None:
    lock = ActLock(locks, "/fresh")
    locks.rename(locks.with_name("elsewhere"))
    with pytest.raises(LedgerFault):
        lock.acquire(wait=False)
    locks.with_name("elsewhere").rename(locks)
    lock.acquire(wait=False)
    lock.release()
    lock.close()
    lock.acquire(wait=False)  # a closed one opens again
    lock.close()  # and stays open while somebody has it
    lock.release()
    lock.close()


def test_a_state_that_is_gone_is_named_and_not_the_home(tmp_path: Path) -> None:
    with pytest.raises(LedgerFault) as fault:
        ActLock(tmp_path / "gone", "/srv/homes/ada").acquire(wait=False)
    assert str(fault.value).startswith(f"{tmp_path}/gone/")
    assert "/srv/homes" not in str(fault.value)

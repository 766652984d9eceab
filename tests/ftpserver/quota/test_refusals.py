"""ftpserver.quota.refusals: who is refused again and again, and for how long that is remembered."""

import pytest

from ftpserver.quota import refusals
from ftpserver.quota.refusals import SECONDS, STRIKES, RefusalMemory


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> RefusalMemory:
    return RefusalMemory(clock)


def strike(
    memory: RefusalMemory, need: int, path: str = "/a", home: str = "/h", times: int = STRIKES
) -> None:
    for _ in range(times):
        memory.remember(home, path, need)


def test_nothing_is_known_at_first_and_of_others(memory: RefusalMemory) -> None:
    assert memory.need("/h", "/a") == 0
    strike(memory, 100)
    assert memory.need("/h", "/b") == 0
    assert memory.need("/other", "/a") == 0


def test_one_refusal_says_nothing_of_the_next_file(memory: RefusalMemory) -> None:
    strike(memory, 100, times=STRIKES - 1)
    assert memory.need("/h", "/a") == 0
    strike(memory, 120, times=1)
    assert memory.need("/h", "/a") == 120


def test_it_is_forgotten_after_a_while_or_when_an_upload_succeeds(
    memory: RefusalMemory, clock: Clock
) -> None:
    strike(memory, 100)
    clock.now += SECONDS
    assert memory.need("/h", "/a") == 100
    clock.now += 0.1
    assert memory.need("/h", "/a") == 0
    strike(memory, 100)
    memory.forget("/h", "/a")
    memory.forget("/h", "/never seen")
    assert memory.need("/h", "/a") == 0


def test_refusals_that_are_far_apart_are_no_loop(memory: RefusalMemory, clock: Clock) -> None:
    for _ in range(5):
        memory.remember("/h", "/a", 100)
        clock.now += SECONDS + 1
    memory.remember("/h", "/a", 100)
    assert memory.need("/h", "/a") == 0


def test_it_holds_so_many_and_the_oldest_go(memory: RefusalMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "CAPACITY", 3)
    for path in "abc":
        strike(memory, 100, path)
    strike(memory, 100, "a")
    strike(memory, 100, "d")
    assert [memory.need("/h", path) for path in "abcd"] == [100, 0, 100, 100]

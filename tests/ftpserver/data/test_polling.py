"""ftpserver.data.polling: when a process stays awake for the next command, and when it sleeps."""

from collections.abc import Callable

import pytest

from ftpserver.data.polling import SECONDS, BusyPolling


class Turns:
    """A loop as far as busy polling knows one, and a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, work: Callable[[], None]) -> None:
        self.soon.append(work)

    def turn(self) -> bool:
        """One turn of the loop; whether it would sleep now."""
        soon, self.soon = self.soon, []
        for work in soon:
            work()
        return not self.soon


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def polling(turns: Turns) -> BusyPolling:
    made = BusyPolling(turns, lambda: turns.now)  # type: ignore[arg-type]
    turns.now += 1
    return made


def come(turns: Turns, polling: BusyPolling, after: float, told: int = 1, commands: bool = True) -> None:
    """Something comes and is carried out in no time."""
    turns.now += after
    polling.carried_out(turns.now, told, commands)


def test_after_a_long_pause_it_sleeps(turns: Turns, polling: BusyPolling) -> None:
    come(turns, polling, 1)
    assert turns.turn()
    come(turns, polling, SECONDS * 1.01)
    assert turns.turn()


def test_after_a_short_pause_it_looks_and_then_sleeps(turns: Turns, polling: BusyPolling) -> None:
    come(turns, polling, 1)
    come(turns, polling, SECONDS / 2)
    for _ in range(3):
        assert not turns.turn()
        turns.now += SECONDS / 4
    turns.now += SECONDS / 4
    assert turns.turn()
    assert turns.turn()


def test_each_command_that_comes_soon_lets_it_look_on(turns: Turns, polling: BusyPolling) -> None:
    come(turns, polling, 1)
    for _ in range(20):
        come(turns, polling, SECONDS / 2)
        assert not turns.turn()
        assert len(turns.soon) == 1


def test_the_time_that_a_command_takes_is_no_pause(turns: Turns, polling: BusyPolling) -> None:
    come(turns, polling, 1)
    turns.now += SECONDS / 2
    began = turns.now
    turns.now += 10 * SECONDS  # it is carried out
    polling.carried_out(began, 1, commands=True)
    assert not turns.turn()


def test_while_several_talk_it_does_not_look(turns: Turns, polling: BusyPolling) -> None:
    come(turns, polling, 1, told=2)
    for _ in range(5):
        come(turns, polling, SECONDS / 2)
        assert turns.turn()
    turns.now += 0.01
    come(turns, polling, 0)
    come(turns, polling, SECONDS / 2)
    assert not turns.turn()


def test_data_counts_for_a_moment_after_a_command(turns: Turns, polling: BusyPolling) -> None:
    come(turns, polling, 1)
    come(turns, polling, SECONDS / 2)
    come(turns, polling, SECONDS / 2, commands=False)  # a small file
    turns.now += SECONDS / 2
    assert not turns.turn()
    for _ in range(30):  # a large one
        come(turns, polling, SECONDS / 2, commands=False)
    turns.now += SECONDS
    assert turns.turn()
    for _ in range(3):
        come(turns, polling, SECONDS / 2, commands=False)
        assert turns.turn()
    come(turns, polling, SECONDS / 2)
    assert not turns.turn()

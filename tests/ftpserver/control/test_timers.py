"""ftpserver.control.timers: one timer of the loop for many, never early and hardly late."""

import asyncio
from collections.abc import Iterator

import pytest
import uvloop

from ftpserver.control.timers import SharedTimers


class Noted:
    """Notes when it fell due."""

    def __init__(self, timers: SharedTimers, fails: bool = False) -> None:
        self.timers = timers
        self.fails = fails
        self.at: list[float] = []

    def fall_due(self) -> None:
        self.at.append(self.timers.time())
        if self.fails:
            raise ZeroDivisionError


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = uvloop.new_event_loop()
    yield made
    made.close()


def run(loop: asyncio.AbstractEventLoop, waiting: list[Noted]) -> None:
    """Turn the loop until all fell due."""
    over = loop.time() + 30
    while not all(noted.at for noted in waiting) and loop.time() < over:
        loop.run_until_complete(asyncio.sleep(0.001))
    assert all(noted.at for noted in waiting)


def test_none_comes_early_and_each_comes_once(loop: asyncio.AbstractEventLoop) -> None:
    timers = SharedTimers(loop)
    waits = {seconds: Noted(timers) for seconds in (0.01, 0.05, 0.051, 0.1)}
    began = timers.time()
    for seconds, noted in waits.items():
        timers.after(seconds, noted)
    run(loop, list(waits.values()))
    for seconds, noted in waits.items():
        assert len(noted.at) == 1
        assert noted.at[0] >= began + seconds - 0.002  # the loop counts milliseconds


def test_those_that_fall_due_together_share_one(loop: asyncio.AbstractEventLoop) -> None:
    timers = SharedTimers(loop)
    moments = {timers.after(30 + number / 1000, Noted(timers)) for number in range(500)}
    assert len(moments) <= 2
    assert max(moments) - timers.time() <= 30.5 + 30.5 / 16


def test_a_forgotten_one_is_not_called(loop: asyncio.AbstractEventLoop) -> None:
    timers = SharedTimers(loop)
    forgotten, kept = Noted(timers), Noted(timers)
    at = timers.after(0.01, forgotten)
    timers.after(0.02, kept)
    timers.forget(at, forgotten)
    run(loop, [kept])
    assert forgotten.at == []
    timers.forget(at, forgotten)  # also when its time is over


def test_one_that_fails_harms_no_other(loop: asyncio.AbstractEventLoop) -> None:
    timers = SharedTimers(loop)
    waiting = [Noted(timers, fails=number % 2 == 0) for number in range(6)]
    for noted in waiting:
        timers.after(0.01, noted)
    run(loop, waiting)

"""The rate limit, with a clock moved by hand."""

import pytest

from ftpserver.data.pace import Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def _move(pace: Pace, wanted: int) -> int:
    allowed = pace.allowance(wanted)
    pace.moved(allowed)
    return allowed


def test_no_limit_allows_everything_at_once(clock: Clock) -> None:
    pace = Pace(0, clock)
    assert pace.allowance(10**9) == 10**9
    assert pace.wait() == 0.0


def test_what_is_allowed_is_the_rate_times_the_time(clock: Clock) -> None:
    pace = Pace(1000, clock)
    assert _move(pace, 10_000) == 0
    clock.now += 0.5
    assert _move(pace, 10_000) == 500
    assert _move(pace, 10_000) == 0
    clock.now += 0.1
    assert _move(pace, 60) == 60
    assert _move(pace, 60) == 40


def test_no_more_than_one_second_is_saved_up(clock: Clock) -> None:
    pace = Pace(1000, clock)
    clock.now += 3600
    assert _move(pace, 10_000) == 1000
    assert _move(pace, 10_000) == 0


@pytest.mark.parametrize("rate", [1, 19, 1000, 10**6, 10**9])
def test_after_the_wait_there_is_something_and_the_rate_is_kept(clock: Clock, rate: int) -> None:
    pace = Pace(rate, clock)
    moved, start = 0, clock.now
    for _ in range(200):
        moved += _move(pace, 10**12)
        wait = pace.wait()
        assert wait >= 0.01
        clock.now += wait
        assert pace.allowance(10**12) > 0 or rate < 100
    assert moved <= rate * (clock.now - start)
    assert moved >= rate * (clock.now - start) * 0.7 - 2


def test_two_that_share_it_get_the_rate_together(clock: Clock) -> None:
    pace = Pace(1000, clock)
    clock.now += 1
    assert _move(pace, 600) + _move(pace, 600) == 1000


def test_a_limit_that_is_lifted_and_set_again_leaves_no_debt(clock: Clock) -> None:
    pace = Pace(1000, clock)
    pace.rate = 0
    _move(pace, 10**9)
    pace.rate = 1000
    clock.now += 1
    assert _move(pace, 10_000) == 1000


def test_a_lowered_limit_counts_at_once(clock: Clock) -> None:
    pace = Pace(1000, clock)
    clock.now += 1
    pace.rate = 10
    assert _move(pace, 10_000) == 10

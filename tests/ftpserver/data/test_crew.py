"""The crew: what is done where, what is told, and the end."""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable, Iterator

import pytest

from ftpserver.data.crew import Crew
from tests.ftpserver.data.conftest import turn, until


@pytest.fixture
def crew(loop: asyncio.AbstractEventLoop) -> Iterator[Crew]:
    made = Crew()
    made.begin(loop, 2)
    yield made
    made.end()


def test_there_is_none_before_it_begins_nor_of_one_thread_nor_after_its_end(
    loop: asyncio.AbstractEventLoop,
) -> None:
    crew = Crew()
    assert not crew.stands_by
    crew.begin(loop, 1)
    assert not crew.stands_by
    crew.begin(loop, 3)
    assert crew.stands_by
    threads = [thread for thread in threading.enumerate() if thread.name == "crew"]
    assert len(threads) == 3
    crew.end()
    assert not crew.stands_by
    assert not any(thread.is_alive() for thread in threads)


def test_work_is_done_on_threads_at_once_and_told_on_the_loop(
    loop: asyncio.AbstractEventLoop, crew: Crew
) -> None:
    both = threading.Barrier(2)
    told: list[tuple[int, Exception | None]] = []
    for _ in range(2):  # each waits for the other
        crew.carry_out(
            lambda: both.wait(20) and None, lambda error: told.append((threading.get_ident(), error))
        )
    until(loop, lambda: len(told) == 2)
    assert told == [(threading.get_ident(), None)] * 2


def test_the_threads_let_the_loop_go_before_them(loop: asyncio.AbstractEventLoop, crew: Crew) -> None:
    def rank() -> tuple[int, int]:
        mine = threading.get_native_id()
        return os.getpriority(os.PRIO_PROCESS, mine), os.sched_getscheduler(mine)

    ranks: list[tuple[int, int]] = []
    told: list[Exception | None] = []
    crew.carry_out(lambda: ranks.append(rank()), told.append)
    until(loop, lambda: told)
    niceness, policy = ranks[0]
    assert niceness > rank()[0]
    assert (policy, rank()[1]) == (os.SCHED_BATCH, os.SCHED_OTHER)


def test_a_failure_is_told(loop: asyncio.AbstractEventLoop, crew: Crew) -> None:
    failure, told = OSError("no"), list[Exception | None]()

    def fail() -> None:
        raise failure

    crew.carry_out(fail, told.append)
    until(loop, lambda: told)
    assert told == [failure]


def test_one_that_fails_to_hear_leaves_the_others_their_news(
    loop: asyncio.AbstractEventLoop, crew: Crew
) -> None:
    heard, complaints = list[Exception | None](), list[object]()
    loop.set_exception_handler(lambda _, context: complaints.append(context["exception"]))

    def deaf(error: Exception | None) -> None:
        raise ValueError

    done = threading.Event()
    crew.carry_out(int, deaf)
    crew.carry_out(done.set, heard.append)
    assert done.wait(20)
    until(loop, lambda: heard)
    assert [type(complaint) for complaint in complaints] == [ValueError]


def test_a_thread_that_waits_keeps_nothing_alive(loop: asyncio.AbstractEventLoop, crew: Crew) -> None:
    class Work:
        def __call__(self) -> None:
            pass

    works = [Work() for _ in range(10)]
    kept: list[Callable[[], Work | None]] = [weakref.ref(work) for work in works]
    told: list[Exception | None] = []
    while works:
        crew.carry_out(works.pop(), told.append)
    until(loop, lambda: len(told) == 10)
    until(loop, lambda: not any(one() for one in kept))


def test_what_was_asked_for_is_done_before_the_end(loop: asyncio.AbstractEventLoop) -> None:
    crew = Crew()
    crew.begin(loop, 2)
    done: list[int] = []
    for number in range(100):
        crew.carry_out(lambda number=number: done.append(number), lambda error: None)  # type: ignore[misc]
    crew.end()
    assert sorted(done) == list(range(100))
    turn(loop)

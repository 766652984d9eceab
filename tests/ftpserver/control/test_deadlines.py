"""ftpserver.control.deadlines: which deadline holds, driven on a loop whose clock is turned by hand."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from ftpserver.config.settings import Limits
from ftpserver.control.deadlines import Deadlines
from ftpserver.control.timers import SharedTimers
from ftpserver.session import Link, Peer, Visitor
from tests.playbook import Playbook

LIMITS = Limits(login_seconds=30, idle_seconds=300, data_seconds=60)


class Clock:
    """As much of a loop as deadlines use: a time and timers, which `turn` brings forward."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[..., None], *given: object) -> Any:
        timer = (self.now + seconds, partial(call, *given))
        self.timers.append(timer)
        clock = self

        class Handle:
            def cancel(self) -> None:
                if timer in clock.timers:
                    clock.timers.remove(timer)

        return Handle()

    def turn(self, seconds: float) -> None:
        end = self.now + seconds
        while due := sorted((timer for timer in self.timers if timer[0] <= end), key=lambda timer: timer[0]):
            self.timers.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = end


class Moving:
    """A transfer, as deadlines see one."""

    def __init__(self) -> None:
        self.moved = 0
        self.waits_for_disk = False
        self.aborted = ""

    def abort(self, reason: str) -> None:
        self.aborted = reason


class Connection:
    """What is watched."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.transfer: Any = None
        self.at_work = False
        self.left = ""

    def leave(self, text: str) -> None:
        self.left = text


@pytest.fixture
def clock() -> Clock:
    return Clock()


def watch(clock: Clock, connection: Connection, limits: Limits = LIMITS) -> Deadlines:
    deadlines = Deadlines(SharedTimers(clock), limits, connection)  # type: ignore[arg-type]
    deadlines.start()
    return deadlines


def visitor() -> Connection:
    return Connection(Visitor(Link(1, ("127.0.0.1", 1), ("127.0.0.1", 2))))


def test_a_login_has_its_time(clock: Clock) -> None:
    connection = visitor()
    watch(clock, connection)
    clock.turn(29)
    assert not connection.left
    clock.turn(2)
    assert "30 seconds" in connection.left
    assert not clock.timers, "nothing is left of the timer"


def test_an_idle_member_has_another(clock: Clock, book: Playbook) -> None:
    connection = Connection(book.session)
    deadlines = watch(clock, connection)
    clock.turn(299)
    deadlines.touch()
    clock.turn(299)
    assert not connection.left
    clock.turn(31)
    assert "300 seconds" in connection.left


def test_site_idle_shortens_it(clock: Clock, book: Playbook) -> None:
    book.session.idle_seconds = 20
    connection = Connection(book.session)
    watch(clock, connection)
    clock.turn(51)
    assert "20 seconds" in connection.left


def test_data_that_moves_is_left_alone_and_data_that_stands_is_aborted(clock: Clock, book: Playbook) -> None:
    connection = Connection(book.session)
    connection.transfer = moving = Moving()
    watch(clock, connection)
    for _ in range(10):
        moving.moved += 1
        clock.turn(59)
    assert not moving.aborted
    moving.waits_for_disk = True
    clock.turn(1000)
    assert not moving.aborted, "it is the disk that stands still, and not the client"
    moving.waits_for_disk = False
    clock.turn(120)
    assert moving.aborted == "Timed out"
    assert not connection.left


@pytest.mark.parametrize("moved", [0, 5000])
def test_data_that_stands_has_its_time_once(clock: Clock, book: Playbook, moved: int) -> None:
    connection = Connection(book.session)
    deadlines = watch(clock, connection, Limits(login_seconds=300, idle_seconds=300, data_seconds=60))
    for _ in range(2):  # the first transfer and one after it
        deadlines.touch()
        deadlines.watch_data(clock.now)
        connection.transfer = moving = Moving()
        moving.moved = moved
        clock.turn(59)
        assert not moving.aborted
        clock.turn(40)
        assert moving.aborted


def test_a_thread_at_work_is_not_the_client_s_fault(clock: Clock) -> None:
    connection = visitor()
    connection.at_work = True
    watch(clock, connection)
    clock.turn(10_000)
    assert not connection.left


def test_the_room_that_allo_holds_is_given_back_after_a_while(clock: Clock, book: Playbook) -> None:
    book.say("ALLO 1000") >> 200
    assert book.session.promise is not None
    watch(clock, Connection(book.session))
    clock.turn(100)
    assert book.session.promise is None


def test_nothing_is_looked_at_after_the_end(clock: Clock) -> None:
    connection = visitor()
    watch(clock, connection).stop()
    clock.turn(1000)
    assert not connection.left


def test_who_is_ended_by_what_a_deadline_demands_is_looked_at_no_more(
    clock: Clock, book: Playbook, caplog: pytest.LogCaptureFixture
) -> None:
    """An abort is the end of a connection whose client has said QUIT behind the transfer."""
    connection = Connection(book.session)
    connection.transfer = moving = Moving()
    deadlines = watch(clock, connection)
    moving.abort = lambda reason: deadlines.stop()  # type: ignore[method-assign]
    clock.turn(1000)
    assert not caplog.text
    assert not clock.timers

"""What all movers share: one end, no touch after `stop`, and the pace."""

import asyncio

import pytest

from ftpserver.data.mover import MOVERS, STEP, STEPS_A_TURN, Mover
from ftpserver.data.pace import Pace
from tests.ftpserver.data.conftest import Ends, Pair, turn, until


class Reader(Mover):
    """The least mover: reads until the end, and notes how much at a time."""

    __slots__ = ("steps",)

    def _step(self) -> None:
        self.steps = getattr(self, "steps", [])
        while True:
            allowed = self._allowance(STEP)
            if not allowed:
                return
            data = self.connection.recv(allowed)
            if not data:
                self._end(None)
                return
            if data == b"boom":
                raise ZeroDivisionError
            self.steps.append(len(data))
            self._count(len(data))

    def _await_writable_or_readable(self) -> None:
        self._await_readable()


def test_it_ends_once_with_the_peer(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, client = pair()
    ends = Ends()
    mover = Reader(loop, ours, None, ends)
    mover.start()
    client.sendall(b"x" * 100)
    until(loop, lambda: mover.moved == 100)
    assert ends.calls == []
    client.close()
    until(loop, lambda: ends.calls)
    turn(loop)
    assert ends.calls == [None]
    assert ours.fileno() >= 0  # closing is its owner's


def test_it_may_end_before_start_returns(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, client = pair()
    client.close()
    ends = Ends()
    until(loop, lambda: _readable(ours))
    Reader(loop, ours, None, ends).start()
    assert ends.calls == [None]


def _readable(connection: object) -> bool:
    import select

    return bool(select.select([connection], [], [], 0)[0])


def test_whatever_goes_wrong_is_told(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, client = pair()
    ends = Ends()
    Reader(loop, ours, None, ends).start()
    client.sendall(b"boom")
    until(loop, lambda: ends.calls)
    assert [type(call) for call in ends.calls] == [ZeroDivisionError]


def test_after_stop_nothing_is_touched(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, client = pair()
    ends = Ends()
    mover = Reader(loop, ours, None, ends)
    mover.start()
    client.sendall(b"x")
    until(loop, lambda: mover.moved)
    mover.stop()
    client.sendall(b"more")
    client.close()
    turn(loop)
    assert mover.moved == 1
    assert ends.calls == []
    assert ours.recv(10) == b"more"


def test_a_stopped_mover_that_waits_for_its_pace_stays_stopped(
    loop: asyncio.AbstractEventLoop, pair: Pair
) -> None:
    ours, client = pair()
    client.sendall(b"x" * 1000)
    ends = Ends()
    mover = Reader(loop, ours, Pace(20, loop.time), ends)
    mover.start()
    mover.stop()
    loop.run_until_complete(asyncio.sleep(0.1))
    assert mover.moved == 0
    assert ends.calls == []


def test_the_pace_makes_it_rest(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, client = pair()
    client.sendall(b"x" * 3000)
    client.close()
    ends = Ends()
    pace = Pace(20_000, loop.time)
    mover = Reader(loop, ours, pace, ends)
    start = loop.time()
    mover.start()
    until(loop, lambda: ends.calls)
    assert loop.time() - start >= 3000 / 20_000 - 0.01
    assert len(mover.steps) > 1
    assert mover.moved == 3000


def test_a_limit_that_is_set_while_it_runs_holds_for_it(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, client = pair()
    pace = Pace(0, loop.time)
    ends = Ends()
    mover = Reader(loop, ours, pace, ends)
    mover.start()
    client.sendall(b"x" * 5000)
    until(loop, lambda: mover.moved == 5000)
    assert mover.steps == [5000]
    pace.rate = 1
    pace._filled = loop.time()
    client.sendall(b"y" * 5000)
    turn(loop)
    assert mover.moved <= 5001
    mover.stop()


def test_the_parts_to_fill_in_are_asked_for(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    ours, _ = pair()
    ends = Ends()
    Mover(loop, ours, None, ends).start()
    assert [type(call) for call in ends.calls] == [NotImplementedError]
    with pytest.raises(NotImplementedError):
        Mover(loop, ours, None, ends)._await_writable_or_readable()


def test_many_share_a_turn_of_the_loop(loop: asyncio.AbstractEventLoop, pair: Pair) -> None:
    before, alone = MOVERS.running, Mover.share()
    waiting = [Reader(loop, pair()[0], None, Ends()) for _ in range(20)]
    for mover in waiting:
        mover.start()
    assert MOVERS.running == before + 20
    assert Mover.share() < alone == 4 * STEP
    assert STEPS_A_TURN * Mover.share() <= 4 * STEP
    for mover in waiting:
        mover.nudge()
    assert MOVERS.running == before + 20
    for mover in waiting:
        mover.stop()
        mover.nudge()
        mover.stop()
    assert MOVERS.running == before

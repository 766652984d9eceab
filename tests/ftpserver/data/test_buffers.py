"""Buffers that are shared: how many there are, which one stays, and whose turn it is."""

from ftpserver.data.buffers import Buffers


class Waiting:
    """Who waits."""

    def __init__(self) -> None:
        self.has: list[memoryview] = []

    def take_buffer(self, buffer: memoryview) -> None:
        self.has.append(buffer)


def test_they_are_made_when_needed_and_used_again() -> None:
    buffers = Buffers(3, 10)
    first = buffers.take()
    buffers.give_back(first)
    assert buffers.take() is first
    assert len(first) == 10
    second = buffers.take()
    assert buffers.left
    third = buffers.take()
    assert not buffers.left
    assert len({id(first), id(second), id(third)}) == 3


def test_who_waits_gets_one_in_the_order_of_coming_and_the_last_one_stays() -> None:
    buffers, waiting = Buffers(3, 10), [Waiting() for _ in range(3)]
    kept = [buffers.take(), buffers.take()]
    step = buffers.take()
    for one in waiting:
        buffers.wait(one)
    buffers.wait(waiting[0])  # which changes nothing
    buffers.give_back(step)
    assert [len(one.has) for one in waiting] == [0, 0, 0], "this is the last one"
    buffers.give_back(kept[0])
    assert [len(one.has) for one in waiting] == [1, 0, 0]
    assert buffers.left
    buffers.give_back(kept[1])
    assert [len(one.has) for one in waiting] == [1, 1, 0]


def test_who_has_gone_does_not_take_the_turn_of_the_next() -> None:
    buffers, waiting = Buffers(2, 10), [Waiting(), Waiting()]
    kept = buffers.take()
    for one in waiting:
        buffers.wait(one)
    buffers.forget(waiting[0])
    buffers.forget(waiting[0])
    buffers.give_back(kept)
    assert [len(one.has) for one in waiting] == [0, 1]

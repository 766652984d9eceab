"""ftpserver.data.watch: readers and writers of raw sockets, told as often as they must be and no longer."""

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest
import uvloop

from ftpserver.data.watch import WatchingLoop


@pytest.fixture
def loop() -> Iterator[WatchingLoop]:
    made = uvloop.new_event_loop()
    watching = WatchingLoop(made)  # type: ignore[abstract]
    yield watching
    watching.stop_watching()
    made.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def turn(loop: WatchingLoop, times: int = 3) -> None:
    """Some turns of the loop."""
    for _ in range(times):
        loop._loop.run_until_complete(asyncio.sleep(0))


def test_a_reader_is_told_until_it_has_taken_all(
    loop: WatchingLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    taken: list[bytes] = []
    loop.add_reader(ours.fileno(), lambda: taken.append(ours.recv(1)))
    turn(loop)
    assert taken == []
    theirs.sendall(b"abc")
    turn(loop, 10)
    assert taken == [b"a", b"b", b"c"]
    assert loop.remove_reader(ours.fileno())
    assert not loop.remove_reader(ours.fileno())
    theirs.sendall(b"d")
    turn(loop)
    assert len(taken) == 3


def test_both_sides_of_one_socket_are_told_apart(
    loop: WatchingLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    told: list[str] = []
    loop.add_reader(ours.fileno(), lambda: told.append(f"read {ours.recv(9)!r}"))
    loop.add_writer(ours.fileno(), lambda: (told.append("write"), loop.remove_writer(ours.fileno())))
    turn(loop, 5)
    assert told == ["write"]
    theirs.sendall(b"x")
    turn(loop, 5)
    assert told == ["write", "read b'x'"]
    loop.add_writer(ours.fileno(), lambda: told.append("again"))
    assert loop.remove_writer(ours.fileno())
    assert not loop.remove_writer(ours.fileno())
    assert loop.remove_reader(ours.fileno())


@pytest.mark.parametrize("side", ["reader", "writer"])
def test_data_and_a_reset_in_one_are_told(loop: WatchingLoop, side: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    ours.setblocking(False)
    found: list[object] = []

    def ready() -> None:
        try:
            found.append(ours.recv(9))
        except OSError as error:
            found.append(type(error))
        if len(found) == 2:
            loop.remove_reader(ours.fileno())
            loop.remove_writer(ours.fileno())

    theirs.sendall(b"last")
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    theirs.close()
    (loop.add_reader if side == "reader" else loop.add_writer)(ours.fileno(), ready)
    turn(loop, 10)
    assert found in ([b"last", ConnectionResetError], [ConnectionResetError, b""])
    ours.close()


def test_events_of_a_closed_socket_are_not_told_to_the_next_with_its_number(loop: WatchingLoop) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    told: list[str] = []
    reborn: list[socket.socket] = []

    def first(me: int, other: int) -> None:
        """Closes the other, whose event is there already, and makes a new socket with its number."""
        if reborn:
            return
        number = pairs[other][0].fileno()
        loop.remove_reader(number)
        pairs[other][0].close()
        new, far = socket.socketpair()
        assert new.fileno() == number or far.fileno() == number
        taker = new if new.fileno() == number else far
        reborn.extend((new, far))
        loop.add_reader(taker.fileno(), lambda: told.append("told of what came before it was"))
        loop.remove_reader(pairs[me][0].fileno())

    for ours, theirs in pairs:
        theirs.sendall(b"x")
        ours.setblocking(False)
    loop.add_reader(pairs[0][0].fileno(), lambda: first(0, 1))
    loop.add_reader(pairs[1][0].fileno(), lambda: first(1, 0))
    turn(loop, 6)
    assert reborn
    assert told == []
    for one in [*reborn, *(end for pair in pairs for end in pair)]:
        if one.fileno() >= 0:
            loop.remove_reader(one.fileno())
            one.close()


def test_one_that_fails_keeps_no_other_from_being_told(
    loop: WatchingLoop, pair: tuple[socket.socket, socket.socket]
) -> None:
    failures: list[object] = []
    loop._loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    told: list[int] = []
    other, far = socket.socketpair()

    def fail() -> None:
        loop.remove_reader(pair[0].fileno())
        raise ZeroDivisionError

    loop.add_reader(pair[0].fileno(), fail)
    loop.add_reader(other.fileno(), lambda: told.append(len(other.recv(9))))
    for end in (pair[1], far):
        end.sendall(b"x")
    turn(loop, 5)
    assert told == [1]
    assert [type(failure) for failure in failures] == [ZeroDivisionError]
    loop.remove_reader(other.fileno())
    other.close()
    far.close()


def test_one_that_was_closed_too_early_is_given_up_quietly(loop: WatchingLoop) -> None:
    read, write = os.pipe()
    loop.add_reader(read, lambda: None)
    os.close(read)
    assert loop.remove_reader(read)
    os.close(write)


def test_the_next_with_the_number_of_one_that_was_closed_too_early_is_told(loop: WatchingLoop) -> None:
    read, write = os.pipe()
    loop.add_reader(read, lambda: None)
    os.close(read)
    again = os.dup(write)
    assert again == read, "the number is free"
    told: list[int] = []
    loop.add_writer(again, lambda: (told.append(again), loop.remove_writer(again)))
    turn(loop)
    assert told == [again]
    loop.remove_reader(again)
    os.close(again)
    os.close(write)

"""The page that workers share."""

import os

from ftpserver.state.board import Board, Seat


def seats(count: int) -> list[Seat]:
    board = Board(count)
    taken = [Seat(board, index) for index in range(count)]
    for seat in taken:
        seat.open()
    return taken


def test_the_limit_holds_over_all() -> None:
    one, two = seats(2)
    assert [one.enter(3), two.enter(3), two.enter(3), one.enter(3), two.enter(3)] == [True] * 3 + [False] * 2
    two.leave()
    assert one.enter(3)
    assert not one.enter(3)


def test_no_limit() -> None:
    seat = Seat()
    seat.open()
    assert all(seat.enter(0) for _ in range(1000))


def test_who_is_busier() -> None:
    one, two, three = seats(3)
    assert not one.busier()
    one.enter(0)
    assert one.busier()
    assert not two.busier()
    two.enter(0)
    three.enter(0)
    assert not one.busier()


def test_one_that_is_not_there_has_no_sessions_and_nothing_to_do() -> None:
    board = Board(2)
    one, two = Seat(board, 0), Seat(board, 1)
    one.open()
    one.enter(1)
    assert not one.busier()  # the other has not begun
    two.open()
    assert one.busier()
    two.enter(0)
    board.clear(1)
    assert not one.busier()
    one.leave()
    assert one.enter(1)  # what the dead one had counts no more


def test_numbers_are_unique_also_after_a_death() -> None:
    board = Board(3)
    given = [Seat(board, index).next_number() for index in (0, 1, 2, 0, 0, 2)]
    board.clear(0)
    given += [Seat(board, index).next_number() for index in (0, 1)]
    assert given == [1, 2, 3, 4, 7, 6, 10, 5]
    alone = Seat()
    assert [alone.next_number() for _ in range(3)] == [1, 2, 3]


def test_ports_are_shared_out_whole() -> None:
    ports = range(50000, 50011)
    shares = [list(seat.share(ports) or ()) for seat in seats(3)]
    assert sorted(port for share in shares for port in share) == list(ports)
    assert {len(share) for share in shares} == {3, 4}
    assert Seat().share(ports) == ports
    assert Seat().share(None) is None


def test_processes_that_fork_see_each_other() -> None:
    board = Board(2)
    pid = os.fork()
    if not pid:
        seat = Seat(board, 1)
        seat.open()
        seat.enter(0)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert list(board.sessions) == [-1, 1]

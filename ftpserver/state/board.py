"""The board: a page of memory that all workers of one service share, with a line for each.

On its line a worker keeps how many sessions it has and the last number that it gave to one. Everybody reads all lines,
each writes only its own (the parent writes that a worker has gone), in whole machine words: no lock is needed. So the
limit of sessions holds over all workers, session numbers are unique in the service's life, and a worker sees whether
another one has less to do.
"""

import mmap
from collections.abc import Sequence

_ABSENT = -1
_WORD = 8


class Board:
    """Made by the parent before it forks."""

    def __init__(self, workers: int = 1) -> None:
        page = memoryview(mmap.mmap(-1, 2 * workers * _WORD)).cast("q")
        self.sessions = page[:workers]
        """How many each worker has; below 0: it is not there."""
        self.numbers = page[workers:]
        for index in range(workers):
            self.clear(index)

    def clear(self, index: int) -> None:
        """This worker has gone. What it numbered stays numbered."""
        self.sessions[index] = _ABSENT


class Seat:
    """One worker's place at the board; `index` counts from 0, `number` from 1."""

    def __init__(self, board: Board | None = None, index: int = 0) -> None:
        """Without a board this is the only worker."""
        self._board = Board() if board is None else board
        self._sessions = self._board.sessions
        self.index = index
        self.number = index + 1
        self.of = len(self._sessions)

    def open(self) -> None:
        """From now on this worker is there, with no session."""
        self._sessions[self.index] = 0

    def enter(self, most: int) -> bool:
        """Count one more session; False, and nothing counted, when all workers have `most` already (0: no limit)."""
        sessions, index = self._sessions, self.index
        # Before looking: two at once see each other, and never both come in as the last one.
        sessions[index] += 1
        if most and sum(count for count in sessions if count > 0) > most:
            sessions[index] -= 1
            return False
        return True

    def leave(self) -> None:
        """Count one less."""
        self._sessions[self.index] -= 1

    def next_number(self) -> int:
        """A number that no other session of the service has or had: the worker's own, plus the workers each time."""
        numbers = self._board.numbers
        numbers[self.index] += 1
        return (numbers[self.index] - 1) * self.of + self.number

    def busier(self) -> bool:
        """Whether a worker that is there has fewer sessions than this one."""
        mine = self._sessions[self.index]
        return any(0 <= count < mine for count in self._sessions)

    def share(self, ports: Sequence[int] | None) -> Sequence[int] | None:
        """This worker's part of a range of ports; None stays any."""
        return None if ports is None else ports[self.index :: self.of]

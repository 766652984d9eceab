"""Several sessions that work off one list of names.

Rules
- Each lane is a session and a thread of its own; the first is the caller's. A lane that cannot be opened is done
  without.
- What a lane raises ends the job: the others stop after the name they are at.
- An interrupt does not wait for that, since a file may be large: the other sessions are ended under their threads.
"""

import queue
import threading
from collections.abc import Callable, Iterable

from ftpclient.client import Client
from ftpclient.errors import FtpError

Opener = Callable[[], Client]
"""Opens one more session like the first."""

Act = Callable[[Client, str], None]
"""Does what is to be done for one name; raises only what makes all other names senseless."""


class Lanes:
    """One job; `note` is told of lanes that could not be opened."""

    def __init__(self, names: Iterable[str], act: Act, note: Callable[[str], None]) -> None:
        self._names: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in names:
            self._names.put(name)
        self._act = act
        self._note = note
        self._stop = threading.Event()
        self._others: list[Client] = []
        self._fault: BaseException | None = None

    def run(self, client: Client, more: Opener, count: int) -> None:
        """Work with up to `count` sessions until the list is done; raise what ended it before."""
        count = min(count, self._names.qsize())
        threads = [threading.Thread(target=self._extra, args=(more,)) for _ in range(count - 1)]
        for thread in threads:
            thread.start()
        try:
            self._work(client)
            _await(threads)
        except BaseException:
            self._stop.set()
            for other in self._others:
                other.interrupt()
            _await(threads)
            raise
        if self._fault is not None:
            raise self._fault

    def _extra(self, more: Opener) -> None:
        try:
            client = more()
        except FtpError as fault:
            self._note(f"one lane less: {fault}")
            return
        with client:
            self._others.append(client)
            try:
                self._work(client)
            except BaseException as fault:
                self._fault = self._fault or fault
                self._stop.set()

    def _work(self, client: Client) -> None:
        while not self._stop.is_set():
            try:
                name = self._names.get_nowait()
            except queue.Empty:
                return
            self._act(client, name)


def _await(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        thread.join()

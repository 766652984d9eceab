"""ftpserver.control.turns: long commands of one user leave threads to the others."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftpserver.control.turns import Turns
from ftpserver.home import SessionEnded
from ftpserver.session import Session
from ftpwire.pathname import ROOT
from tests.playbook import Playbook

THREADS = 4


@pytest.fixture
def sessions(tmp_path: Path) -> Iterator[Callable[[str], Session]]:
    made: dict[str, Playbook] = {}

    def session(name: str) -> Session:
        if name not in made:
            (tmp_path / name).mkdir()
            made[name] = Playbook(tmp_path / name)
            made[name].login(name)
        return made[name].session

    yield session
    for book in made.values():
        book.__exit__(None, None, None)


class Gate:
    """Work that waits until it is let go, and notes when it begins."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self._open = threading.Event()

    def work(self, name: str) -> None:
        self.begun.append(name)
        self._open.wait(30)

    def open(self) -> None:
        self._open.set()


async def settle(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for has no event
        await asyncio.sleep(0.001)


def test_long_commands_of_one_user_left_no_thread_to_others(sessions: Callable[[str], Session]) -> None:
    ada, bob, gate = sessions("ada"), sessions("bob"), Gate()

    async def scene(pool: ThreadPoolExecutor) -> None:
        turns = Turns(asyncio.get_running_loop(), pool, THREADS)
        async with asyncio.TaskGroup() as group:
            for _ in range(2 * THREADS):
                group.create_task(turns.carry_out(ada, lambda: gate.work("ada")))
            await settle(lambda: len(gate.begun) == THREADS // 2)
            assert await turns.carry_out(bob, lambda: "quick") == "quick"
            assert gate.begun == ["ada"] * (THREADS // 2)
            gate.open()
        assert len(gate.begun) == 2 * THREADS, "those that waited had their turn"

    with ThreadPoolExecutor(THREADS) as pool:
        asyncio.run(scene(pool))


def test_who_had_gone_got_his_turn(sessions: Callable[[str], Session]) -> None:
    """His home stays open for what has begun, and nothing more begins; the end waits for all of it."""
    ada, gate = sessions("ada"), Gate()

    async def scene(pool: ThreadPoolExecutor) -> None:
        turns = Turns(asyncio.get_running_loop(), pool, THREADS)
        begun = asyncio.create_task(turns.carry_out(ada, lambda: gate.work("ada")))  # noqa: TID251 - awaited
        await settle(lambda: gate.begun == ["ada"])
        ada.home.close()
        with pytest.raises(SessionEnded):
            await turns.carry_out(ada, lambda: gate.work("too late"))
        ada.home.stat(ROOT)
        closing = asyncio.create_task(turns.close())  # noqa: TID251 - awaited
        await asyncio.sleep(0)
        assert not closing.done()
        gate.open()
        await begun
        await closing
        with pytest.raises(OSError, match="Bad file"):
            ada.home.stat(ROOT)
        assert gate.begun == ["ada"]

    with ThreadPoolExecutor(THREADS) as pool:
        asyncio.run(scene(pool))


def test_what_fails_gives_its_turn_back(sessions: Callable[[str], Session]) -> None:
    ada = sessions("ada")

    async def scene(pool: ThreadPoolExecutor) -> None:
        turns = Turns(asyncio.get_running_loop(), pool, THREADS)
        for _ in range(THREADS):
            with pytest.raises(ZeroDivisionError):
                await turns.carry_out(ada, lambda: 1 // 0)
        assert await turns.carry_out(ada, lambda: 1) == 1
        assert not turns._shares, "nothing is kept of users who do nothing"

    with ThreadPoolExecutor(THREADS) as pool:
        asyncio.run(scene(pool))

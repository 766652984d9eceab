"""ftpserver.patience: one thread a home, however many wait for it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from ftpserver.patience import Patience

Scene = Callable[[Patience], Awaitable[None]]


def play(scene: Scene) -> None:
    async def whole() -> None:
        patience = Patience(asyncio.get_running_loop())
        try:
            await scene(patience)
        finally:
            patience.close()

    asyncio.run(whole())


def test_many_who_wait_for_one_home_hold_one_thread() -> None:
    async def scene(patience: Patience) -> None:
        gate, begun = threading.Event(), []

        def work() -> None:
            begun.append(threading.get_ident())
            gate.wait(30)

        waits = [patience.wait("/home/ada", work) for _ in range(1000)]
        other = patience.wait("/home/bob", lambda: None)
        await other
        assert not any(wait.done() for wait in waits)
        gate.set()
        await asyncio.gather(*waits)
        assert len(begun) == 1

    play(scene)


def test_who_comes_after_the_wait_waits_anew() -> None:
    async def scene(patience: Patience) -> None:
        times = []
        await patience.wait("/home/ada", lambda: times.append(1))
        await asyncio.sleep(0)
        await patience.wait("/home/ada", lambda: times.append(2))
        assert times == [1, 2]

    play(scene)


def test_a_fault_is_told_to_all_who_wait() -> None:
    async def scene(patience: Patience) -> None:
        gate = threading.Event()

        def work() -> None:
            gate.wait(30)
            raise OSError("the home is gone")

        waits = [patience.wait("/home/ada", work) for _ in range(3)]
        gate.set()
        for wait in waits:
            with pytest.raises(OSError, match="gone"):
                await wait

    play(scene)


def test_one_who_gives_up_disturbs_nobody() -> None:
    async def scene(patience: Patience) -> None:
        gate = threading.Event()
        impatient = patience.wait("/home/ada", lambda: gate.wait(30) and None)
        patient = patience.wait("/home/ada", lambda: None)
        impatient.cancel()
        gate.set()
        await patient
        assert impatient.cancelled()

    play(scene)

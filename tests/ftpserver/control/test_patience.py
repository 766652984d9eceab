"""ftpserver.control.patience: one thread a home, however many wait for it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ftpserver.control.patience import Patience
from ftpserver.quota.base import Limits
from ftpserver.quota.sqlite import SqliteLedger
from tests.service import Service
from tests.wire import Wire

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


def test_a_wait_that_fails_with_its_own_session_is_made_again_by_the_others() -> None:
    async def scene(patience: Patience) -> None:
        gate, begun = threading.Event(), []

        def of_a_session_that_ends() -> None:
            gate.wait(30)
            raise OSError("closed")

        first = patience.wait("/home/ada", of_a_session_that_ends)
        others = [patience.wait("/home/ada", lambda: begun.append(1)) for _ in range(100)]
        await asyncio.sleep(0)
        gate.set()
        with pytest.raises(OSError, match="closed"):
            await first
        await asyncio.gather(*others)
        assert len(begun) == 1

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


def test_a_busy_home_stalls_its_own_users_and_nobody_else(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        service.add_user("ada")
        service.add_user("bob")
        with Wire.member(service, "ada") as first:
            first.say("MKD counted") >> 257
        ledger = SqliteLedger(service.state)
        tally = ledger.open(str(service.home("ada")), Limits())
        crowd = [Wire.member(service, "ada") for _ in range(12)]
        with tally.act(wait=True):
            for number, wire in enumerate(crowd):
                wire.tell(f"MKD waiting{number}")
            with Wire.member(service, "bob") as bob:
                bob.say("STAT /") >> 213  # made on a thread
                bob.say("MKD mine") >> 257  # his home has to be counted, on a thread too
                bob.store("STOR file", b"x") >> 226
        for wire in crowd:
            wire.hear() >> 257
            wire.close()
        tally.close()
        ledger.close()

"""ftpserver.service.housekeeping: the rounds of a process, with a real ledger and a real pool."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ftpserver.service.housekeeping as housekeeping
from ftpserver.quota.base import LedgerFault, Limits
from ftpserver.service.housekeeping import AnyLedger, Housekeeper, open_ledger

WAIT = 30.0


class House:
    """A housekeeper with all it looks after; `rounds` counts its chores, `asked` its questions to name servers."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: ThreadPoolExecutor, state: Path) -> None:
        self.loop = loop
        self.rounds = self.asked = 0
        self.broken = False
        self.used: list[AnyLedger] = []
        self.first = self._open(state)
        self.keeper = Housekeeper(
            loop, pool, self.first, lambda: self._open(state), self.used.append, (self._chore,), self._ask
        )

    @staticmethod
    def _open(state: Path) -> AnyLedger:
        return open_ledger(state, lambda seconds, work: None)

    def _chore(self) -> None:
        self.rounds += 1
        if self.broken:
            raise OSError("the disk is on fire")

    def _ask(self) -> None:
        self.asked += 1

    def until(self, done: Callable[[], bool]) -> None:
        """Run the loop until this is so."""
        end = time.monotonic() + WAIT
        while not done():
            assert time.monotonic() < end
            self.loop.run_until_complete(asyncio.sleep(0.001))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setattr(housekeeping, "_SECONDS", 0.0)
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(2) as pool:
        made = House(loop, pool, tmp_path / "state")
        yield made
        made.keeper.stop()
        [made.first, *made.used][-1].close()  # those before it were closed by the housekeeper
    loop.close()


def test_every_round_has_its_chores_and_every_twelfth_asks(house: House) -> None:
    house.keeper.start()
    house.until(lambda: house.rounds >= 13)
    assert house.asked == 1 + (house.rounds - 1) // 12
    assert house.used == []


def test_a_round_out_of_turn_asks(house: House) -> None:
    house.keeper.hurry()
    house.until(lambda: house.rounds == 1)
    assert house.asked == 1


def test_after_a_round_that_failed_comes_another(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.broken = True
    house.keeper.start()
    house.until(lambda: house.rounds >= 2)
    assert "the disk is on fire" in caplog.text


def test_a_chore_that_fails_keeps_nobody_from_a_new_ledger(house: House, tmp_path: Path) -> None:
    house.broken = True
    (tmp_path / "state" / "ledger.sqlite3").rename(tmp_path / "elsewhere")
    house.keeper.hurry()
    house.until(lambda: len(house.used) == 1)
    assert house.asked == 1


def test_a_ledger_that_was_replaced_is_opened_anew_once(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state" / "ledger.sqlite3").rename(tmp_path / "elsewhere")
    with caplog.at_level(logging.WARNING):
        house.keeper.hurry()
        house.keeper.hurry()
        house.until(lambda: house.rounds == 2 and bool(house.used))
    assert len(house.used) == 1
    assert house.used[0].sound
    house.used[0].open("/home", Limits()).close()
    assert "can be used again" in caplog.text


def test_without_a_ledger_changes_are_refused_until_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("not a directory")
    ledger = open_ledger(tmp_path / "state", lambda seconds, work: None)
    try:
        assert not ledger.sound
        tally = ledger.open("/home", Limits())
        with pytest.raises(LedgerFault):
            tally.reserve(bytes=1)
    finally:
        ledger.close()

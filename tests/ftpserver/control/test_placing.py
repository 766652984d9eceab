"""ftpserver.control.placing: an upload finds its place at once, after waiting, or on a thread."""

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ftpserver.accounts.account import Permission
from ftpserver.control.patience import Patience
from ftpserver.control.placing import Placed, place
from ftpserver.control.surroundings import Surroundings
from ftpserver.home import Home
from ftpserver.quota.base import HomeBusy, Limits
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.storage.local import LocalStorage
from ftpserver.upload import Ending, Fate, Upload, UploadPolicy
from ftpwire.pathname import ROOT

End = tuple[Fate | None, BaseException | None]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    opened = SqliteLedger(tmp_path / "state")
    yield opened
    opened.close()


@pytest.fixture
def home(tmp_path: Path, ledger: SqliteLedger) -> Iterator[Home]:
    path = tmp_path / "home"
    storage = LocalStorage.open(path, below=tmp_path, create=True)
    made = Home(
        storage, ledger.open(str(path), Limits(1_000_000)), frozenset(Permission), UploadPolicy(), str(path)
    )
    made.recount()
    yield made
    made.close()


def begun(home: Home) -> Upload:
    """An upload with all its data."""
    upload = home.upload(ROOT.child("file"))
    upload.cover(5)
    os.write(upload.fd, b"hello")
    return upload


def play(scene: Callable[[Surroundings, Placed], None]) -> End:
    """Run a scene on a loop, until it has been told of the end."""

    async def whole() -> End:
        loop = asyncio.get_running_loop()
        patience = Patience(loop)
        ended: asyncio.Future[End] = loop.create_future()
        with ThreadPoolExecutor(1) as pool:
            around = Surroundings(loop, pool, print, lambda: True, patience, None)  # type: ignore[arg-type]
            scene(around, lambda *end: ended.set_result(end))
            end = await asyncio.wait_for(ended, 60)
        patience.close()
        return end

    return asyncio.run(whole())


def test_mostly_it_is_done_at_once(home: Home, tmp_path: Path) -> None:
    def scene(around: Surroundings, placed: Placed) -> None:
        place(around, home, begun(home), Ending.COMPLETE, placed)
        assert (tmp_path / "home/file").read_bytes() == b"hello"

    assert play(scene) == (Fate.STORED, None)


@pytest.mark.parametrize("tries", [5, 0])
def test_a_busy_home_is_waited_for_on_a_thread(home: Home, tmp_path: Path, tries: int) -> None:
    act = home.tally.act()

    def scene(around: Surroundings, placed: Placed) -> None:
        upload = begun(home)
        act.__enter__()
        with pytest.raises(HomeBusy):
            upload.finish(Ending.COMPLETE)
        place(around, home, upload, Ending.COMPLETE, placed, tries)
        assert not (tmp_path / "home/file").exists()
        around.loop.call_later(0.05, act.__exit__, None, None, None)

    assert play(scene) == (Fate.STORED, None)
    assert (tmp_path / "home/file").read_bytes() == b"hello"


@pytest.mark.parametrize("tries", [5, 0])
def test_a_failure_is_told_and_not_raised(home: Home, tmp_path: Path, tries: int) -> None:
    def scene(around: Surroundings, placed: Placed) -> None:
        upload = begun(home)
        (tmp_path / "home").rename(tmp_path / "elsewhere")
        place(around, home, upload, Ending.COMPLETE, placed, tries)

    fate, failure = play(scene)
    assert fate is None
    assert isinstance(failure, OSError)

"""What the tests of the server's rooms share: a dialogue in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.state import database
from tests.playbook import Playbook


@pytest.fixture(autouse=True)
def _no_patience_with_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that could not be written is tried again at once; tests/ftpserver/state/test_database.py has it else."""
    monkeypatch.setattr(database, "_TROUBLE_HOLDS", 0.0)


@pytest.fixture
def playbook(tmp_path: Path) -> Iterator[Playbook]:
    """Dispatch with a real jail and ledger, nobody logged in; see tests/playbook.py."""
    with Playbook(tmp_path) as book:
        yield book


@pytest.fixture
def book(playbook: Playbook) -> Playbook:
    """The same with ada logged in, in TYPE I; her home is `book.home`."""
    playbook.login("ada")
    return playbook

"""What the tests of the server's rooms share: a dialogue in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.playbook import Playbook


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

"""Fixtures of the tests of the program."""

from pathlib import Path

import pytest


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder that the program is run in."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder

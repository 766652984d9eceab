"""ftpserver.control.surroundings: a value that transfers share and none of them changes."""

import dataclasses

import pytest

from ftpserver.control.surroundings import Surroundings


def test_no_transfer_changes_what_the_next_one_gets() -> None:
    around = Surroundings(*[None] * 6)  # type: ignore[arg-type]
    for field in dataclasses.fields(Surroundings):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(around, field.name, print)

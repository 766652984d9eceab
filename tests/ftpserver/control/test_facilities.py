"""ftpserver.control.facilities: values that a reload replaces and does not change."""

import dataclasses

import pytest

from ftpserver.config.settings import Limits
from ftpserver.control.facilities import Facilities


def test_a_reload_makes_others_and_leaves_these() -> None:
    names = {field.name for field in dataclasses.fields(Facilities)}
    assert names == {"loop", "data_loop", "timers", "desk", "pool", "turns", "patience", "tls", "limits"}
    before = Facilities(*[None] * 8, limits=Limits(sessions=1))  # type: ignore[arg-type]
    after = dataclasses.replace(before, limits=Limits(sessions=2))
    assert (before.limits.sessions, after.limits.sessions) == (1, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.limits = after.limits  # type: ignore[misc]

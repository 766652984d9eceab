"""Outcomes are plain values."""

import dataclasses

import pytest

from ftpserver import outcome
from ftpserver.outcome import Leave, Login, Outcome, Recite, Restart, Secure, Unsecure
from ftpwire.reply import Reply

REPLY = Reply(200, ("Yes.",))


@pytest.mark.parametrize(
    "value", [Leave(REPLY), Restart(REPLY), Unsecure(REPLY), Secure(REPLY, private=True)]
)
def test_what_only_says_something_is_frozen_and_comparable(
    value: Leave | Restart | Unsecure | Secure,
) -> None:
    assert value == dataclasses.replace(value)
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.reply = Reply(500, ("No.",))  # type: ignore[misc]


def test_a_password_is_not_shown() -> None:
    assert "sesame" not in repr(Login("ada", b"sesame"))


def test_lines_are_not_made_before_they_are_asked_for() -> None:
    made = []

    def lines():  # type: ignore[no-untyped-def]
        made.append(1)
        yield "x"

    recital = Recite(213, "a", lines(), "b")
    assert made == []
    assert list(recital.lines) == ["x"]


def test_every_outcome_is_in_the_union_and_in_the_docstring() -> None:
    classes = {
        name
        for name, value in vars(outcome).items()
        if dataclasses.is_dataclass(value) and getattr(value, "__module__", "") == outcome.__name__
    }
    union = {kind.__name__ for kind in Outcome.__args__}
    assert union == classes | {"Reply"}
    told = {line.split()[0] for line in (outcome.__doc__ or "").splitlines()[2:] if line}
    assert told == union

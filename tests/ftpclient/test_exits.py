"""Every cause has its exit code, and the table names each code once."""

import pytest

from ftpclient import errors
from ftpclient.exits import MEANING, Exit, exit_of, table


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (errors.LoginRefused("x"), 3),
        (errors.CannotConnect("x"), 4),
        (errors.TlsFailed("x"), 5),
        (errors.NotFound("x"), 6),
        (errors.Denied("x"), 7),
        (errors.Full("x"), 8),
        (errors.TimedOut("x"), 9),
        (errors.ConnectionLost("x"), 10),
        (errors.TransferCut("x"), 10),
        (FileNotFoundError(2, "here"), 11),
        (errors.VerificationFailed("x"), 12),
        (errors.BadName("x"), 2),
        (errors.Exists("x"), 1),
        (ValueError("x"), 2),
        (KeyboardInterrupt(), 130),
        (RuntimeError("x"), 1),
    ],
)
def test_a_cause_has_its_code(fault: BaseException, code: int) -> None:
    assert exit_of(fault) == code


def test_the_table_is_complete() -> None:
    assert set(MEANING) == set(Exit)
    for code in Exit:
        assert f"{code.value:>5}  {MEANING[code]}" in table().split("\n")

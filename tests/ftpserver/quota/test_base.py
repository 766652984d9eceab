"""The values of the ledger's interface."""

import pytest

from ftpserver.quota.base import Limits, Loan, QuotaExceeded, Usage
from ftpserver.storage.base import Identity


def test_a_refusal_carries_its_numbers() -> None:
    error = QuotaExceeded("bytes", 700, 424, 1000)
    assert (error.unit, error.need, error.free, error.limit) == ("bytes", 700, 424, 1000)
    assert str(error) == "need 700 bytes, 424 free of 1000"


def test_no_limit_is_the_default_and_nothing_is_reserved() -> None:
    assert Limits() == Limits(None, None)
    assert Usage(3, 2) == Usage(3, 2, 0, 0)


@pytest.mark.parametrize("value", [Limits(1, 2), Usage(1, 2, 3, 4), Loan(Identity(1, 2), 3)])
def test_values_do_not_change(value: object) -> None:
    with pytest.raises(AttributeError):
        value.bytes = 9  # type: ignore[attr-defined]

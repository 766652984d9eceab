"""ftpserver.quota.unavailable: every change is refused, nothing is unlimited."""

from collections.abc import Callable
from typing import Any

import pytest

from ftpserver.quota.base import LedgerFault, Limits, Tally
from ftpserver.quota.traffic import Allowance
from ftpserver.quota.unavailable import UnavailableLedger


@pytest.mark.parametrize(
    "use",
    [
        lambda tally: tally.reserve(bytes=1, files=1),
        lambda tally: tally.reserve(),
        lambda tally: tally.usage(),
        lambda tally: tally.pool_usage(),
        lambda tally: tally.recount(lambda: iter(())),
        lambda tally: tally.changes(),
        lambda tally: tally.distrust(),
    ],
)
def test_every_use_says_why(use: Callable[[Tally], Any]) -> None:
    tally = UnavailableLedger("the disk is on fire").open("/home/ada", Limits())
    with pytest.raises(LedgerFault, match="on fire"):
        use(tally)


def test_a_session_can_open_and_leave_it() -> None:
    ledger = UnavailableLedger("gone")
    tally = ledger.open("/home/ada", Limits(5))
    tally.relimit(Limits(7))
    with tally.act():
        assert tally.limits == Limits(7)
    tally.close()
    assert ledger.homes() == []
    assert ledger.void_the_dead() == 0
    ledger.checkpoint()
    ledger.close()
    assert not ledger.sound


def test_who_has_a_transfer_quota_moves_nothing() -> None:
    traffic = UnavailableLedger("gone").traffic
    with pytest.raises(LedgerFault):
        traffic.take([Allowance("user ada upload", 1, None)], 1)
    with pytest.raises(LedgerFault):
        traffic.give_back([], 1)

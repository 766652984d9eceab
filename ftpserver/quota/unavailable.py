"""The ledger when there is none to be had: it refuses every change and lets everything else go on.

The service starts with it, or falls back on it, when the ledger's file cannot be used, and tries to get a
real one again from time to time. Nothing is ever "unlimited" because the books are gone.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NoReturn

from ftpserver.quota.base import Grant, LedgerFault, Limits, Loan, Tally, Usage
from ftpserver.quota.traffic import Allowance


class UnavailableLedger:
    """Books of which only is known why they cannot be used."""

    sound = False

    def __init__(self, why: str) -> None:
        self.why = why
        self.traffic = UnavailableTraffic(why)
        self.pools = UnavailablePools(why)

    def open(self, home: str, limits: Limits) -> Tally:
        """See quota.base.Ledger."""
        return _UnavailableTally(self.why, limits)

    def homes(self) -> list[str]:
        """None that are known."""
        return []

    def void_the_dead(self) -> int:
        """Nobody can be told dead."""
        return 0

    def checkpoint(self) -> None:
        """There is nothing to write."""

    def close(self) -> None:
        """There is nothing to close."""


class UnavailableTraffic:
    """Transfer quotas that cannot be looked up: whoever has one moves nothing."""

    def __init__(self, why: str) -> None:
        self._why = why

    def take(self, allowances: Sequence[Allowance], wanted: int) -> NoReturn:
        """Raises LedgerFault."""
        raise LedgerFault(self._why)

    def give_back(self, rows: Sequence[tuple[str, str]], count: int) -> NoReturn:
        """Raises LedgerFault."""
        raise LedgerFault(self._why)


class UnavailablePools:
    """Pools whose homes cannot be told."""

    def __init__(self, why: str) -> None:
        self._why = why

    def called(self, pool: str) -> NoReturn:
        """Raises LedgerFault."""
        raise LedgerFault(self._why)

    def names(self) -> NoReturn:
        """Raises LedgerFault."""
        raise LedgerFault(self._why)

    def call(self, rolls: Mapping[str, Collection[str]], complete: bool = True) -> NoReturn:
        """Raises LedgerFault."""
        raise LedgerFault(self._why)

    def uncounted(self, pool: str | None = None) -> NoReturn:
        """Raises LedgerFault."""
        raise LedgerFault(self._why)


class _UnavailableTally:
    """The books of a home that cannot be used; its methods are those of quota.base.Tally."""

    def __init__(self, why: str, limits: Limits) -> None:
        self._why = why
        self.limits = limits

    def usage(self) -> Usage:
        raise LedgerFault(self._why)

    def usage_lately(self) -> Usage:
        raise LedgerFault(self._why)

    def pool_usage(self) -> Usage | None:
        raise LedgerFault(self._why)

    def relimit(self, limits: Limits) -> None:
        self.limits = limits

    def reserve(
        self,
        bytes: int = 0,
        files: int = 0,
        loan: Loan | None = None,
        in_place: bool = False,
        firm: bool = False,
    ) -> Grant:
        raise LedgerFault(self._why)

    def act(self, wait: bool = False) -> AbstractContextManager[None]:
        return nullcontext()

    def recount(self, walk: Callable[[], Iterator[tuple[int, int]]]) -> None:
        raise LedgerFault(self._why)

    def outwait_others(self) -> None:
        return

    def changes(self) -> int:
        raise LedgerFault(self._why)

    def growing(self) -> bool:
        raise LedgerFault(self._why)

    def distrust(self) -> None:
        raise LedgerFault(self._why)

    def close(self) -> None:
        return

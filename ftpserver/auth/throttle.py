"""Failed logins, counted by who tries from where.

A name tried from an address fails `failures` times within `within` seconds: that pair is shut out for `ban` seconds.
Other names from the same address are not, as many people may share one (an office behind one NAT); an address that
fails `_ADDRESS_FACTOR` times as often, over whatever names, is shut out whole. An IPv6 address counts with its /64,
which is what one subscriber has. A login that succeeds clears its pair. Besides, a person may shut out an address,
a name from an address, or a name from anywhere (`ftpserver ban`).
"""

import logging
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from ftpserver.auth.memory import Key, Memory, OwnMemory
from ftpserver.log import event

logger = logging.getLogger(__name__)

ANYWHERE = ""
_ADDRESS_FACTOR = 10


@lru_cache(maxsize=4096)
def subscriber(address: str) -> str:
    """What one subscriber has: the IPv4 address, or the /64 of an IPv6 one. Raises ValueError."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


class Throttle:
    """The rules over a memory; `clock` gives the seconds that the memory keeps. `failures` 0 counts none."""

    def __init__(
        self,
        clock: Callable[[], float],
        failures: int,
        within: float,
        ban: float,
        memory: Memory | None = None,
    ) -> None:
        self._clock = clock
        self._memory: Memory = OwnMemory() if memory is None else memory
        self.set(failures, within, ban)

    def set(self, failures: int, within: float, ban: float) -> None:
        """These rules hold from now on."""
        self._failures = failures
        self._within = within
        self._ban = ban

    def banned_for(self, name: str, address: str) -> float:
        """Seconds for which this name may not log in from this address; 0 when it may, infinite when never."""
        now = self._clock()
        where = subscriber(address)
        until = self._memory.banned_until(((where, name), (where, None), (ANYWHERE, name)), now)
        return max(0.0, until - now)

    def failed(self, name: str, address: str) -> None:
        """A login has failed."""
        if not self._failures:
            return
        where = subscriber(address)
        self._count((where, name), self._failures)
        self._count((where, None), self._failures * _ADDRESS_FACTOR)

    def succeeded(self, name: str, address: str) -> None:
        """A login has succeeded: whoever forgot a password twice is no attacker."""
        self._memory.succeeded((subscriber(address), name))

    def tidy(self) -> None:
        """Forget what is over; call it on a thread."""
        self._memory.tidy(self._clock(), self._within)

    def _count(self, key: Key, allowed: int) -> None:
        now = self._clock()
        if self._memory.failed(key, now, self._within, allowed, now + self._ban):
            event(logger, logging.WARNING, "banned", address=key[0], user=key[1], seconds=self._ban)

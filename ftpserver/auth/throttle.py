"""Failed logins, counted by who tries from where.

A name tried from an address fails `failures` times within `within` seconds: that pair is shut out for `ban` seconds.
Other names from the same address are not, as many people may share one (an office behind one NAT); an address that
fails `_ADDRESS_FACTOR` times as often, over whatever names, is shut out whole. An IPv6 address counts with its /64,
which is what one subscriber has. A login that succeeds clears its pair.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

_ADDRESS_FACTOR = 10
_CAPACITY = 50_000

Key = tuple[str, str | None]
"""Where, and the name that was tried; None is any name ("" is one that a client may say)."""


def subscriber(address: str) -> str:
    """What one subscriber has: the IPv4 address, or the /64 of an IPv6 one."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)


class Throttle:
    """Bounded memory of failures; `clock` gives monotonic seconds. `failures` 0 switches it off."""

    def __init__(self, clock: Callable[[], float], failures: int, within: float, ban: float) -> None:
        self._clock = clock
        self._failures = failures
        self._within = within
        self._ban = ban
        self._attempts: OrderedDict[Key, deque[float]] = OrderedDict()
        self._banned: OrderedDict[Key, float] = OrderedDict()

    def banned_for(self, name: str, address: str) -> float:
        """Seconds for which this name may not log in from this address; 0 when it may."""
        if not self._banned:
            return 0.0
        where, now = subscriber(address), self._clock()
        left = 0.0
        for key in ((where, name), (where, None)):
            until = self._banned.get(key)
            if until is not None and until <= now:
                del self._banned[key]
            elif until is not None:
                left = max(left, until - now)
        return left

    def failed(self, name: str, address: str) -> None:
        """A login has failed."""
        if not self._failures:
            return
        where = subscriber(address)
        self._count((where, name), self._failures)
        self._count((where, None), self._failures * _ADDRESS_FACTOR)

    def succeeded(self, name: str, address: str) -> None:
        """A login has succeeded: whoever forgot a password twice is no attacker."""
        if self._attempts:
            self._attempts.pop((subscriber(address), name), None)

    def _count(self, key: Key, allowed: int) -> None:
        now = self._clock()
        times = self._attempts.setdefault(key, deque(maxlen=allowed))
        self._attempts.move_to_end(key)
        times.append(now)
        if len(times) == allowed and now - times[0] <= self._within:
            self._banned[key] = now + self._ban
            del self._attempts[key]
        for memory in (self._attempts, self._banned):
            if len(memory) > _CAPACITY:
                memory.popitem(last=False)

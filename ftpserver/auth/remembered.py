"""Passwords verified a moment ago, so that a client's second connection costs microseconds.

What is kept is a keyed digest (BLAKE2, a key of this process that never leaves it) over the name, the
account's hash and the password: no password and nothing to be attacked offline without the key. A changed
hash gives another digest, so a changed password is never accepted from here. Entries live `LIFE` seconds
after their last use and `LONGEST` after the check itself, and there are at most `CAPACITY` of them.
"""

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

LIFE = 60.0
LONGEST = 600.0
CAPACITY = 10_000


@dataclass(slots=True)
class _Verified:
    digest: bytes
    used: float
    checked: float


class RememberedPasswords:
    """The passwords that were right lately; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._key = os.urandom(32)
        self._entries: OrderedDict[str, _Verified] = OrderedDict()

    def knows(self, name: str, hashed: str, password: bytes) -> bool:
        """Whether this password was right for this very hash within the life of an entry."""
        entry = self._entries.get(name)
        if entry is None:
            return False
        now = self._clock()
        if now - entry.used > LIFE or now - entry.checked > LONGEST:
            del self._entries[name]
            return False
        if not hmac.compare_digest(entry.digest, self._digest(name, hashed, password)):
            return False
        entry.used = now
        return True

    def remember(self, name: str, hashed: str, password: bytes) -> None:
        """The password was right just now."""
        now = self._clock()
        self._entries[name] = _Verified(self._digest(name, hashed, password), now, now)
        self._entries.move_to_end(name)
        if len(self._entries) > CAPACITY:
            self._entries.popitem(last=False)

    def _digest(self, name: str, hashed: str, password: bytes) -> bytes:
        digest = hashlib.blake2b(key=self._key, digest_size=32)
        for part in (name.encode("utf-8", "surrogateescape"), hashed.encode(), password):
            digest.update(len(part).to_bytes(4, "big") + part)
        return digest.digest()

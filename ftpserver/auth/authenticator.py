"""From a name and a password to an account, or to the one answer that tells nothing.

Unknown, disabled, expired, locked and wrong look and cost the same to the client; the log says which it was.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from ftpserver.accounts.account import Account
from ftpserver.accounts.store import AccountStore
from ftpserver.auth.password import PasswordChecker
from ftpserver.auth.remembered import RememberedPasswords
from ftpserver.auth.throttle import Throttle
from ftpserver.config.fault import Faulty

logger = logging.getLogger(__name__)


class Refused(Exception):
    """No login. `reason` is for the log; `wait` is how long (seconds) this name is shut out, 0 if it is not."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class Authenticator:
    """Checks logins against the account files."""

    def __init__(
        self, accounts: AccountStore, checker: PasswordChecker, throttle: Throttle, clock: Callable[[], float]
    ) -> None:
        self._accounts = accounts
        self._checker = checker
        self._throttle = throttle
        self._remembered = RememberedPasswords(clock)

    def demands_tls(self, name: str) -> bool:
        """Whether this account may not be used without TLS, whatever the service allows the others."""
        account = self._account(name)
        return account is not None and account.tls == "required"

    def quick(self, name: str, password: bytes, address: str) -> Account | None:
        """The account, when the answer needs no bcrypt; None when `check` must be asked. Raises Refused."""
        wait = self._throttle.banned_for(name, address)
        if wait:
            raise Refused("shut out", wait)
        account = self._account(name)
        if (
            account is None
            or not self._remembered.knows(name, account.password, password)
            or self._closed(account) is not None
        ):
            return None
        self._throttle.succeeded(name, address)
        return account

    async def check(self, name: str, password: bytes, address: str) -> Account:
        """The account whose password this is. Raises Refused, or TooBusy when too many wait for their check."""
        account = self._account(name)
        hashed = None if account is None or account.locked else account.password
        right = await self._checker.matches(password, hashed)
        wait = self._throttle.banned_for(name, address)
        if wait:  # one of many guesses at once: those before it were too many
            raise Refused("shut out", wait)
        now = self._account(name)  # as it is after the check: it may have been changed or removed meanwhile
        if not right or now is None or account is None or now.password != account.password:
            self._throttle.failed(name, address)
            raise Refused("unknown name" if account is None else "wrong password")
        closed = self._closed(now)
        if closed is not None:
            self._throttle.failed(name, address)
            raise Refused(closed)
        self._throttle.succeeded(name, address)
        self._remembered.remember(name, now.password, password)
        return now

    def _account(self, name: str) -> Account | None:
        try:
            return self._accounts.get(name)
        except Faulty as faulty:
            for fault in faulty.faults:
                logger.error("the account cannot be used: %s", fault)
            return None

    def _closed(self, account: Account) -> str | None:
        if not account.enabled:
            return "the account is disabled"
        if not account.active(datetime.now(UTC)):
            return "the account has expired"
        return None

"""Accounts that change while their users are logged in.

The files of those who are logged in are looked at from time to time, on a thread (an lstat each). A changed
account gets its sessions the new permissions, quota and rates, for transfers under way too. Who is removed,
disabled, expired or has another password is sent off with 421. A file that became unreadable changes nothing:
the last good version holds.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from datetime import UTC, datetime

from ftpserver.accounts.account import Account
from ftpserver.accounts.store import AccountStore
from ftpserver.config.fault import Faulty
from ftpserver.control.connection import Control
from ftpserver.log import event
from ftpserver.login import Desk
from ftpserver.quota.base import LedgerFault
from ftpserver.session import Session

logger = logging.getLogger(__name__)

_SECONDS = 1.0
_NAMES_A_SECOND = 2000

Found = dict[str, Account | None]


class Renewal:
    """Keeps the sessions of one process as their account files say."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pool: Executor,
        accounts: AccountStore,
        desk: Desk,
        controls: Callable[[], Iterable[Control]],
    ) -> None:
        self._loop = loop
        self._pool = pool
        self._accounts = accounts
        self._desk = desk
        self._controls = controls
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look again in a while; the more are logged in, the later."""
        seconds = max(_SECONDS, len(self._desk.users.here) / _NAMES_A_SECOND)
        self._timer = self._loop.call_later(seconds, self._begin)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        names = list(self._desk.users.here)
        if not names:
            self.start()
            return
        self._loop.run_in_executor(self._pool, self._look, names).add_done_callback(self._looked)

    def _look(self, names: list[str]) -> Found:
        found: Found = {}
        for name in names:
            try:
                found[name] = self._accounts.get(name)
            except Faulty as faulty:
                logger.debug("an account stays as it was: %s", faulty)
        return found

    def _looked(self, future: "asyncio.Future[Found]") -> None:
        if future.cancelled() or self._loop.is_closed():
            return
        if future.exception() is None:
            self.apply(future.result())
        self.start()

    def apply(self, found: Found) -> None:
        """Bring every session into line with these accounts; None for one that is gone."""
        now = datetime.now(UTC)
        for control in list(self._controls()):
            session = control.peer
            if not isinstance(session, Session) or session.account.name not in found:
                continue
            account = found[session.account.name]
            if account is None or not account.active(now) or account.password != session.account.password:
                event(
                    logger,
                    logging.INFO,
                    "session ended",
                    session=session.link.number,
                    user=session.account.name,
                )
                control.leave("Your account was changed; log in again if you may.")
            elif account != session.account:
                self._renew(session, account)

    def _renew(self, session: Session, account: Account) -> None:
        try:
            self._desk.renew(session, account)
        except LedgerFault as fault:
            logger.error("the new limits of %s hold from the next login on: %s", account.name, fault)
        else:
            event(logger, logging.INFO, "account renewed", session=session.link.number, user=account.name)

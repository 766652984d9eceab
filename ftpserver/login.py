"""The desk where a visitor logs in: checks the password, counts the sessions, opens the home, makes the Session.

A password that was right a moment ago is answered at once, so a client's second connection costs no bcrypt;
any other is checked on a thread. Three failures end the connection (RFC 2577 section 5); what the client is
told never says why a login failed, the log does.
"""

import asyncio
import errno
import logging
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from ftpserver.accounts.account import Account, AccountLimits, Traffic
from ftpserver.auth.authenticator import Authenticator, Refused
from ftpserver.auth.password import TooBusy
from ftpserver.config.settings import Settings
from ftpserver.data.pace import Governor, Metered, Pace
from ftpserver.data.passive import PassivePorts
from ftpserver.data.port import SessionPort
from ftpserver.home import Home
from ftpserver.log import event
from ftpserver.notice import notice
from ftpserver.outcome import Admit, Leave, Outcome
from ftpserver.quota.base import Ledger, LedgerFault, Limits
from ftpserver.quota.refusals import RefusalMemory
from ftpserver.quota.rolls import Rolls
from ftpserver.quota.traffic import Allowance, Meter
from ftpserver.quota.traffic import Traffic as TrafficLedger
from ftpserver.session import Session, Visitor
from ftpserver.state.presence import Crowd
from ftpserver.storage.base import Storage
from ftpserver.storage.composed import ComposedStorage
from ftpserver.storage.local import LocalStorage
from ftpserver.storage.walk import walk_home
from ftpserver.upload import UploadPolicy
from ftpwire.charset import Charset
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

TRIES = 3


@lru_cache(maxsize=2)
def _staging_in(homes: Path) -> Path:
    return homes / ".ftpserver-staging"


def staging_of(settings: Settings) -> Path:
    """Where uploads that will replace a file wait: beside the homes, so on their file system and in none of them."""
    return _staging_in(settings.homes)


def allowances_of(account: Account, upload: bool) -> list[Allowance]:
    """What the user, and the user's group, may move one way."""
    way = "upload" if upload else "download"

    def allowance(owner: str, traffic: Traffic) -> Allowance:
        limits = (
            (traffic.upload_day, traffic.upload_month)
            if upload
            else (traffic.download_day, traffic.download_month)
        )
        return Allowance(f"{owner} {way}", *limits)

    allowances = [allowance(f"user {account.name}", account.traffic)]
    if account.pool is not None:
        allowances.append(allowance(f"group {account.group}", account.pool.traffic))
    return allowances


def limits_of(account: Account) -> Limits:
    """What the ledger holds an account's home to."""
    own, pool = account.quota, account.pool
    if pool is None:
        return Limits(own.bytes, own.files)
    return Limits(own.bytes, own.files, account.group, pool.bytes, pool.files)


@dataclass(slots=True)
class Paces:
    """The rate limits that all sessions of one user share."""

    upload: Pace
    download: Pace

    def set(self, limits: AccountLimits) -> None:
        """These limits hold from now on, for transfers under way too."""
        self.upload.rate = limits.upload_rate
        self.download.rate = limits.download_rate


@dataclass(slots=True)
class Desk:
    """What logging in needs of the service."""

    loop: asyncio.AbstractEventLoop
    settings: Settings
    authenticator: Authenticator
    ledger: Ledger
    traffic: TrafficLedger
    passive: PassivePorts
    announce: Callable[[str, str], str]
    """The address to tell in a 227, from (client, local address)."""
    refusals: RefusalMemory
    rolls: Rolls
    users: Crowd = field(default_factory=partial(Crowd, "user"))
    """Sessions by user."""
    paces: dict[str, Paces] = field(default_factory=dict)

    def identify(self, visitor: Visitor, name: str) -> Reply:
        """The answer to USER: the same for every name, but before a password is sent where none may be."""
        link = visitor.link
        visitor.name = None
        if not link.secure and (link.tls_required or self.authenticator.demands_tls(name)):
            return Reply(530, ("Logins over TLS only: send AUTH TLS first.",))
        visitor.name = name
        return Reply(331, ("Password required.",))

    def log_in(
        self, visitor: Visitor, name: str, password: bytes
    ) -> Outcome | Coroutine[object, None, Outcome]:
        """Admit, or a reply that refuses; at once when no hash has to be computed."""
        try:
            account = self.authenticator.quick(name, password, visitor.link.peer[0])
        except Refused as refused:
            return self._refuse(visitor, name, refused)
        if account is not None:
            return self._admit(visitor, account)
        return self._check(visitor, name, password)

    async def _check(self, visitor: Visitor, name: str, password: bytes) -> Outcome:
        try:
            account = await self.authenticator.check(name, password, visitor.link.peer[0])
        except Refused as refused:
            return self._refuse(visitor, name, refused)
        except TooBusy:
            return Leave(Reply(421, ("Too many logins at once, try again in a moment.",)))
        return self._admit(visitor, account)

    def _refuse(self, visitor: Visitor, name: str, refused: Refused) -> Outcome:
        visitor.failures += 1
        self._log_refusal(visitor, name, refused.reason)
        if refused.wait:
            again = (
                "" if math.isinf(refused.wait) else f" Try again in {math.floor(refused.wait) + 1} seconds."
            )
            return Leave(Reply(421, (f"Logins of this name or from this address are shut out.{again}",)))
        if visitor.failures >= TRIES:
            return Leave(Reply(530, ("Login incorrect; too many tries, the connection is closed.",)))
        return Reply(530, ("Login incorrect.",))

    @staticmethod
    def _log_refusal(visitor: Visitor, name: str, reason: str) -> None:
        number, address = visitor.link.number, visitor.link.peer[0]
        event(
            logger,
            logging.WARNING,
            "login refused",
            session=number,
            user=name,
            address=address,
            reason=reason,
        )

    def _admit(self, visitor: Visitor, account: Account) -> Outcome:
        own, everybodys = account.limits.sessions, self.settings.limits.sessions_per_user
        found = self.users.enter(account.name, min(own, everybodys) or max(own, everybodys))  # 0 is no limit
        if found is not None:
            self._log_refusal(visitor, account.name, f"{found} sessions")
            return Reply(530, (f"This user has {found} sessions already, the most allowed.",))
        try:
            home = self._open_home(account)
        except (OSError, LedgerFault) as error:
            self.users.leave(account.name)
            logger.error("the home of %s cannot be opened: %s", account.name, error)
            return Reply(530, ("Your home cannot be opened; tell the administrator.",))
        link = visitor.link
        port = SessionPort(
            self.loop, self.passive, link.local[0], link.peer[0], self._announced, link.announced
        )
        if account.name not in self.paces:
            self.paces[account.name] = Paces(Pace(0, self.loop.time), Pace(0, self.loop.time))
        self.paces[account.name].set(account.limits)
        link.tls_required = self.settings.tls.mode == "required" or account.tls == "required"
        if account.encoding is not None and not link.utf8_said:
            link.charset = Charset(account.encoding)
        event(logger, logging.INFO, "login", session=link.number, user=account.name, address=link.peer[0])
        session = Session(link, account, home, port, idle_limit=self.settings.limits.idle_seconds)
        return Admit(session, Reply(230, (f"Welcome, {account.name}.{notice(session)}",)))

    def _announced(self, peer: str, local: str) -> str:
        """The address to tell this peer, as the settings are by now."""
        return self.announce(peer, local)

    def _open_home(self, account: Account) -> Home:
        settings = self.settings
        path, staging = account.home_text(settings.homes), staging_of(settings)
        if f"{path}/".startswith(f"{staging}/"):
            raise OSError(errno.EPERM, "that is where unfinished uploads are kept", path)
        storage: Storage = LocalStorage.open(
            account.home,  # a relative one, as it stands: no link may lead to it
            below=settings.homes,
            create=True,
            staging=staging,
        )
        if account.normalize is not None:
            storage = ComposedStorage(storage)
        try:
            tally = self.ledger.open(path, limits_of(account))
        except BaseException:
            storage.close()
            raise
        policy = UploadPolicy(keep=settings.uploads.interrupted == "keep", durable=settings.uploads.durable)
        return Home(storage, tally, account.permissions, policy, path, self.refusals, self._count_pool)

    def _count_pool(self, pool: str) -> None:
        """Make all homes of a pool known and counted; for threads. Raises LedgerFault."""
        ledger = self.ledger
        try:
            self.rolls.ensure(ledger.pools, pool)
        except OSError as error:
            raise LedgerFault(f"the members of {pool} cannot be told: {error}") from error
        for home in ledger.pools.uncounted(pool):
            self._count(ledger, home, pool)

    def _count(self, ledger: Ledger, home: str, pool: str) -> None:
        """Count a home that perhaps nobody has open. Raises LedgerFault."""
        tally = ledger.open(home, Limits())
        try:
            tally.recount(lambda: walk_home(Path(home), self.settings.homes))
        except OSError as error:
            raise LedgerFault(f"{home}, of the pool {pool}, cannot be counted: {error.strerror}") from error
        finally:
            tally.close()

    def governor(self, session: Session, upload: bool) -> Governor:
        """How fast and how much this session's next transfer may move. Raises TrafficExceeded, LedgerFault."""
        account = session.account
        paces = self.paces[account.name]
        pace = paces.upload if upload else paces.download
        if account.pool is None and account.traffic.unlimited:  # nearly everybody, and every transfer asks
            return pace
        allowances = [allowance for allowance in allowances_of(account, upload) if allowance.limited]
        if not allowances:
            return pace
        meter = Meter(self.traffic, allowances)
        meter.allowance(1)  # nothing left is told before the data connection opens
        return Metered(pace, meter)

    def renew(self, session: Session, account: Account) -> None:
        """The account of a session was changed: what it may holds at once. Raises LedgerFault."""
        session.account = account
        session.home.permissions = account.permissions
        self.paces[account.name].set(account.limits)
        session.home.tally.relimit(limits_of(account))

    def reopen_books(self, session: Session) -> None:
        """The ledger is another one now: this session's home is kept there."""
        session.promise = None
        session.home.tally = self.ledger.open(session.home.name, limits_of(session.account))

    def leave(self, session: Session) -> None:
        """A session has ended: release what it held."""
        session.drop_promise()
        session.link.charset = None  # it was his account's, and another may log in here
        name = session.account.name
        event(logger, logging.INFO, "logout", session=session.link.number, user=name)
        self.users.leave(name)
        if name not in self.users.here:
            self.paces.pop(name, None)
        session.port.drop()
        session.home.close()

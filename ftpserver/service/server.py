"""What one process of the service serves with: who may come, the parts that serve them, a clean end.

Other processes may do the same beside it: its seat at the board says which it is, and what it may do is counted with
theirs. process.py runs it.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ftpserver.accounts.store import AccountStore
from ftpserver.auth.authenticator import Authenticator
from ftpserver.auth.bans import SharedMemory
from ftpserver.auth.password import PasswordChecker
from ftpserver.auth.throttle import Throttle
from ftpserver.config.fault import Faulty
from ftpserver.config.renewal import renewed
from ftpserver.config.settings import Settings
from ftpserver.control.connection import Control
from ftpserver.control.facilities import Facilities
from ftpserver.control.patience import Patience
from ftpserver.control.timers import SharedTimers
from ftpserver.control.turns import Turns
from ftpserver.data.announce import Announcer
from ftpserver.data.listening import ListeningSocket
from ftpserver.data.passive import PassivePorts
from ftpserver.data.proxy import Header, HeaderReader, Trusted
from ftpserver.log import change_logging, event
from ftpserver.login import Desk
from ftpserver.quota.refusals import RefusalMemory
from ftpserver.quota.rolls import Rolls
from ftpserver.service.admin import AdminSocket
from ftpserver.service.housekeeping import AnyLedger, Housekeeper, open_ledger
from ftpserver.service.listener import ControlListener
from ftpserver.service.reconcile import Reconciler
from ftpserver.service.renewal import Renewal
from ftpserver.service.rollcall import RollCall
from ftpserver.service.threads import Threads
from ftpserver.session import Address, Link, Session
from ftpserver.state.board import Seat
from ftpserver.state.presence import Crowd, Presence
from ftpserver.tls import TlsService
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

GREETING = Reply(220, ("FTP server ready.",))
_FAREWELL = "The server is shutting down."

Sockets = list[tuple[ListeningSocket, bool]]
"""Listening sockets, and whether TLS begins with the first byte on them."""


class Service:
    """One process of the service."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        data_loop: asyncio.AbstractEventLoop,
        settings: Settings,
        seat: Seat,
    ) -> None:
        """Bring the parts together; `data_loop` watches data connections. Raises TlsFault."""
        self._loop = loop
        self._settings = settings
        self._seat = seat
        self._threads = Threads()
        self._turns = Turns(loop, self._threads.commands, self._threads.most_commands)
        self._patience = Patience(loop)
        self._ledger = open_ledger(settings.state, self._later)
        self._checker = PasswordChecker()
        self._checker.prepare()
        self._presence = Presence(settings.state)
        login, memory = settings.login, SharedMemory(self._presence)
        self._throttle = Throttle(time.time, login.failures, login.within_seconds, login.ban_seconds, memory)
        accounts = AccountStore(settings.accounts)
        authenticator = Authenticator(accounts, self._checker, self._throttle, loop.time)
        self._trusted = Trusted(settings.trusted_proxies)
        rolls = Rolls(settings.accounts, settings.homes, settings.state)
        self._passive = PassivePorts(data_loop, seat.share(settings.passive.ports), self._trusted)
        self._announcer = Announcer(settings.passive)
        self._desk = self._open_desk(authenticator, rolls)
        self._tls = TlsService(settings.tls)
        self._facilities = Facilities(
            loop,
            data_loop,
            SharedTimers(loop),
            self._desk,
            self._threads.data,
            self._turns,
            self._patience,
            self._tls,
            settings.limits,
        )
        self._controls: set[Control] = set()
        self._alone = asyncio.Event()
        self._leaving = False
        self._renewal = Renewal(loop, self._threads.own, accounts, self._desk, lambda: self._controls)
        self._reconciler = Reconciler(
            lambda: self._ledger, settings.homes, settings.state, settings.reconcile_seconds
        )
        self._rollcall = RollCall(lambda: self._ledger, rolls, self._reconciler.count)
        self._addresses = Crowd("address", self._counted_together())
        self._admin = AdminSocket(loop, settings.state, seat.number, lambda: self._controls)
        self._listeners: list[ControlListener] = []
        self._housekeeper = self._keep_house()

    def _open_desk(self, authenticator: Authenticator, rolls: Rolls) -> Desk:
        return Desk(
            self._loop,
            self._settings,
            authenticator,
            self._ledger,
            self._ledger.traffic,
            self._passive,
            self._announcer.address,
            RefusalMemory(self._loop.time),
            rolls,
            Crowd("user", self._counted_together()),
        )

    def _keep_house(self) -> Housekeeper:
        chores = (
            self._presence.mend,
            self._presence.void_the_dead,
            self._throttle.tidy,
            self._presence.checkpoint,
            self._tls.reload,
        )
        return Housekeeper(
            self._loop,
            self._threads.own,
            self._ledger,
            lambda: open_ledger(self._settings.state, self._later),
            self._change_ledger,
            chores,
            lambda: self._announcer.refresh(),
        )

    def _counted_together(self) -> Presence | None:
        """Where sessions are counted: one process alone needs no file to count its own."""
        return self._presence if self._seat.of > 1 else None

    async def listen(self, sockets: Sockets) -> None:
        """Accept on these sockets."""
        await self._admin.open()
        self._seat.open()
        busier = self._seat.busier if self._seat.of > 1 else None
        self._listeners = [
            ControlListener(self._loop, listening, partial(self._accept, implicit_tls), busier)
            for listening, implicit_tls in sockets
        ]
        self._housekeeper.start()
        self._renewal.start()
        if self._seat.index == 0:  # one does it for all
            self._reconciler.start()
            self._rollcall.start()

    def _accept(self, implicit_tls: bool, connection: socket.socket, peer: Address, local: Address) -> None:
        """A connection has come; a balancer's says first whose it is."""
        if peer[0] not in self._trusted:
            self._welcome(implicit_tls, connection, peer, local, None)
            return

        def told(forwarded: socket.socket, header: Header) -> None:
            if header.source is None or header.destination is None:
                forwarded.close()  # the balancer only looked whether we are there
            else:
                self._welcome(implicit_tls, forwarded, header.source, local, header.destination[0])

        HeaderReader(self._loop, connection, told)

    def _welcome(
        self,
        implicit_tls: bool,
        connection: socket.socket,
        peer: Address,
        local: Address,
        announced: str | None,
    ) -> None:
        """A client has come: greet it, or tell it why not. `announced` is the address that it knows us by."""
        refusal = self._refusal(peer[0])
        if refusal:
            event(logger, logging.WARNING, "connection refused", address=peer[0], reason=refusal)
            with contextlib.suppress(OSError):
                connection.send(Reply(421, (refusal,)).encode())
            connection.close()
            return
        link = Link(
            self._seat.next_number(),
            peer,
            local,
            deflate=self._settings.deflate,
            tls_offered=self._tls.offered,
            tls_required=self._tls.required,
            announced=announced,
        )
        control = Control(self._facilities, connection, link, self._closed)
        self._controls.add(control)
        try:
            control.start(GREETING, implicit_tls)
        except OSError as error:
            control.close(str(error))  # gives its place back

    def _refusal(self, address: str) -> str:
        """Count one more session from this address, "", or tell why there may not be one."""
        limits = self._settings.limits
        if self._leaving:
            return _FAREWELL
        if not self._seat.enter(limits.sessions):
            return "The server has as many sessions as it may, try again later."
        if self._addresses.enter(address, limits.sessions_per_address) is not None:
            self._seat.leave()
            return "Your address has as many sessions as it may."
        return ""

    def _closed(self, control: Control) -> None:
        self._controls.discard(control)
        if not self._controls:
            self._alone.set()
        self._addresses.leave(control.link.peer[0])
        self._seat.leave()

    def _later(self, seconds: float, work: Callable[[], None]) -> None:
        """Have the loop do something after a while; from any thread."""
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, work)

    def _change_ledger(self, ledger: AnyLedger) -> None:
        """Use this ledger from now on; changes under way were granted by the old one and end with it."""
        self._ledger = ledger
        self._desk.ledger, self._desk.traffic = ledger, ledger.traffic
        for control in self._controls:
            if isinstance(control.peer, Session):
                self._desk.reopen_books(control.peer)

    def reload(self) -> None:
        """Read the settings and the certificate anew (SIGHUP); those connected keep what they have."""
        try:
            settings, waiting = renewed(self._settings)
        except Faulty as faulty:
            for fault in faulty.faults:
                logger.error("the settings stay as they were: %s", fault)
            return
        self._settings = settings
        self._desk.settings = settings
        self._announcer = Announcer(settings.passive)
        self._desk.announce = self._announcer.address
        self._facilities = replace(self._facilities, limits=settings.limits)
        login = settings.login
        self._throttle.set(login.failures, login.within_seconds, login.ban_seconds)
        self._housekeeper.hurry()
        change_logging(settings.log.level, settings.log.format)
        logger.info("the settings were read anew")
        if waiting:
            logger.warning("%s: changed, counts after a restart", ", ".join(waiting))

    async def close(self) -> None:
        """Accept nobody, say 421 to everybody, leave the ledger clean."""
        self._leaving = True
        self._housekeeper.stop()
        self._renewal.stop()
        self._admin.close()
        for listener in self._listeners:
            listener.close()
        for control in list(self._controls):
            control.leave(_FAREWELL)
        while self._controls:  # whose upload a disk keeps: it ends as it should while the ledger is open
            self._alone.clear()
            await self._alone.wait()
        await self._turns.close()
        self._passive.close()
        self._checker.close()
        self._reconciler.stop()
        self._rollcall.stop()
        self._patience.close()
        self._threads.close()
        self._presence.close()
        self._ledger.close()

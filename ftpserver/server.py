"""The service: who may come, the parts that serve them, a clean start and a clean end.

One process runs one loop. `serve` is its whole life: bind, say "listening on", work until SIGTERM or SIGINT, say
goodbye to everybody and leave the ledger clean.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import uvloop

from ftpserver.accounts.store import AccountStore
from ftpserver.auth.authenticator import Authenticator
from ftpserver.auth.password import PasswordChecker
from ftpserver.auth.throttle import Throttle
from ftpserver.config.fault import Faulty
from ftpserver.config.settings import Settings, load_settings
from ftpserver.control import Control, Facilities
from ftpserver.data.announce import Announcer
from ftpserver.data.passive import PassivePorts
from ftpserver.data.proxy import Header, HeaderReader, Trusted
from ftpserver.listener import ControlListener, bind, shown
from ftpserver.log import event, start_logging
from ftpserver.login import Desk, staging_of
from ftpserver.quota.base import LedgerFault
from ftpserver.quota.refusals import RefusalMemory
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.reconcile import Reconciler
from ftpserver.renewal import Renewal
from ftpserver.session import Address, Link
from ftpserver.storage.hidden import sweep_staging
from ftpserver.tls import TlsFault, TlsService
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

GREETING = Reply(220, ("FTP server ready.",))
_DISK_THREADS = 8
_HOUSEKEEPING = 5.0
# A control connection is silent while data flows or a hash is computed: probes keep it alive in a NAT's table.
_KEEPALIVE = (
    ((socket.SOL_SOCKET, socket.SO_KEEPALIVE), 1),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), 60),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPINTVL), 30),
    ((socket.IPPROTO_TCP, socket.TCP_KEEPCNT), 4),
)
_LOOKUP_EVERY = 12  # housekeepings


class Service:
    """One process of the service."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: Settings) -> None:
        """Open the ledger and bring the parts together. Raises LedgerFault."""
        self._loop = loop
        self._settings = settings
        self._pool = ThreadPoolExecutor(_DISK_THREADS, thread_name_prefix="disk")
        self._ledger = SqliteLedger(settings.state)
        self._checker = PasswordChecker()
        self._checker.prepare()
        login = settings.login
        throttle = Throttle(loop.time, login.failures, login.within_seconds, login.ban_seconds)
        accounts = AccountStore(settings.accounts)
        authenticator = Authenticator(accounts, self._checker, throttle, loop.time)
        self._trusted = Trusted(settings.trusted_proxies)
        self._passive = PassivePorts(loop, settings.passive.ports, self._trusted)
        self._announcer = Announcer(settings.passive)
        self._desk = Desk(
            loop,
            settings,
            authenticator,
            self._ledger,
            self._ledger.traffic,
            self._passive,
            self._announcer.address,
            RefusalMemory(loop.time),
        )
        self._tls = TlsService(settings.tls)
        self._facilities = Facilities(loop, self._desk, self._pool, self._tls, settings.limits)
        self._controls: set[Control] = set()
        self._renewal = Renewal(loop, self._pool, accounts, self._desk, lambda: self._controls)
        self._reconciler = Reconciler(
            self._ledger, settings.homes, settings.state, settings.reconcile_seconds
        )
        self._addresses: Counter[str] = Counter()
        self._listeners: list[ControlListener] = []
        self._numbers = 0
        self._rounds = 0
        self._housekeeper: asyncio.TimerHandle | None = None

    def listen(self, sockets: list[tuple[socket.socket, bool]]) -> list[Address]:
        """Accept on these sockets, with TLS from the first byte on those marked; returns their addresses."""
        self._listeners = [
            ControlListener(self._loop, listening, partial(self._accept, implicit_tls))
            for listening, implicit_tls in sockets
        ]
        self._keep_house()
        self._renewal.start()
        self._reconciler.start()
        return [listener.address for listener in self._listeners]

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
        limits = self._settings.limits
        refusal = ""
        if limits.sessions and len(self._controls) >= limits.sessions:
            refusal = "The server has as many sessions as it may, try again later."
        elif limits.sessions_per_address and self._addresses[peer[0]] >= limits.sessions_per_address:
            refusal = "Your address has as many sessions as it may."
        if refusal:
            event(logger, logging.WARNING, "connection refused", address=peer[0], reason=refusal)
            with contextlib.suppress(OSError):
                connection.send(Reply(421, (refusal,)).encode())
            connection.close()
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        for option, value in _KEEPALIVE:
            connection.setsockopt(*option, value)
        self._numbers += 1
        self._addresses[peer[0]] += 1
        link = Link(
            self._numbers,
            peer,
            local,
            deflate=self._settings.deflate,
            tls_offered=self._tls.offered,
            tls_required=self._tls.required,
            announced=announced,
        )
        control = Control(self._facilities, connection, link, self._closed)
        self._controls.add(control)
        control.start(GREETING, implicit_tls)

    def _closed(self, control: Control) -> None:
        self._controls.discard(control)
        address = control.link.peer[0]
        self._addresses[address] -= 1
        if self._addresses[address] <= 0:
            del self._addresses[address]

    def _keep_house(self) -> None:
        """From time to time, on a thread: look for dead processes, write the ledger's log, look up host names."""
        self._rounds += 1
        future = self._loop.run_in_executor(self._pool, self._housework, self._rounds % _LOOKUP_EVERY == 1)
        future.add_done_callback(self._house_kept)

    def _housework(self, look_up: bool) -> None:
        with contextlib.suppress(LedgerFault):
            self._ledger.void_the_dead()
        self._ledger.checkpoint()
        self._tls.reload()
        if look_up:
            self._announcer.refresh()

    def _house_kept(self, future: "asyncio.Future[None]") -> None:
        if not future.cancelled() and future.exception() is not None:
            logger.error("housekeeping failed: %s", future.exception())
        self._housekeeper = self._loop.call_later(_HOUSEKEEPING, self._keep_house)

    def reload(self) -> None:
        """Read the settings and the certificate anew (SIGHUP); those connected keep what they have.

        Addresses, directories and the number of workers stay: they need a restart.
        """
        try:
            settings = load_settings(self._settings.path)
        except Faulty as faulty:
            for fault in faulty.faults:
                logger.error("the settings stay as they were: %s", fault)
            return
        self._settings = settings
        self._desk.settings = settings
        self._announcer = Announcer(settings.passive)
        self._desk.announce = self._announcer.address
        self._facilities = replace(self._facilities, limits=settings.limits)
        self._loop.run_in_executor(self._pool, self._housework, True)
        logger.info("the settings were read anew")

    def close(self) -> None:
        """Accept nobody, say 421 to everybody, leave the ledger clean."""
        if self._housekeeper is not None:
            self._housekeeper.cancel()
        self._renewal.stop()
        for listener in self._listeners:
            listener.close()
        for control in list(self._controls):
            control.leave("The server is shutting down.")
        self._passive.close()
        self._checker.close()
        self._reconciler.stop()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._ledger.close()


async def _work(settings: Settings, sockets: list[tuple[socket.socket, bool]]) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    service = Service(loop, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    loop.add_signal_handler(signal.SIGHUP, service.reload)
    try:
        for address in service.listen(sockets):
            print(f"listening on {shown(address)}", file=sys.stderr, flush=True)
        await stopped.wait()
    finally:
        service.close()
        await asyncio.sleep(0)  # let what was called back by the end be carried out


def serve(settings: Settings) -> int:
    """Run the service until it is told to stop; returns the exit code. Raises OSError when it cannot listen."""
    with contextlib.ExitStack() as bound:
        sockets = []
        for entry in settings.listen:
            for listening in bind(entry.host, entry.port):
                bound.callback(listening.close)
                sockets.append((listening, entry.tls == "implicit"))
        staging = staging_of(settings)
        staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep_staging(staging)
        output = start_logging(settings.log.level, settings.log.format)
        try:
            uvloop.run(_work(settings, sockets))
        except (LedgerFault, TlsFault) as fault:
            logger.error("the service cannot start: %s", fault)
            return 1
        finally:
            output.stop()
    return 0

"""Commands in memory: dispatch with a real account, a real jail and a real ledger, and no control connection.

    book.say("USER ada") >> 331
    book.say(f"PASS {PASSWORD}") >> 230
    book.say("MKD x") >> 257

A Playbook does with outcomes what `control` does, as far as it can be done without a network: it lets a visitor in,
sends one back, reads what would be sent and fills what would be received. Everything below dispatch is the product.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import yaml

from ftpserver.accounts.store import AccountStore
from ftpserver.auth.authenticator import Authenticator
from ftpserver.auth.password import PasswordChecker
from ftpserver.auth.throttle import Throttle
from ftpserver.config.settings import load_settings
from ftpserver.control.dispatch import dispatch
from ftpserver.data.passive import PassivePorts
from ftpserver.login import Desk
from ftpserver.outcome import Admit, Identify, Leave, Login, Outcome, Receive, Recite, Restart, Send, Tell
from ftpserver.quota.refusals import RefusalMemory
from ftpserver.quota.rolls import Rolls
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.session import Link, Peer, Session, Visitor
from ftpserver.upload import Ending, Fate
from ftpwire.command import Command
from ftpwire.reply import Reply
from tests.service import PASSWORD, hashed

T = TypeVar("T")


class Said:
    """What a command came to; `>> code` is the assertion."""

    def __init__(self, line: str | bytes, outcome: Outcome) -> None:
        self.outcome = outcome
        self._line = line
        self.done = False

    @property
    def reply(self) -> Reply:
        """The first reply the client would see."""
        match self.outcome:
            case Reply():
                return self.outcome
            case Send() | Tell() | Receive():
                return self.outcome.opening
            case Recite(code, opening, _, closing):
                return Reply(code, (opening, closing))
            case other:
                return other.reply  # type: ignore[union-attr]

    @property
    def code(self) -> int:
        return self.reply.code

    @property
    def text(self) -> str:
        return self.reply.text

    def __rshift__(self, code: int) -> Self:
        assert self.code == code, f"{self._line!r}: {self.code} {self.text!r}, not {code}"
        return self

    def lines(self) -> list[str]:
        """The lines of a listing."""
        if isinstance(self.outcome, Recite):
            return list(self.outcome.lines)
        assert isinstance(self.outcome, Tell), self.outcome
        text = b"".join(self.outcome.chunks).decode("utf-8", "surrogateescape")
        assert text.endswith("\r\n") or not text
        return text.split("\r\n")[:-1]

    def content(self) -> bytes:
        """The bytes of the file that would be sent, before any conversion."""
        assert isinstance(self.outcome, Send), self.outcome
        source = self.outcome.source
        try:
            return os.pread(source.fd, source.size, source.offset)
        finally:
            source.close()

    def take(self, content: bytes, ending: Ending = Ending.COMPLETE) -> Fate:
        """Fill the file that would be received and end the upload."""
        assert isinstance(self.outcome, Receive), self.outcome
        upload, self.done = self.outcome.upload, True
        try:
            upload.cover(upload.offset + len(content))
            os.pwrite(upload.fd, content, upload.offset)
        except BaseException:
            upload.abandon()
            raise
        return upload.finish(ending)


class Playbook:
    """One client, one server process's worth of parts."""

    def __init__(self, folder: Path, peer: str = "127.0.0.1", local: str = "127.0.0.1") -> None:
        self.folder = folder
        for name in ("accounts", "homes", "state", "conf"):
            (folder / name).mkdir(exist_ok=True)
        (folder / "state").chmod(0o700)
        (folder / "conf" / "ftpserver.yaml").write_text("tls: {mode: 'off'}\nlogin: {failures: 0}\n")
        self.settings = load_settings(folder / "conf" / "ftpserver.yaml")
        self._loop = asyncio.new_event_loop()
        self.ledger = SqliteLedger(self.settings.state)
        self._checker = PasswordChecker(threads=1)
        clock = self._loop.time
        authenticator = Authenticator(
            AccountStore(self.settings.accounts), self._checker, Throttle(clock, 0, 1, 1), clock
        )
        self._passive = PassivePorts(self._loop, None)
        self.desk = Desk(
            self._loop,
            self.settings,
            authenticator,
            self.ledger,
            self.ledger.traffic,
            self._passive,
            lambda client, local: local,
            RefusalMemory(clock),
            Rolls(self.settings.accounts, self.settings.homes, self.settings.state),
        )
        self.link = Link(1, (peer, 40000), (local, 21))
        self.peer: Peer = Visitor(self.link)
        self._held: list[Said] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for said in self._held:
            if isinstance(said.outcome, Send):
                said.outcome.source.close()
            elif isinstance(said.outcome, Receive) and not said.done:
                said.outcome.upload.abandon()
        self._leave()
        self._passive.close()
        self._checker.close()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self.ledger.close()

    # -- the world -----------------------------------------------------------------------------------------

    def add_user(self, name: str, **account: Any) -> Path:
        """Write an account and return its home, which is made too."""
        document = {"password": hashed(PASSWORD), "home": name, **account}
        (self.folder / "accounts" / f"{name}.yaml").write_text(yaml.safe_dump(document))
        home = self.folder / "homes" / name
        home.mkdir(exist_ok=True)
        return home

    @property
    def session(self) -> Session:
        assert isinstance(self.peer, Session), "nobody is logged in"
        return self.peer

    @property
    def home(self) -> Path:
        """The home of who is logged in."""
        return self.session.account.home_path(self.settings.homes)

    # -- the dialogue --------------------------------------------------------------------------------------

    def say(self, line: str | bytes) -> Said:
        """Carry out one command."""
        data = line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line
        outcome = self._wait(dispatch(self.peer, Command.decode(data), self._on_thread, self._outwait))
        if isinstance(outcome, Identify):
            outcome = self.desk.identify(self._visitor(), outcome.name)
        elif isinstance(outcome, Login):
            outcome = self._wait(self.desk.log_in(self._visitor(), outcome.name, outcome.password))
        if isinstance(outcome, Admit):
            self.peer = outcome.session
        elif isinstance(outcome, Restart | Leave):
            self._leave()
            self.peer = Visitor(self.link)
        said = Said(line, outcome)
        self._held.append(said)
        return said

    def login(self, name: str = "ada", **account: Any) -> Path:
        """Make an account and log in; returns the home."""
        home = self.add_user(name, **account)
        self.say(f"USER {name}") >> 331
        self.say(f"PASS {PASSWORD}") >> 230
        self.say("TYPE I") >> 200
        return home

    def _visitor(self) -> Visitor:
        if isinstance(self.peer, Session):
            self._leave()
            self.peer = Visitor(self.link)
        return self.peer

    def _leave(self) -> None:
        if isinstance(self.peer, Session):
            self.desk.leave(self.peer)

    def _wait(self, outcome: Outcome | Awaitable[Outcome]) -> Outcome:
        if isinstance(outcome, Awaitable):
            return self._loop.run_until_complete(self._finished(outcome))
        return outcome

    async def _on_thread(self, session: Session, work: Callable[[], T]) -> T:
        return await self._loop.run_in_executor(None, work)

    async def _outwait(self, home: str, work: Callable[[], None]) -> None:
        await self._loop.run_in_executor(None, work)

    @staticmethod
    async def _finished(coming: Awaitable[T]) -> T:
        return await coming

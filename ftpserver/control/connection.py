"""One control connection's life; the only place that writes replies.

Lines come from the channel, a line becomes an outcome, an outcome is carried out here. Commands are carried out one
after the other: while a transfer or a thread is at work the lines wait, but for ABOR, which ends the transfer, and
STAT, which is answered in between.

Replies go out in one piece when a run of lines is worked off, but always before data moves (the 150) and before
anything waits. A client that does not read its replies is not read either.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Coroutine
from types import CoroutineType

from ftpserver.commands.table import Interrupt
from ftpserver.control.channel import ControlChannel, Lines
from ftpserver.control.deadlines import Deadlines
from ftpserver.control.dispatch import dispatch
from ftpserver.control.facilities import Facilities
from ftpserver.control.lines import Stranger, interrupt_of, overflow, read
from ftpserver.control.protection import Protection
from ftpserver.control.replies import Replies
from ftpserver.control.surroundings import Surroundings
from ftpserver.control.transfer import Transfer, release
from ftpserver.log import event
from ftpserver.outcome import (
    Admit,
    Identify,
    Leave,
    Login,
    Outcome,
    Receive,
    Recite,
    Restart,
    Secure,
    Send,
    Tell,
    Unsecure,
)
from ftpserver.quota.base import LedgerFault, TrafficExceeded
from ftpserver.refusal import FAILED, reply_to
from ftpserver.session import Link, Peer, Session, Visitor
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

_MOST_UNSENT = 256 * 1024


class Control:
    """A control connection."""

    __slots__ = (
        "_around",
        "_began",
        "_channel",
        "_closing",
        "_deadlines",
        "_facilities",
        "_farewell",
        "_lines",
        "_loop",
        "_on_close",
        "_protection",
        "_replies",
        "_task",
        "_verb",
        "_working",
        "born",
        "link",
        "peer",
        "transfer",
    )

    def __init__(
        self,
        facilities: Facilities,
        connection: socket.socket,
        link: Link,
        on_close: Callable[["Control"], None],
    ) -> None:
        self.link = link
        self.peer: Peer = Visitor(link)
        self._facilities = facilities
        self._loop = facilities.loop
        self._channel = ControlChannel(self._loop, connection, self._take_lines, self._ended, self._sent)
        self._on_close = on_close
        self._lines: Lines = []  # not a deque: nearly always empty, and that is much larger
        self.transfer: Transfer | None = None
        self._task: asyncio.Task[None] | None = None
        self._replies = Replies(self._loop, facilities.pool, self._channel, link)
        self._protection: Protection | None = None
        self._around: Surroundings | None = None
        self._working = False
        self._closing = False
        self._farewell = ""  # why we close when the transfer has ended
        self._deadlines = Deadlines(facilities.timers, facilities.limits, self)
        self.born = self._began = self._deadlines.touched
        self._verb = ""

    def start(self, greeting: Reply, implicit_tls: bool) -> None:
        """Greet the client, after a handshake where TLS is implicit, and begin to read."""
        self._deadlines.start()
        if implicit_tls:
            # RFC 4217 has no implicit TLS; its clients expect data connections to be private too.
            self.link.buffer_size_said = True
            self._protect().begin(True, lambda: self._replies.say(greeting))
        else:
            self._replies.say(greeting)
            self._channel.resume()

    # Lines ------------------------------------------------------------------------------------------------------

    def _take_lines(self, lines: Lines) -> None:
        if self._farewell:
            return
        if isinstance(self.peer, Session):
            self._deadlines.touch()
        if self.transfer is not None:
            lines = self._interrupt(lines)
        self._lines.extend(lines)
        if len(self._lines) > 1 and overflow(self._lines):  # mostly it is one, and none is too long
            self._channel.pause()
        self._work()

    def _interrupt(self, lines: Lines) -> Lines:
        """During a transfer: let ABOR end it and STAT be answered; returns the lines that wait."""
        waiting: Lines = []
        for line in lines:
            interrupt = interrupt_of(line)
            if self.transfer is None or interrupt is Interrupt.WAITS:
                waiting.append(line)
            elif interrupt is Interrupt.ABORTS:
                self._lines.extend(waiting)
                self._lines.append(line)
                waiting = []
                self.transfer.abort("ABOR")
            else:
                self._handle(line)
                self._channel.flush()
        return waiting

    def _ended(self, reason: str) -> None:
        """The client has ended its side, or the connection is lost: what was said before may still be carried out."""
        if reason:
            self.close(reason)
        elif self.transfer is not None:
            self.close("the client closed the connection during a transfer")
        else:
            self._work()

    def _sent(self) -> None:
        if isinstance(self.peer, Session):
            self._deadlines.touch()
        self._replies.go_on()
        self._work()

    @property
    def at_work(self) -> bool:
        """Whether a thread works for it."""
        return self._task is not None

    @property
    def _busy(self) -> bool:
        return self.transfer is not None or self._task is not None or self._replies.reciting

    def _work(self) -> None:
        """Carry out the lines that wait, as far as nothing makes them wait longer."""
        if self._working or self._closing:
            return
        self._working = True
        try:
            while self._lines and not self._closing and self._channel.unsent < _MOST_UNSENT:
                if self._busy and not self._abort_that_waits():
                    break
                self._handle(self._lines.pop(0))
        finally:
            self._working = False
        if self._channel.ended and not self._lines and not self._busy:
            self._end()
        else:
            self._channel.flush()
            self._read_on()

    def _abort_that_waits(self) -> bool:
        """Whether an ABOR, sent in one breath with the transfer that runs now, has ended it."""
        if self.transfer is not None and any(interrupt_of(line) is Interrupt.ABORTS for line in self._lines):
            self.transfer.abort("ABOR")
        return not self._busy

    def _end(self) -> None:
        """Close, as soon as the client lets us say what is left."""
        self._channel.flush(last=True)
        if not self._channel.unsent:
            self.close("everything was said")

    def _read_on(self) -> None:
        """Read further, unless the client sends more than it lets us answer."""
        if not self._lines or not overflow(self._lines):
            self._channel.resume()

    def _handle(self, line: bytes | None) -> None:
        """Carry out one line."""
        command = read(line, self.link.charset, isinstance(self.peer, Visitor))
        if isinstance(command, Reply):
            self._reply(command)
            return
        if isinstance(command, Stranger):
            self.close(command.reason)
            return
        if logger.isEnabledFor(logging.DEBUG):
            event(logger, logging.DEBUG, "command", session=self.link.number, line=str(command))
        self._verb = command.verb
        self._carry_out(
            dispatch(self.peer, command, self._facilities.turns.carry_out, self._facilities.patience.wait)
        )

    # Outcomes ---------------------------------------------------------------------------------------------------

    def _carry_out(self, outcome: Outcome | Coroutine[object, None, Outcome]) -> None:
        """Carry an outcome out, now or when it has come."""
        match outcome:
            case Reply():
                self._reply(outcome)
            case Send() | Tell() | Receive():
                self._begin_transfer(outcome)
            case Identify():
                self._reply(self._facilities.desk.identify(self._visitor(), outcome.name))
            case Login():
                self._carry_out(self._facilities.desk.log_in(self._visitor(), outcome.name, outcome.password))
            case Admit():
                self.peer = outcome.session
                outcome.session.port.guard = self._protection  # None: AUTH TLS would begin another session
                self._reply(outcome.reply)
            case Restart():
                self._leave_session()
                self._reply(outcome.reply)
            case Secure():
                self._secure(outcome)
            case Unsecure():
                self._unsecure(outcome)
            case Recite():
                self._replies.recite(outcome, self._work)
            case Leave():
                self._lines.clear()
                self._channel.end()  # it is closed when the client has read what was said before
                self._reply(outcome.reply)
            case CoroutineType():  # much cheaper to tell than an Awaitable
                self._channel.flush()
                self._task = self._loop.create_task(self._await_outcome(outcome))
            case _:
                raise NotImplementedError(outcome)

    async def _await_outcome(self, coming: Coroutine[object, None, Outcome]) -> None:
        try:
            outcome = await coming
        except Exception as error:
            logger.exception("a command failed", exc_info=error)
            outcome = FAILED
        self._task = None
        self._deadlines.touch()
        if self._closing:
            self._undo(outcome)
            return
        self._carry_out(outcome)
        self._work()

    def _undo(self, outcome: Outcome) -> None:
        """The connection ended while a thread worked: give back what the outcome holds."""
        if isinstance(outcome, Admit):
            self._facilities.desk.leave(outcome.session)
        elif isinstance(outcome, Send | Receive):
            release(outcome)

    def _visitor(self) -> Visitor:
        """Who may log in: a member has to leave first."""
        if isinstance(self.peer, Session):
            return self._leave_session()
        return self.peer

    def _leave_session(self) -> Visitor:
        """Nobody is logged in any more; what TLS protects stays protected."""
        if isinstance(self.peer, Visitor):  # neither his failures nor his time are forgiven
            self.peer.name = None
            return self.peer
        self._facilities.desk.leave(self.peer)
        self.peer = Visitor(self.link)
        self._deadlines.touch()
        return self.peer

    def _secure(self, outcome: Secure) -> None:
        self._replies.say(outcome.reply)
        if not self._closing:  # saying it can show that the client is gone
            self._leave_session()
            self._lines.clear()
            self._protect().begin(outcome.private, lambda: None)

    def _unsecure(self, outcome: Unsecure) -> None:
        self._replies.say(outcome.reply)
        if not self._closing:
            self._lines.clear()  # as with AUTH, nothing is said in the middle of the change
            self._protect().end()

    def _protect(self) -> Protection:
        """What TLS protects of this client's connections; most have none, and an idle one keeps nothing for it."""
        if self._protection is None:
            self._protection = Protection(self._facilities.tls, self._channel, self.link)
        return self._protection

    # Transfers --------------------------------------------------------------------------------------------------

    def _begin_transfer(self, job: Send | Tell | Receive) -> None:
        session, desk = self.peer, self._facilities.desk
        assert isinstance(session, Session)
        if self.link.tls_required and not self.link.private:
            release(job)
            self._reply(Reply(521, ("Data connections must be protected here: send PBSZ 0 and PROT P.",)))
            return
        try:
            governor = None if isinstance(job, Tell) else desk.governor(session, isinstance(job, Receive))
        except (TrafficExceeded, LedgerFault) as error:
            release(job)
            self._reply(reply_to(error) or FAILED)
            return
        self._began = self._loop.time()
        self._deadlines.watch_data(self._began)
        self.transfer = Transfer(session, job, governor, self._surroundings(), self._transferred)
        self.transfer.start()

    def _surroundings(self) -> Surroundings:
        """What transfers need, made for the first one."""
        if self._around is None:
            own, say, alive = self._facilities, self._replies.say, self._channel.alive
            self._around = Surroundings(own.data_loop, own.pool, say, alive, own.patience, self._protect())
        return self._around

    def _transferred(self, reply: Reply) -> None:
        self.transfer = None
        self._deadlines.touch()
        self._reply(reply)
        if self._farewell:
            self._say_farewell()
        self._work()

    def _reply(self, reply: Reply) -> None:
        self._replies.write(reply)
        if not self._working:
            self._channel.flush()

    # The end ----------------------------------------------------------------------------------------------------

    def activity(self) -> tuple[str, Transfer | None, float]:
        """What it does now: the verb that a thread works on, or "", the transfer, and since when (the loop's time)."""
        if self.transfer is not None:
            return self._verb, self.transfer, self._began
        return (self._verb if self._busy else ""), None, self._deadlines.touched

    def leave(self, text: str) -> None:
        """Close from our side with a 421 (time-out, shutdown, kick); a transfer that runs ends with 426 first."""
        if self._closing or self._farewell:
            return
        self._lines.clear()
        self._farewell = text
        if self.transfer is None:
            self._say_farewell()
        else:
            self.transfer.abort(text)  # `_transferred` says it: at once, or when a write under way has ended

    def _say_farewell(self) -> None:
        self._replies.say(Reply(421, (self._farewell,)))
        self.close(self._farewell)

    def close(self, reason: str) -> None:
        """End the connection and everything that hangs on it."""
        if self._closing:
            return
        self._closing = True
        self._deadlines.stop()
        event(logger, logging.DEBUG, "closed", session=self.link.number, reason=reason)
        if self.transfer is not None:
            self.transfer.cancel(self._vanish)
        else:
            self._vanish()
        self._channel.close()

    def _vanish(self) -> None:
        """Nothing hangs on it any more: until now its home, and its place among the sessions, were needed."""
        self.transfer = None
        if isinstance(self.peer, Session):
            self._facilities.desk.leave(self.peer)
        self._on_close(self)

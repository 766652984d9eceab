"""From a command line to an outcome: find the row, check who may say it, read the argument, call the handler.

What a command says for a later one is forgotten here, so that no handler can forget to forget; the rows tell which
says what and which uses it up. REST, RANG, RNFR and CPFR hold until that, over whatever comes between: the RFCs want
nothing there, but clients look at sizes, change types and keep connections alive, and who was told 350 would lose a
file if its rest were taken for the whole. ALLO holds until the next verb that does not prepare a transfer. One of these
that fails has said nothing, and nothing holds that was said in its place before.

Most handlers answer at once. One that says `Later`, or that finds its home uncounted or busy, is finished on a thread.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine

from ftpserver.commands import site_verbs, verbs
from ftpserver.commands.table import Audience, Row
from ftpserver.data.passive import NoPort
from ftpserver.log import event
from ftpserver.outcome import Later, Outcome
from ftpserver.quota.base import HomeBusy, Uncounted
from ftpserver.refusal import FAILED, refuse, reply_to
from ftpserver.session import Peer, Said, Session
from ftpwire.command import Command
from ftpwire.pathname import VirtualPath
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

OnThread = Callable[[Session, Callable[[], Outcome]], Awaitable[Outcome]]
"""Runs what may take long for a session on a thread (turns.py)."""
Outwait = Callable[[str, Callable[[], None]], Awaitable[None]]
"""Waits, with others, until the home of this name may be tried again (patience.py)."""

_UNIMPLEMENTED = frozenset({"SMNT", "ADAT", "CONF", "ENC", "MIC"})
_PATIENCE = 10
_PORT_PAUSE = 0.5  # seconds between two looks for a passive port that has become free


def dispatch(
    peer: Peer, command: Command, on_thread: OnThread, outwait: Outwait
) -> Outcome | Coroutine[object, None, Outcome]:
    """What a command comes to; every error that a client can cause is its reply."""
    row: Row | None = None
    try:
        row, text = _row(command)
        _admit(peer, row)
        argument = row.parse(peer, text)
        answer = row.handler(peer, argument)
    except (Uncounted, HomeBusy, NoPort) as error:
        assert row is not None
        return _persist(peer, row, argument, error, on_thread, outwait)
    except Exception as error:
        _forget(peer, row, failed=True)
        return _reply(error)
    if isinstance(answer, Later):
        return _persist(peer, row, argument, answer, on_thread, outwait)
    if row.changes:
        _log_change(peer, row, argument)
    _forget(peer, row)
    return answer


def _row(command: Command) -> tuple[Row, str]:
    """The row and the argument, SITE's subcommand looked up. Raises Refusal."""
    row = verbs.get(command.verb)
    if row is None:
        known = command.verb in _UNIMPLEMENTED
        raise refuse(
            502 if known else 500, "Command not implemented." if known else "Unknown command, try HELP."
        )
    if row.verb == "SITE" and command.argument.strip(" "):
        word, _, rest = command.argument.lstrip(" ").partition(" ")
        row = site_verbs.get(word.upper())
        if row is None:
            raise refuse(504, "Unknown SITE command, try SITE HELP.")
        return row, rest
    return row, command.argument


def _admit(peer: Peer, row: Row) -> None:
    """Raises Refusal when this peer may not say this verb."""
    if isinstance(peer, Session):
        if row.audience is Audience.VISITOR:
            raise refuse(503, "You are logged in already.")
        if row.permission is not None and row.permission not in peer.home.permissions:
            raise refuse(550, f"This account lacks the permission to {row.permission}.")
    elif row.audience is Audience.MEMBER:
        raise refuse(530, "Log in with USER and PASS.")


def _forget(peer: Peer, row: Row | None, failed: bool = False) -> None:
    """Drop what was said for this command, and what one that failed has said for a later one."""
    if not isinstance(peer, Session):
        return
    if (peer.expected or peer.promise is not None) and (row is None or not row.prepares):
        peer.forget(Said.SIZE)
    if row is None:
        return
    for said in row.takes:
        peer.forget(said)
    if failed and row.says is not None:
        peer.forget(row.says)


def _log_change(peer: Peer, row: Row, argument: object) -> None:
    """Who has changed which names; what RNFR and CPFR have named is there still."""
    assert isinstance(peer, Session)
    given = argument if isinstance(argument, list | tuple) else (argument,)
    before = (
        peer.rename_from
        if Said.OLD_NAME in row.takes
        else peer.copy_from
        if Said.SOURCE in row.takes
        else None
    )
    path, *others = (each.text for each in (before, *given) if isinstance(each, VirtualPath))
    number, user = peer.link.number, peer.account.name
    to = " ".join(others) or None
    event(logger, logging.INFO, "change", session=number, user=user, verb=row.verb, path=path, to=to)


async def _persist(
    peer: Peer,
    row: Row,
    argument: object,
    first: Later | Exception,
    on_thread: OnThread,
    outwait: Outwait,
) -> Outcome:
    """Finish on a thread what could not be answered at once, trying again after a count."""
    assert isinstance(peer, Session)
    answer: Outcome | Exception = first
    failed = True
    try:
        for _ in range(_PATIENCE):
            try:
                if isinstance(answer, Exception):
                    await _outwait(answer, peer, outwait)
                    answer = row.handler(peer, argument)
                if isinstance(answer, Later):
                    answer = await on_thread(peer, answer.work)
                failed = False
                if row.changes:
                    _log_change(peer, row, argument)
                return answer
            except (Uncounted, HomeBusy, NoPort) as again:
                answer = again
        return _reply(answer if isinstance(answer, NoPort) else HomeBusy())
    except Exception as error:
        return _reply(error)
    finally:
        _forget(peer, row, failed)


async def _outwait(obstacle: Exception, session: Session, outwait: Outwait) -> None:
    """Do, or wait for, what lets the command be carried out."""
    if isinstance(obstacle, Uncounted):
        await outwait(session.home.name, session.home.recount)
    elif isinstance(obstacle, HomeBusy):
        await outwait(session.home.name, session.home.wait_until_quiet)
    else:
        await asyncio.sleep(_PORT_PAUSE)


def _reply(error: Exception) -> Reply:
    reply = reply_to(error)
    if reply is None:
        logger.exception("a command failed", exc_info=error)
        return FAILED
    return reply

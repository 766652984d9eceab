"""One transfer, from the command to its final reply.

    open the data connection -> 150 -> (TLS handshake) -> a mover of data/ -> close -> settle the file -> 226 or why not

Rules (RFC 959 section 5.4, and what peers get wrong): the 150 is written before the first byte moves; every transfer
ends with exactly one final reply, however it ends; a 226 is never said for data that was dropped; a refused client is
drained, not reset; a download that breaks is reset, so that nobody takes the part for the whole.
"""

import contextlib
import logging
import socket
import ssl
import struct
from collections.abc import Callable
from functools import partial

from ftpserver.control.failure import TLS_NOT_RESUMED, Aborted, is_network, reply_to_failure, tls_failure
from ftpserver.control.placing import place
from ftpserver.control.surroundings import Surroundings
from ftpserver.data.convert import Converter
from ftpserver.data.deflate import DeflatedChunks, Inflate
from ftpserver.data.mover import Mover
from ftpserver.data.pace import Governor
from ftpserver.data.receive import FileReceiver
from ftpserver.data.secure import Handshake, finish
from ftpserver.data.send import Chunks, ChunkSender, FileChunks, FileSender, MadeChunks
from ftpserver.data.text import FromNetwork, ToNetwork
from ftpserver.log import event
from ftpserver.notice import notice
from ftpserver.outcome import Receive, Send, Tell
from ftpserver.quota.base import LedgerFault, QuotaExceeded
from ftpserver.session import Session
from ftpserver.upload import Ending, Fate
from ftpwire.reply import Reply

logger = logging.getLogger(__name__)

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds
_DRAIN_SECONDS = 30.0


class Transfer:
    """Carries out a Send, Tell or Receive and then calls `done` with the final reply, once."""

    __slots__ = (
        "_around",
        "_connection",
        "_done",
        "_ending",
        "_governor",
        "_job",
        "_mover",
        "_port",
        "_secure",
        "_session",
    )

    def __init__(
        self,
        session: Session,
        job: Send | Tell | Receive,
        governor: Governor | None,
        around: Surroundings,
        done: Callable[[Reply], None],
    ) -> None:
        """`governor` decides how fast and how much may be moved."""
        self._session = session
        self._port = session.port
        self._job = job
        self._governor = governor
        self._around = around
        self._done: Callable[[Reply], None] | None = done
        self._connection: socket.socket | None = None
        self._secure: ssl.SSLSocket | None = None
        self._mover: Mover | None = None
        self._ending = False
        """A thread writes an upload's last bytes or puts it in place: how it ends is settled, but not done."""

    @property
    def job(self) -> Send | Tell | Receive:
        """What is carried out."""
        return self._job

    @property
    def moved(self) -> int:
        """Bytes moved so far on the data connection."""
        return self._mover.moved if self._mover is not None else 0

    @property
    def waits_for_disk(self) -> bool:
        """Whether it is our disk that keeps it, and not the client."""
        return self._mover is not None and self._mover.waits_for_disk

    def start(self) -> None:
        """Begin; a small transfer over a connection that stands is finished when this returns."""
        self._port.open(self._opened)

    def abort(self, reason: str) -> None:
        """End it with 426 (or 425 before there was a data connection); after a write that is under way."""
        if self._ending:
            return
        if self._connection is None:
            self._port.drop()
            release(self._job)
            self._finish(Reply(425, (f"{reason}; there was no data connection.",)))
        elif self._mover is None:
            self._ended(Aborted(reason))
        else:
            self._ending = True
            self._mover.stop_and_then(lambda: self._ended(Aborted(reason)))

    def cancel(self, then: Callable[[], None]) -> None:
        """The control connection is gone: end it without a word, and call `then` when it has ended."""
        self._done = lambda reply: then()
        self.abort("The control connection was closed")

    # ------------------------------------------------------------------------------------------------------------

    def _opened(self, connection: socket.socket | None, why: str) -> None:
        if connection is None:
            release(self._job)
            self._finish(Reply(425, (why,)))
            return
        self._connection = connection
        self._around.say(self._job.opening)
        if self._done is None or self._ending:  # saying it has shown that the client is gone
            return
        if self._session.link.private:
            self._shake_hands(connection)
        else:
            self._move()

    def _shake_hands(self, connection: socket.socket) -> None:
        """TLS begins after the 150, if the client did not begin it before (data/early.py)."""
        if isinstance(connection, ssl.SSLSocket):
            self._secure = connection
        else:
            try:
                self._secure = self._around.protection.of_data(connection, isinstance(self._job, Receive))
            except OSError as error:  # the client has gone already
                self._shaken(error)
                return
        self._connection = self._secure
        self._mover = Handshake(self._around.loop, self._secure, self._shaken)
        self._mover.start()

    def _shaken(self, error: Exception | None) -> None:
        if error is None and self._secure is not None and not self._may_resume(self._secure):
            error = TLS_NOT_RESUMED
        if error is None:
            self._move()
            return
        if error is TLS_NOT_RESUMED and isinstance(self._job, Receive):
            self._drain_connection()
        else:
            self._close_connection(reset=error is not TLS_NOT_RESUMED)
        release(self._job)
        self._log(error)
        self._finish(tls_failure(error))

    def _may_resume(self, secure: ssl.SSLSocket) -> bool:
        """Whether the TLS session was resumed, or need not be."""
        link = self._session.link
        allowed = secure.session_reused or not self._around.protection.reuse_required or link.ticket_used_up
        link.ticket_used_up = allowed and isinstance(self._job, Receive) and secure.version() == "TLSv1.3"
        return allowed

    def _move(self) -> None:
        self._mover = self._choose_mover()
        self._mover.start()

    def _choose_mover(self) -> Mover:
        """The shortest way between socket and file that type, mode and protection leave."""
        job, around, connection = self._job, self._around, self._connection
        assert connection is not None
        if isinstance(job, Receive):
            outwait = partial(around.patience.wait, self._session.home.name)  # no method of ours: a cycle
            return FileReceiver(
                around.loop,
                connection,
                job.upload,
                self._converter(job),
                around.pool,
                self._governor,
                self._ended,
                outwait,
            )
        if isinstance(job, Send) and not (job.text or self._secure or self._session.deflate):
            return FileSender(around.loop, connection, job.source, around.pool, self._governor, self._ended)
        return ChunkSender(
            around.loop, connection, self._chunks(job), around.pool, self._governor, self._ended
        )

    def _converter(self, job: Receive) -> Converter | None:
        text = FromNetwork() if job.text else None
        return Inflate(text) if self._session.deflate else text

    def _chunks(self, job: Send | Tell) -> Chunks:
        chunks: Chunks
        if isinstance(job, Send):
            chunks = FileChunks(job.source, ToNetwork(job.after_cr) if job.text else None)
        else:
            charset = self._session.link.charset
            chunks = MadeChunks(job.chunks, None if charset is None else charset.outbound, job.quick)
        return DeflatedChunks(chunks, self._session.deflate_level) if self._session.deflate else chunks

    # ------------------------------------------------------------------------------------------------------------

    def _ended(self, error: Exception | None) -> None:
        if isinstance(self._job, Receive):
            self._end_upload(self._job, error)
            return
        if error is None and isinstance(self._job, Send):
            error = self._cut_short(self._job)
        self._close_connection(reset=error is not None)
        release(self._job)
        self._log(error)
        self._finish(Reply(226, ("Transfer complete.",)) if error is None else reply_to_failure(error))

    def _cut_short(self, job: Send) -> Exception | None:
        """A file that became shorter while it was sent was not sent as the 150 said."""
        if job.text or self._session.deflate or self.moved >= job.source.size - job.source.offset:
            return None
        return Aborted("The file became shorter")

    def _end_upload(self, job: Receive, error: Exception | None) -> None:
        """Close or drain the data connection, then put the file in place or not."""
        error = self._judge_close_notify(error)
        if error is None:
            error = self._incomplete(job)
        ending = Ending.COMPLETE
        if error is not None:
            ending = Ending.CUT if isinstance(error, Aborted) or is_network(error) else Ending.REFUSED
        if ending is Ending.REFUSED:
            self._drain_connection()
        else:
            self._close_connection(reset=isinstance(error, Aborted))
        self._ending = True
        place(self._around, self._session.home, job.upload, ending, partial(self._settled, job, error))

    def _judge_close_notify(self, error: Exception | None) -> Exception | None:
        """Under TLS an end without close_notify may be a cut, but many clients never say it.

        So it is a cut when this client has said it before.
        """
        link = self._session.link
        if isinstance(error, ssl.SSLEOFError):
            return (
                Aborted("The data connection was cut (no TLS close_notify)")
                if link.says_close_notify
                else None
            )
        if error is None and self._secure is not None:
            link.says_close_notify = True
        return error

    def _incomplete(self, job: Receive) -> Exception | None:
        """A clean end of the data is the end of the file only if the client lives and sent what it promised."""
        if not self._around.alive():
            return Aborted("The control connection was closed")
        counted = not (job.text or self._session.deflate)  # as many bytes on the network as in the file
        if counted and not job.upload.keeps_promise(self.moved):
            return Aborted(f"Only {self.moved} of the {job.upload.expected} bytes that ALLO promised came")
        return None

    def _settled(
        self, job: Receive, error: Exception | None, fate: Fate | None, failure: BaseException | None
    ) -> None:
        """The file has its fate: say it."""
        if failure is not None:
            error = error or (
                failure if isinstance(failure, Exception) else Aborted("It could not be stored")
            )
        self._log(error, fate)
        if error is None:
            self._session.home.stored(job.path)
            name = f" Unique file name: {job.name}" if job.name else ""
            self._finish(Reply(226, (f"Transfer complete.{name}{notice(self._session)}",)))
            return
        if isinstance(error, QuotaExceeded):
            self._session.home.refused(job.path, error)
        reply = reply_to_failure(error)
        if fate is Fate.KEPT:
            reply = Reply(reply.code, (f"{reply.lines[0]} What came is kept: resume it or delete it.",))
        self._finish(reply)

    def _close_connection(self, reset: bool) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if reset:
            with contextlib.suppress(OSError):  # it may be gone
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        elif isinstance(connection, ssl.SSLSocket):
            finish(self._around.loop, connection)
            return
        connection.close()

    def _drain_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._around.drainage.drain(self._around.loop, connection, _DRAIN_SECONDS)

    def _finish(self, reply: Reply) -> None:
        if self._governor is not None:
            with contextlib.suppress(LedgerFault):  # then a little too much is booked
                self._governor.close()
        done, self._done = self._done, None
        if done is not None:
            done(reply)

    def _log(self, error: Exception | None, fate: Fate | None = None) -> None:
        job = self._job
        level = logging.DEBUG if isinstance(job, Tell) else logging.INFO
        if not logger.isEnabledFor(level):
            return
        what = job.what if isinstance(job, Tell) else ("upload" if isinstance(job, Receive) else "download")
        event(
            logger,
            level,
            what,
            session=self._session.link.number,
            user=self._session.account.name,
            path=None if isinstance(job, Tell) else job.path.text,
            bytes=self.moved,
            fate=fate.value if fate is not None else None,
            error=None if error is None else (str(error) or type(error).__name__),
        )


def release(job: Send | Tell | Receive) -> None:
    """Give back the file side of a job that moves nothing more."""
    if isinstance(job, Send):
        job.source.close()
    elif isinstance(job, Receive):
        with contextlib.suppress(LedgerFault):  # what it held stays held until the home is counted
            job.upload.abandon_untouched()
    else:
        # ValueError: a thread makes a chunk this moment, and then drops the last reference.
        with contextlib.suppress(ValueError):
            job.chunks.close()

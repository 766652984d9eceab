"""One upload: an open sink and the grant that pays for it, from the first byte to its name.

Theory. `cover` is called before bytes are written and makes sure that the grant covers them: the size
the file will have for a new one (a hole left by REST counts), the growth for one written in place. `finish` makes
the end of it and says what became of it:

* complete: published under its name, in place, settled.
* cut or refused, written in place: what came stays (the client resumes); settled with the size it has.
* cut, new name: kept under its name so that the client can resume, or dropped, as `UploadPolicy.keep` says.
* cut, would have replaced a file: dropped; the old file and the books are as they were.
* refused (no room, a failed disk), not in place: dropped, as there is nothing to resume.
"""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ftpserver.data.receive import Obstacle
from ftpserver.quota.base import Grant, HomeBusy, LedgerFault, QuotaExceeded, Tally, Uncounted
from ftpserver.storage.base import Identity, Removed, Sink, StorageBusy

_TRIES = 5
_LARGEST = 2**60
"""Bytes in a file (an exbibyte): some file systems have sparse files whose sizes no ledger could add up."""


@dataclass(frozen=True, slots=True)
class UploadPolicy:
    """What becomes of a cut upload of a new name (`keep` it or not), and whether a 226 waits for the disk."""

    keep: bool = True
    durable: bool = False


class Ending(Enum):
    """How the data of an upload ended."""

    COMPLETE = "complete"
    CUT = "cut"
    REFUSED = "refused"


class Fate(Enum):
    """What became of an upload."""

    STORED = "stored"
    KEPT = "kept"
    DROPPED = "dropped"


class Upload:
    """A file on its way in. Use `fd`, `offset`, `cover`; then `finish` once."""

    __slots__ = (
        "_before",
        "_check_place",
        "_grant",
        "_in_place",
        "_policy",
        "_recount",
        "_replace",
        "_sink",
        "_tally",
        "expected",
        "fd",
        "offset",
    )

    def __init__(
        self,
        sink: Sink,
        grant: Grant,
        tally: Tally,
        policy: UploadPolicy,
        replace: bool,
        expected: int,
        recount: Callable[[], None] = lambda: None,
        check_place: Callable[[], None] = lambda: None,
    ) -> None:
        self._recount = recount
        self._check_place = check_place
        self._sink = sink
        self._grant = grant
        self._tally = tally
        self._policy = policy
        self._replace = replace
        self._in_place = sink.in_place
        self._before = sink.existing.size if sink.in_place and sink.existing is not None else 0
        self.fd = sink.fd
        self.offset = sink.offset
        """Where the first byte goes."""
        self.expected = expected
        """The size that ALLO promised, 0 when it did not."""

    def keeps_promise(self, count: int) -> bool:
        """Whether `count` bytes are as many as ALLO said.

        RFC 959 reserves room for "the new file" and says nothing of one that is continued: lftp then says what is
        left to send, Perl's Net::FTP the size of the whole.
        """
        return self.offset + count >= self.expected

    def cover(self, end: int) -> None:
        """Make sure that the file may reach to byte `end`.

        Raises QuotaExceeded, LedgerFault, OSError beyond what books can be kept of, and Obstacle while the
        home has to be counted.
        """
        if end > _LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        try:
            self._grant.extend(end - self._before)
        except Uncounted as uncounted:
            raise Obstacle(self._recount) from uncounted
        except HomeBusy as busy:
            raise Obstacle(self._tally.outwait_others) from busy

    def finish(self, ending: Ending, wait: bool = False) -> Fate:
        """End the upload. Raises OSError, QuotaExceeded or LedgerFault when it could not be put in place.

        HomeBusy means: call again, off the loop with `wait`. After any other failure the upload has ended.
        """
        if wait:
            return self._finish_patiently(ending)
        try:
            return self._finish(ending, wait=False)
        except Uncounted as uncounted:
            raise HomeBusy(str(uncounted)) from uncounted

    def _finish_patiently(self, ending: Ending) -> Fate:
        for _ in range(_TRIES):
            try:
                return self._finish(ending, wait=True)
            except Uncounted:
                self._outwait(self._recount)
            except HomeBusy:
                self._outwait(self._tally.outwait_others)
        self.abandon()
        raise LedgerFault("others change this home all the time")

    def _outwait(self, obstacle: Callable[[], None]) -> None:
        try:
            obstacle()
        except BaseException:
            self.abandon()
            raise

    def _finish(self, ending: Ending, wait: bool) -> Fate:
        complete = ending is Ending.COMPLETE
        if not complete and not self._in_place and not self._keepable(ending):
            self.abandon()
            return Fate.DROPPED
        try:
            with self._tally.act(wait):
                return self._finish_in_act(complete)
        except LedgerFault:  # also when the act could not begin
            self._abandon_unknown()
            raise

    def _finish_in_act(self, complete: bool) -> Fate:
        try:
            self._check_place()
            return self._finish_locked(complete)
        except (FileExistsError, StorageBusy, QuotaExceeded):  # nothing has changed
            self.abandon()
            if complete:
                raise
            return Fate.DROPPED
        except (Uncounted, HomeBusy):  # nothing has changed: try again
            raise
        except BaseException:
            self._abandon_unknown()
            raise

    def _keepable(self, ending: Ending) -> bool:
        new = self._sink.existing is None
        return new and ending is Ending.CUT and self._policy.keep and self._sink.size() > 0

    def _finish_locked(self, complete: bool) -> Fate:
        sink, grant = self._sink, self._grant
        size = sink.size()
        if self._in_place:
            sink.publish(replace=False, durable=self._policy.durable)
            grant.settle(size - self._before, 0)
        else:
            grant.assure()
            self._check_loan()
            removed = sink.publish(replace=complete and self._replace, durable=self._policy.durable)
            settle_removed(grant, removed, bytes=size, files=1)
        return Fate.STORED if complete else Fate.KEPT

    def _check_loan(self) -> None:
        """An upload that was to replace a file pays for what it really finds under the name.

        The loan holds only while the lent file is there; where there is no file any more, an entry is needed too.
        """
        if self._sink.existing is None or self._grant.covers_all:
            return
        now, loan = self._sink.current(), self._grant.loan
        if now is None or (loan is not None and now != loan.identity):
            self._grant.forfeit_loan(files=1 if now is None else 0)

    def abandon_untouched(self) -> None:
        """No byte came: the file side is as it was. Raises LedgerFault."""
        try:
            self._grant.release()
        finally:
            self._sink.discard()

    def abandon(self) -> None:
        """Nothing becomes of it: a nameless file vanishes, one in place stays as far as it came."""
        try:
            if self._in_place:
                self._grant.settle(self._sink.size() - self._before, 0)
            else:
                self._grant.release()
        finally:
            self._sink.discard()

    def _abandon_unknown(self) -> None:
        """It failed between the name and its settling: only a count can tell what became of it."""
        try:
            self._grant.settle_unknown()
        finally:
            self._sink.discard()


def settle_removed(grant: Grant, removed: Removed | None, bytes: int, files: int) -> None:
    """Settle a change that brought `bytes` and `files` and made `removed` vanish. Raises LedgerFault."""
    identity: Identity | None = None
    if removed is not None:
        if not removed.exact:
            grant.settle_unknown()
            return
        bytes -= removed.size
        files -= removed.entries
        identity = removed.identity
    grant.settle(bytes, files, identity)

"""Whole files: down to a part and then into place, up and then confirmed, both continued only when verified.

Rules
- A download is complete when the server said 226 and the count equals SIZE (where the server tells sizes). A
  file that changed meanwhile is asked for its size once more.
- Continuing is verified: the last OVERLAP bytes of what is there are fetched again and compared. If they
  differ, or there is more than the server has, we say so and start over. With other clients a partial file full
  of zeros passes.
- An upload is confirmed by SIZE, and given the local file's time where the server can (MFMT).
- A target that is no ordinary file (a pipe, /dev/null) is written straight.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ftpclient.client import Client
from ftpclient.errors import Refused, Unsupported, VerificationFailed
from ftpclient.meter import SILENT, Lane, Meter
from ftpclient.part import PartFile
from ftpwire.entry import Entry

OVERLAP = 64 * 1024
"""Bytes compared before a partial file is continued."""


@dataclass(frozen=True, slots=True)
class Moved:
    """One file that was moved: `size` bytes in all, `resumed` of them from an earlier try."""

    source: str
    target: str
    size: int
    resumed: int = 0


class _Differs(Exception):
    """What is there is not the beginning of what should be there."""


class _Continuation:
    """Takes the bytes from the overlap on: compares first, then writes."""

    def __init__(self, part: PartFile, overlap: int, lane: Lane) -> None:
        self._part = part
        self._left = overlap
        self._lane = lane
        self._begun = False
        part.file.seek(part.have - overlap)

    def write(self, data: memoryview, /) -> int:
        """Compare what overlaps, write what is new."""
        count = len(data)
        if self._left:
            known, data = data[: self._left], data[self._left :]
            if self._part.file.read(len(known)) != known:
                raise _Differs
            self._left -= len(known)
        if data and not self._begun:
            self._begun = True
            self._part.accept()
        self._lane.advance(len(data))
        while data:
            data = data[self._part.file.write(data) :]
        return count

    def end(self) -> None:
        """Check that everything known was seen again."""
        if self._left:
            raise _Differs


class _Comparison:
    """Takes the end of a remote file and compares it with the same place of a local one."""

    def __init__(self, source: BinaryIO, start: int, end: int) -> None:
        source.seek(start)
        self._source = source
        self._left = end - start

    def write(self, data: memoryview, /) -> int:
        """Compare one piece."""
        self._left -= len(data)
        if self._left < 0 or self._source.read(len(data)) != data:
            raise _Differs
        return len(data)

    def end(self) -> None:
        """Check that everything was seen."""
        if self._left:
            raise _Differs


def get_file(
    client: Client,
    remote: str,
    local: Path,
    *,
    resume: bool = False,
    meter: Meter = SILENT,
    entry: Entry | None = None,
) -> Moved:
    """Download one file to exactly `local`; `entry` saves asking for its size and time.

    Raises FtpError for the server's side and OSError for the local one.
    """
    size = entry.size if entry and entry.size is not None else _known_size(client, remote)
    modified = entry.modified if entry else None
    with meter.lane(remote, size) as lane:
        if local.exists() and not local.is_file():
            with local.open("wb") as sink:
                received = client.retrieve(remote, sink, progress=lane.advance)
            _check_size(client, remote, received, size)
            return Moved(remote, str(local), received)
        part = PartFile(local.resolve(), resume)  # through links, as opening it for writing would go
        try:
            resumed = _fetch(client, remote, part, size, lane, meter)
            total = part.file.seek(0, os.SEEK_END)
            _check_size(client, remote, total, size)
            part.commit(modified)
        finally:
            part.close()
    return Moved(remote, str(local), total, resumed)


def _fetch(client: Client, remote: str, part: PartFile, size: int | None, lane: Lane, meter: Meter) -> int:
    have = part.have
    if have and (size is None or have <= size):
        lane.skip(have)
        try:
            _continue(client, remote, part, lane)
            return have
        except (_Differs, Unsupported):
            lane.skip(-have)
    if have:
        meter.note(f"{remote}: what is here cannot be continued, starting over")
    sink = _FreshStart(part, lane)
    client.retrieve(remote, sink)
    sink.begin()
    return 0


def _continue(client: Client, remote: str, part: PartFile, lane: Lane) -> None:
    overlap = min(OVERLAP, part.have)
    sink = _Continuation(part, overlap, lane)
    client.retrieve(remote, sink, offset=part.have - overlap)
    sink.end()


class _FreshStart:
    """Empties the part only when the first bytes arrive: a refused download loses nothing."""

    def __init__(self, part: PartFile, lane: Lane) -> None:
        self._part = part
        self._lane = lane
        self._begun = False

    def begin(self) -> None:
        """Empty the part, once."""
        if not self._begun:
            self._begun = True
            self._part.restart()

    def write(self, data: memoryview, /) -> int:
        """Write one piece."""
        self.begin()
        written = self._part.file.write(data)
        self._lane.advance(written)
        return written


def _check_size(client: Client, remote: str, count: int, size: int | None) -> None:
    if size is not None and count != size and count != _known_size(client, remote):
        raise VerificationFailed(f"{count} bytes are here, the server's file has {size}", path=remote)


def _known_size(client: Client, remote: str) -> int | None:
    """Ask for a size; a refusal says little (directory? hidden? missing?), the transfer's own will say more."""
    try:
        return client.size(remote)
    except Refused:
        return None


def put_file(
    client: Client, local: Path, remote: str, *, resume: bool = False, meter: Meter = SILENT
) -> Moved:
    """Upload one local file to exactly `remote`.

    Raises FtpError for the server's side and OSError for the local one.
    """
    with local.open("rb", buffering=0) as source:
        found = os.fstat(source.fileno())
        regular = stat.S_ISREG(found.st_mode)
        with meter.lane(str(local), found.st_size if regular else None) as lane:
            start = _continued_from(client, source, remote, found.st_size, meter) if resume and regular else 0
            lane.skip(start)
            # An empty new file must still be made; a complete one must not be sent again.
            sent = (
                0
                if start and start == found.st_size
                else client.store(remote, source, offset=start, progress=lane.advance)
            )
    if regular and start + sent < found.st_size:
        raise VerificationFailed(f"{start + sent} of {found.st_size} bytes were sent", path=str(local))
    _confirm(client, remote, start + sent)
    if regular:
        client.set_modified(remote, found.st_mtime)
    return Moved(str(local), remote, start + sent, start)


def _continued_from(client: Client, source: BinaryIO, remote: str, size: int, meter: Meter) -> int:
    have = _known_size(client, remote)
    if not have:
        return 0
    if have <= size:
        start = have - min(OVERLAP, have)
        comparison = _Comparison(source, start, have)
        try:
            client.retrieve(remote, comparison, offset=start)
            comparison.end()
            return have
        except (_Differs, Unsupported):
            pass
    meter.note(f"{remote}: what is there cannot be continued, starting over")
    return 0


def _confirm(client: Client, remote: str, count: int) -> None:
    """Compare what the server has with what was sent; one that tells no sizes is trusted."""
    size = _known_size(client, remote)
    if size is not None and size != count:
        raise VerificationFailed(f"{count} bytes were sent, the server has {size}", path=remote)

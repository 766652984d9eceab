"""TYPE A: the end of a line is LF in a file and CR LF on the network (RFC 959 section 3.1.1.1).

Outbound a LF gets a CR before it unless it has one; inbound CR LF becomes LF. So a file with CR LF ends goes
out as it is and comes back with LF ends; every other byte, a lone CR too, stays. `network_size` and
`file_offset` translate between positions in the file and on the network for SIZE and REST; both read the
file, so they belong on a thread. Between two chunks they call `go_on`, which may raise what ends them.
"""

import os
import re
from bisect import bisect_right
from collections.abc import Callable

_BARE_LF = re.compile(rb"(?<!\r)\n")
_CHUNK = 1024 * 1024

GoOn = Callable[[], None]


class ToNetwork:
    """Converts a file's bytes, chunk by chunk."""

    __slots__ = ("after_cr",)

    def __init__(self, after_cr: bool = False) -> None:
        self.after_cr = after_cr
        """Whether the byte before the next one is a CR."""

    def convert(self, chunk: bytes) -> bytes:
        """The network form of the next bytes of the file."""
        if not chunk:
            return b""
        first_is_ended = self.after_cr and chunk[:1] == b"\n"
        self.after_cr = chunk[-1:] == b"\r"
        if first_is_ended:
            return b"\n" + _BARE_LF.sub(b"\r\n", chunk[1:])
        return _BARE_LF.sub(b"\r\n", chunk)


class FromNetwork:
    """Converts the network's bytes, chunk by chunk."""

    __slots__ = ("_held_cr", "step")

    def __init__(self) -> None:
        self.step = _CHUNK
        self._held_cr = False

    def convert(self, chunk: bytes) -> bytes:
        """The file form of the next bytes; a CR at the end is held back until the next byte is known."""
        if self._held_cr:
            chunk = b"\r" + chunk
        self._held_cr = chunk[-1:] == b"\r"
        if self._held_cr:
            chunk = chunk[:-1]
        return chunk.replace(b"\r\n", b"\n")

    def finish(self) -> bytes:
        """What was held back when the network's bytes ended."""
        held, self._held_cr = self._held_cr, False
        return b"\r" if held else b""


def network_size(fd: int, go_on: GoOn) -> int:
    """How many bytes the file has in its network form. Raises OSError."""
    converter = ToNetwork()
    size = position = 0
    while chunk := os.pread(fd, _CHUNK, position):
        go_on()
        position += len(chunk)
        size += len(converter.convert(chunk))
    return size


def file_offset(fd: int, network: int, size: int, go_on: GoOn) -> tuple[int, bool]:
    """Where byte `network` of the file's network form stands in the file, and whether the byte before it is a CR.

    The position is beyond `size` when the network form is shorter. Raises OSError.
    """
    converter = ToNetwork()
    passed = position = 0
    while position < size and (chunk := os.pread(fd, _CHUNK, position)):
        go_on()
        after_cr = converter.after_cr
        length = len(converter.convert(chunk))
        if passed + length >= network:
            inside, after_cr = _within(chunk, network - passed, after_cr)
            return position + inside, after_cr
        passed += length
        position += len(chunk)
    return position + (network - passed), converter.after_cr


def _within(chunk: bytes, network: int, after_cr: bool) -> tuple[int, bool]:
    """The same within one chunk; `after_cr` tells of the byte before the chunk."""
    bare = [match.start() for match in _BARE_LF.finditer(chunk)]
    if after_cr and bare and bare[0] == 0:
        del bare[0]
    passed = bisect_right(
        range(len(bare)), network, key=lambda i: bare[i] + i + 2
    )  # line ends wholly before it
    if passed < len(bare) and network == bare[passed] + passed + 1:
        return bare[passed], True  # between the CR we put in and the LF
    inside = network - passed
    return inside, chunk[inside - 1 : inside] == b"\r" if inside else after_cr

"""MODE Z: a transfer's bytes as one zlib stream (draft-preston-ftpext-deflate).

Compressing is slow, so the sender makes its chunks on a thread. Expanding is quick, but a few bytes can become very
many; so a receiver reads little at a time (`STEP`), which bounds what one step of the loop has to write, and a
quota stops the rest. A stream that does not end as zlib says it must was cut.
"""

import zlib

from ftpserver.data.convert import Converter
from ftpserver.data.send import Chunks

STEP = 4096
DEFAULT_LEVEL = 6


class DeflatedChunks:
    """Other chunks, compressed."""

    __slots__ = ("_chunks", "_compress", "_ended", "blocking", "of_a_file")

    def __init__(self, chunks: Chunks, level: int = DEFAULT_LEVEL) -> None:
        self.blocking = True
        self.of_a_file = chunks.of_a_file
        self._chunks = chunks
        self._compress = zlib.compressobj(level)
        self._ended = False

    def next(self) -> bytes:
        """See Chunks."""
        while not self._ended:
            chunk = self._chunks.next()
            if chunk:
                compressed = self._compress.compress(chunk)
            else:
                compressed = self._compress.flush()
                self._ended = True
            if compressed:
                return compressed
        return b""


class Inflate:
    """Expands what a client compressed, and hands it on to `then`."""

    __slots__ = ("_expand", "_then", "step")

    def __init__(self, then: Converter | None = None) -> None:
        self.step = STEP
        self._expand = zlib.decompressobj()
        self._then = then

    def convert(self, chunk: bytes) -> bytes:
        """See Converter. Raises ConnectionAbortedError when it is no zlib stream."""
        try:
            expanded = self._expand.decompress(chunk)
        except zlib.error as error:
            raise ConnectionAbortedError(f"the compressed data is broken: {error}") from None
        if self._expand.unused_data:
            raise ConnectionAbortedError("there is more after the end of the compressed data")
        return expanded if self._then is None else self._then.convert(expanded)

    def finish(self) -> bytes:
        """See Converter. Raises ConnectionAbortedError when the stream was cut."""
        if not self._expand.eof:
            raise ConnectionAbortedError("the compressed data was cut")
        return b"" if self._then is None else self._then.finish()

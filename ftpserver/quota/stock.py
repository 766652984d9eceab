"""Room that a process holds in advance, so that a small upload need not ask the ledger before it writes.

Theory. A reservation is a transaction; for a file of some kilobytes it costs more than the file. So where there is
plenty of room (`MARGIN` times as much as is taken) a process takes a stock of bytes and entries for a home at once
and promises it to uploads without asking again. The stock stands in the ledger like everything that is held: what is
on disk never passes used + held, and a process that dies with a stock is voided like one that dies with an upload.

Nobody may be refused for room that lies idle in a stock:

* It is taken, and kept when a change is booked, only far from every limit of the home. A pool has none.
* Before this process refuses anybody it returns it.
* It goes back to the ledger after `SECONDS` at most. Another process that would have to refuse waits that long first
  and then asks again.
"""

BYTES = 1024 * 1024
FILES = 64
MARGIN = 16  # so many times a full stock must be free beside it
SECONDS = 0.25


class Stock:
    """The stock of one home; the caller keeps other threads away."""

    __slots__ = ("bytes", "files")

    def __init__(self) -> None:
        self.bytes = 0
        self.files = 0

    def __bool__(self) -> bool:
        return bool(self.bytes or self.files)

    def take(self, bytes: int, files: int) -> bool:
        """Promise so much of it; False when there is not so much."""
        if bytes > self.bytes or files > self.files:
            return False
        self.bytes -= bytes
        self.files -= files
        return True

    def room(self, bytes: int, files: int) -> tuple[int, int]:
        """How much of what a grant held may be put by."""
        return min(bytes, BYTES - self.bytes), min(files, FILES - self.files)

    def put(self, bytes: int, files: int) -> None:
        """Put this by: it is held and promised to nobody."""
        self.bytes += bytes
        self.files += files

    def clear(self) -> tuple[int, int]:
        """Nothing is left; returns what there was, for the caller to return to the ledger."""
        rest = self.bytes, self.files
        self.bytes = self.files = 0
        return rest

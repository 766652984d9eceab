"""What stands between the network's bytes and a file's: the interface of the inbound converters."""

from typing import Protocol


class Converter(Protocol):
    """Turns what arrives into what is stored."""

    step: int
    """How many bytes of the network to read at a time."""

    def convert(self, chunk: bytes) -> bytes:
        """The file's form of the next bytes."""

    def finish(self) -> bytes:
        """What is left when the network's bytes have ended."""

"""A client that can stop in the middle, and says what it was told instead of raising."""

import ftplib
import socket
from types import TracebackType
from typing import Self

from benchmarks.ground import PASSWORD

RESET = "connection reset"


class Client:
    """One logged-in client of a quota test."""

    def __init__(self, port: int, user: int) -> None:
        self._ftp = ftplib.FTP(timeout=20)
        self._ftp.connect("127.0.0.1", port)
        self._ftp.login(f"u{user}", PASSWORD)
        self._ftp.voidcmd("TYPE I")
        self._data: socket.socket | None = None
        self._broken = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._data is not None:
            self._data.close()
        self._ftp.close()

    def say(self, command: str) -> str:
        """One command; its reply, or what was raised."""
        try:
            return self._ftp.sendcmd(command)
        except (ftplib.Error, OSError, EOFError) as error:
            return str(error)

    def begin(self, name: str) -> str:
        """Begin an upload; what was refused, or nothing."""
        try:
            self._data = self._ftp.transfercmd(f"STOR {name}")
        except (ftplib.Error, OSError, EOFError) as error:
            return str(error)
        return ""

    def send(self, count: int, byte: bytes = b"x") -> bool:
        """Send so many bytes of the upload; whether they could be sent."""
        if self._data is None:
            return False
        try:
            self._data.sendall(byte * count)
        except OSError:
            self._broken = RESET
            return False
        return True

    def end(self) -> str:
        """End the upload; the code of the final reply, and whether the connection was reset before it."""
        if self._data is not None:
            self._data.close()
            self._data = None
        try:
            code = self._ftp.voidresp()[:3]
        except (ftplib.Error, EOFError, OSError) as error:
            code = str(error)[:3]
        return f"{code} after a reset" if self._broken else code

    def store(self, name: str, size: int, byte: bytes = b"x") -> str:
        """A whole upload; the code it ended with."""
        refused = self.begin(name)
        if refused:
            return refused[:3]
        self.send(size, byte)
        return self.end()

"""The control socket: who is here, and away with whom.

Each process of the service listens on a Unix socket, STATE/admin/NUMBER.sock, that only the owner of the state
directory (and root) can reach. A request is one line of JSON, and so is its answer:

    {"do": "who"}                                  {"ok": true, "sessions": [{"session": 3, "user": "alice", ...}]}
    {"do": "kick", "session": 3}                   {"ok": true, "kicked": [3]}
    {"do": "kick", "user": "alice"}                {"ok": true, "kicked": [3, 5]}
    anything else                                  {"ok": false, "error": "..."}

Whoever asks (`ask`) asks every process and puts the answers together. Paths of sockets are short (108 bytes), so both
sides go through a descriptor of the directory.
"""

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from ftpserver.control.connection import Control
from ftpserver.log import event
from ftpserver.outcome import Receive, Tell
from ftpserver.session import Session

logger = logging.getLogger(__name__)

FOLDER = "admin"
_MAX_LINE = 64 * 1024
_PATIENCE = 10.0  # seconds; a process that does not answer in this time is stuck

Answer = dict[str, Any]


class NoService(Exception):
    """No process of the service listens; the text says where it should."""


class Unanswered(Exception):
    """A process of the service does not answer, or not what was asked; the text says which."""


@contextmanager
def _folder(state: Path) -> Iterator[str]:
    """The folder of the sockets, under a short name. Raises OSError."""
    fd = os.open(state / FOLDER, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}"
    finally:
        os.close(fd)


def _connect(path: str) -> socket.socket | None:
    """A connection to a process of the service; None when nobody listens (any more). Raises OSError."""
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_PATIENCE)
        connection.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except BaseException:
        connection.close()
        raise
    return connection


# What the service does ------------------------------------------------------------------------------------------


def prepare(state: Path) -> None:
    """Make the folder, and remove the sockets of processes that are gone; to be called before any listens.

    Raises OSError.
    """
    for folder in (state, state / FOLDER):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (state / FOLDER).chmod(0o700)
    with _folder(state) as sockets:
        for name in os.listdir(sockets):
            if name.endswith(".sock"):
                with contextlib.suppress(OSError):  # whose place it takes will say so
                    _remove_stale(f"{sockets}/{name}")


def _remove_stale(path: str) -> None:
    """Remove a socket on which nobody listens. Raises OSError."""
    connection = _connect(path)
    if connection is not None:
        connection.close()
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def describe(control: Control, now: float) -> Answer:
    """What `who` tells of a session; `now` is the loop's time."""
    link, peer = control.link, control.peer
    session = peer if isinstance(peer, Session) else None
    return {
        "session": link.number,
        "user": None if session is None else session.account.name,
        "address": link.peer[0],
        "port": link.peer[1],
        "since": time.time() - (now - control.born),
        "secure": link.secure,
        "client": link.client,
        "cwd": None if session is None else session.cwd.text,
        **_activity(control, now),
    }


def _activity(control: Control, now: float) -> Answer:
    verb, transfer, since = control.activity()
    seconds = max(0.0, now - since)
    if transfer is None:
        return {"doing": "command" if verb else "idle", "command": verb or None, "seconds": seconds}
    job = transfer.job
    return {
        "doing": job.what if isinstance(job, Tell) else "upload" if isinstance(job, Receive) else "download",
        "path": None if isinstance(job, Tell) else job.path.text,
        "bytes": transfer.moved,
        "rate": round(transfer.moved / seconds) if seconds else 0,
        "seconds": seconds,
    }


class AdminSocket:
    """Answers requests about the sessions of one process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        state: Path,
        number: int,
        controls: Callable[[], Iterable[Control]],
    ) -> None:
        self._loop = loop
        self._state = state
        self._name = f"{number}.sock"
        self._controls = controls
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen; a service that nobody can ask works all the same."""
        try:
            listening = self._bind()
        except OSError as error:
            other = (
                "; another service seems to run with this state" if error.errno == errno.EADDRINUSE else ""
            )
            logger.error("'who' and 'kick' do not work: %s: %s%s", self._state, error.strerror, other)
            return
        self._server = await self._loop.create_unix_server(lambda: _Conversation(self.answer), sock=listening)

    def _bind(self) -> socket.socket:
        listening = socket.socket(socket.AF_UNIX)
        try:
            with _folder(self._state) as folder:
                _remove_stale(f"{folder}/{self._name}")  # of a worker that died in our place
                listening.bind(f"{folder}/{self._name}")
                os.chmod(f"{folder}/{self._name}", 0o600)
            listening.setblocking(False)
        except BaseException:
            listening.close()
            raise
        return listening

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
            with contextlib.suppress(OSError):
                os.unlink(self._state / FOLDER / self._name)

    def answer(self, line: bytes) -> bytes:
        """The line that answers a line."""
        try:
            request = json.loads(line)
            answer = self._answer(request if isinstance(request, dict) else {})
        except ValueError as error:
            answer = {"ok": False, "error": str(error)}
        return json.dumps(answer).encode() + b"\n"

    def _answer(self, request: dict[str, object]) -> Answer:
        match request:
            case {"do": "who"}:
                now = self._loop.time()
                return {"ok": True, "sessions": [describe(control, now) for control in self._controls()]}
            case {"do": "kick", "session": int(number)}:
                return self._kick(lambda control: control.link.number == number)
            case {"do": "kick", "user": str(user)}:
                return self._kick(
                    lambda control: isinstance(control.peer, Session) and control.peer.account.name == user
                )
        raise ValueError("that is no request")

    def _kick(self, meant: Callable[[Control], bool]) -> Answer:
        kicked = []
        for control in [control for control in self._controls() if meant(control)]:
            event(
                logger, logging.WARNING, "kicked", session=control.link.number, address=control.link.peer[0]
            )
            kicked.append(control.link.number)
            control.leave("The administrator has ended the session.")
        return {"ok": True, "kicked": kicked}


class _Conversation(asyncio.Protocol):
    """One connection to the socket: lines in, lines out."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._held = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, and does not say so

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        *lines, self._held = (self._held + data).split(b"\n")
        for line in lines:
            self._transport.write(self._answer(line))
        if len(self._held) > _MAX_LINE:
            self._transport.abort()


# What is asked of it --------------------------------------------------------------------------------------------


def ask(state: Path, request: dict[str, object]) -> list[Answer]:
    """The answers of all processes of the service. Raises NoService, Unanswered, OSError."""
    answers = []
    try:
        with _folder(state) as folder:
            names = [name for name in os.listdir(folder) if name.endswith(".sock")]
            for name in sorted(names, key=lambda name: (len(name), name)):
                connection = _connect(f"{folder}/{name}")
                if connection is not None:
                    with connection:
                        answer = _exchange(connection, name, request)
                    if answer is not None:
                        answers.append(answer)
    except (FileNotFoundError, NotADirectoryError):
        pass
    if not answers:
        raise NoService(f"no service is running on {state}")
    return answers


def _exchange(connection: socket.socket, name: str, request: dict[str, object]) -> Answer | None:
    """A process's answer; None when it has ended meanwhile. Raises Unanswered."""
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as lines:
            line = lines.readline()
        if not line:
            return None
        answer = json.loads(line)
    except ConnectionError:
        return None
    except (OSError, ValueError) as error:
        raise Unanswered(f"process {name.removesuffix('.sock')} of the service does not answer") from error
    if not isinstance(answer, dict) or not answer.get("ok"):
        raise Unanswered(f"process {name.removesuffix('.sock')} of the service answers {answer!r}")
    return answer

"""A uvloop loop that the test turns by hand, and pairs of real sockets."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest
import uvloop

Pair = Callable[[], tuple[socket.socket, socket.socket]]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = uvloop.new_event_loop()
    yield made
    made.run_until_complete(made.shutdown_asyncgens())
    made.close()


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def until(loop: asyncio.AbstractEventLoop, condition: Callable[[], object]) -> None:
    """Turn the loop until something is so; the test's own time limit ends a wait for nothing."""

    async def turning() -> None:
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.001)

    loop.run_until_complete(turning())


def turn(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop do what it has to do now."""
    loop.run_until_complete(asyncio.sleep(0.01))


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Connected TCP sockets: ours, non-blocking, and the client's."""
    made: list[socket.socket] = []

    def make() -> tuple[socket.socket, socket.socket]:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            ours, _ = listener.accept()
        ours.setblocking(False)
        client.settimeout(20)
        made.extend((ours, client))
        return ours, client

    yield make
    for opened in made:
        opened.close()


def read_all(connection: socket.socket) -> bytes:
    """Everything until the peer's end."""
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


class Ends:
    """Notes how a mover ended, and that it did so once."""

    def __init__(self) -> None:
        self.calls: list[Exception | None] = []

    def __call__(self, error: Exception | None) -> None:
        self.calls.append(error)

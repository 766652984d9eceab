"""The four tests. Each returns lines of the table: what was asked, what was found, and whether that is right."""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.base import Peer
from benchmarks.quota.client import Client
from benchmarks.quota.disk import present, used
from benchmarks.quota.servers import QUOTA, books

KB = 1000


@dataclass(frozen=True)
class Finding:
    """One answer."""

    question: str
    answer: str
    right: bool


def _kb(count: int | None) -> str:
    return "not said" if count is None else f"{count / KB:,.0f} KB"


def parallel(peer: Peer, user: int) -> list[Finding]:
    """Four clients upload 700 KB each at the same time."""
    home = peer.homes[user]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(peer.port, user)) for _ in range(4)]
        peak = 0
        refused = [client.begin(f"part{number}") for number, client in enumerate(clients)]
        for _ in range(70):
            for client in clients:
                client.send(10 * KB)
            peak = max(peak, present(home, peer.pid))  # looking takes long enough for the servers to write
        ends = [said[:3] or client.end() for said, client in zip(refused, clients, strict=True)]
    kept = used(home)
    told = Counter(ends)
    honest = told["226"] == sum(1 for path in home.iterdir() if path.stat().st_size == 700 * KB)
    return [
        Finding("4 x 700 KB at once into 1 MB: most on disk", _kb(peak), peak <= QUOTA),
        Finding("… what the clients were told", ", ".join(f"{n} x {end}" for end, n in told.items()), honest),
        Finding("… books = disk", *_compare(books(peer, user), kept)),
    ]


def _compare(counted: int | None, kept: int) -> tuple[str, bool]:
    return (
        f"{_kb(counted)} = {_kb(kept)}" if counted == kept else f"{_kb(counted)}, disk {_kb(kept)}"
    ), counted == kept


def overwrite(peer: Peer, user: int) -> list[Finding]:
    """A file fills the quota and is uploaded anew: as large, then larger than the quota."""
    home = peer.homes[user]
    with Client(peer.port, user) as client:
        client.store("file", QUOTA, b"a")
        same = client.store("file", QUOTA, b"b")
    whole = _content(home / "file") == f"{_kb(QUOTA)} of b"
    found = [
        Finding("the same file again at 100 %", f"{same}; {_content(home / 'file')}", same == "226" and whole)
    ]
    with Client(peer.port, user) as client:
        if not whole:  # put the old state back to ask the next question
            client.say("DELE file")
            client.store("file", QUOTA, b"b")
        more = client.store("file", QUOTA + 200 * KB, b"c")
    kept = _content(home / "file")
    return [
        *found,
        Finding(
            "1.2 MB over it: refused, the old file stays",
            f"{more}; {kept}",
            more == "552" and kept == f"{_kb(QUOTA)} of b",
        ),
        Finding("… books = disk", *_compare(books(peer, user), used(home))),
    ]


def _content(path: Path) -> str:
    if not path.exists():
        return "gone"
    data = path.read_bytes()
    return f"{_kb(len(data))} of {'+'.join(sorted({chr(byte) for byte in set(data)}))}" if data else "empty"


def self_rename(peer: Peer, user: int) -> list[Finding]:
    """A file of 600 KB is renamed to its own name; then more is uploaded than there is room for."""
    home = peer.homes[user]
    with Client(peer.port, user) as client:
        client.store("file", 600 * KB)
        for _ in range(3):
            client.say("RNFR file")
            client.say("RNTO file")
        counted = books(peer, user)
        client.store("more", 900 * KB)
    kept = used(home)
    return [
        Finding("600 KB renamed to its own name, 3 times: counted", _kb(counted), counted == 600 * KB),
        Finding("… then 900 KB more: on disk", _kb(kept), kept <= QUOTA),
    ]


def crash(peer: Peer, user: int) -> list[Finding]:
    """The server is killed in the middle of an upload and started again; then the user fills the quota."""
    home = peer.homes[user]
    with Client(peer.port, user) as client:
        client.begin("half")
        client.send(600 * KB)
        _until(lambda: present(home, peer.pid) >= 600 * KB)
        peer.kill()
    peer.start()
    left = used(home)
    with Client(peer.port, user) as client:
        client.store("whole", 900 * KB)
    kept = used(home)
    return [
        Finding("kill -9 at 600 KB of an upload, restart: left on disk", _kb(left), left <= QUOTA),
        Finding("… then 900 KB more: on disk", _kb(kept), kept <= QUOTA),
        Finding("… books = disk", *_compare(books(peer, user), kept)),
    ]


def _until(question: Callable[[], bool], looks: int = 200) -> None:
    """Ask until it is so; a server that never gets there shows that in the table."""
    for _ in range(looks):
        if question():
            return


SCENARIOS: tuple[Callable[[Peer, int], list[Finding]], ...] = (parallel, overwrite, self_rename, crash)
"""Each with a user of its own; the crash last."""


def examine(peer: Peer) -> list[Finding]:
    """All tests on one server, which is started here."""
    found: list[Finding] = []
    with peer:
        for user, scenario in enumerate(SCENARIOS):
            found += scenario(peer, user)
    return found

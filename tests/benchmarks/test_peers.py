"""Every server starts, takes an upload, gives it back, and leaves no process behind."""

import os

import pytest

from benchmarks.generator import Generator
from benchmarks.ground import SMALL, Ground
from benchmarks.machine import process_tree
from benchmarks.peers import PEERS, available


@pytest.mark.parametrize("key", list(PEERS))
def test_a_peer_serves(key: str, ground: Ground, generator: Generator) -> None:
    peers, notes = available([key], ground)
    if not peers and not ground.root:
        assert "root" in notes[0]
        return
    (peer,) = peers
    with peer:
        ground.fresh(peer.homes, "up")
        for tls in [False, True] if peer.tls else [False]:
            target = peer.target(tls=tls)
            generator.run("login", count=1, clients=2, **target)
            generator.run("stor", name="up/a%c-%n", size=SMALL, count=3, clients=2, **target)
            generator.run("retr", name="up/a%c-2", size=SMALL, count=2, clients=2, **target)
            verb = "MLSD" if peer.mlsd else "LIST"
            listed = generator.run("list", name=f"{verb} many", count=1, **target)
            assert listed.lines >= ground.scale.entries
        if peer.hash:
            generator.run("command", name=f"{peer.hash} small", count=1, **peer.target())
        assert [path.stat().st_size for path in (peer.homes[0] / "up").iterdir()][:3] == [SMALL] * 3
        tree = process_tree(peer.pid)
    assert not [pid for pid in tree if os.path.exists(f"/proc/{pid}") and process_tree(pid) == tree]

"""The load, compiled and not, counts what it did and fails when a transfer does."""

from pathlib import Path

import pytest

from benchmarks.arena import Arena
from benchmarks.generator import Generator, LoadFailed

TASKS = {
    "login": {"clients": 2, "count": 3},
    "retr": {"clients": 2, "count": 3, "name": "small", "size": 4096},
    "stor": {"clients": 2, "count": 3, "name": "up-%c-%n", "size": 100_000},
    "list": {"clients": 1, "count": 6, "name": "MLSD many"},
    "command": {"clients": 2, "count": 3, "name": "SIZE small"},
    "noop": {"clients": 2, "count": 3, "pause": 10},
}


@pytest.mark.parametrize("compiled", [True, False], ids=["gcc", "python"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_load_counts_what_it_did(arena: Arena, compiled: bool, tls: bool) -> None:
    load = Generator(compiled=compiled)
    peer = arena.standing(arena.peers["ours"])
    for mode, options in TASKS.items():
        result = load.run(mode, **options, **peer.target(tls=tls))
        assert result.operations == 6, mode
        assert result.bytes == int(str(options.get("size", 0))) * 6 or mode == "list"
        assert 0 < result.p50 <= result.p99 <= result.max <= result.seconds
        assert result.cpu > 0
    assert {path.stat().st_size for path in peer.homes[1].glob("up-1-*")} == {100_000}
    with load.idle(clients=3, **peer.target(tls=tls)):
        pass


@pytest.mark.parametrize("compiled", [True, False], ids=["gcc", "python"])
def test_a_refused_transfer_is_no_result(arena: Arena, compiled: bool) -> None:
    peer = arena.standing(arena.peers["ours"])
    for mode in ("retr", "stor"):
        with pytest.raises(LoadFailed, match="the server said: 5"):
            Generator(compiled=compiled).run(mode, name="no/such", size=1, count=1, **peer.target())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_bare_loops_move_every_byte(arena: Arena, tls: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    size, kept = arena.scale.middle, []
    remove = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda path: (kept.append(path.stat().st_size), remove(path)))
    assert arena.bare("middle", size, tls=tls, clients=3, count=2).bytes == 6 * size
    assert arena.bare("receive", size, tls=tls, clients=3, count=2).bytes == 6 * size
    assert kept == [size] * 6

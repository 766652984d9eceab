"""Every workload runs on ours and on a peer and gives a value; what it takes is not asked."""

import os

import pytest

from benchmarks.arena import Arena
from benchmarks.measure import OURS, take_turns
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("key", [key for key, workload in WORKLOADS.items() if not workload.full_only])
def test_a_workload_runs(arena: Arena, key: str) -> None:
    workload = WORKLOADS[key]
    row = take_turns(workload.row(arena), workload.participants(arena), 1)
    assert row.failures == {}
    assert len(row.series) > 1 or key == "delay-hash"
    assert OURS in row.series
    if key != "memory":
        assert all(series.median > 0 for series in row.series.values())
    for peer in arena.peers.values():
        assert not [path for home in peer.homes for path in home.glob("visit*")]


def test_a_number_of_workers_means_another_server(arena: Arena) -> None:
    assert "workers" not in WORKLOADS["retr-16"].row(arena).title
    with Arena(arena.ground, arena.generator, [], "2") as other:
        assert WORKLOADS["retr-16"].row(other).title.endswith("workers: 2")
    assert arena.ours_with("1") is arena.peers[OURS]
    assert arena.ours_with("2") is not arena.peers[OURS]


def test_one_processor_is_all_that_another_server_has(arena: Arena) -> None:
    before = os.sched_getaffinity(0)
    one = arena.standing(arena.ours_with("1", processors=1))
    assert one is not arena.peers[OURS]
    assert one.process is not None
    assert len(os.sched_getaffinity(one.process.pid)) == 1
    assert os.sched_getaffinity(0) == before

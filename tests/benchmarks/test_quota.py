"""The quota comparison: ours passes every question, and the questions can be failed."""

from pathlib import Path

import pytest

from benchmarks.peers.base import Peer
from benchmarks.quota.command import compare, table
from benchmarks.quota.servers import SERVERS, OursWithQuota

KEEPS = {"ours": True, "Pure-FTPd": False, "ProFTPD": False}


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.title)
def test_who_keeps_a_quota(kind: type[Peer], open_folder: Path) -> None:
    findings, notes = compare(open_folder / kind.title, [kind])
    if not findings:
        assert "root" in notes[0]
        assert kind is not OursWithQuota
        return
    wrong = [one for one in findings[kind.title] if not one.right]
    # How wrong the others are depends on the moment; that they are is what the questions are for.
    assert (not wrong) == KEEPS[kind.title], wrong
    assert len(table(findings).splitlines()) == len(findings[kind.title]) + 2

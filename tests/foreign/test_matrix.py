"""Every client in every way it can go: plain and TLS, passive and active, IPv4 and IPv6, through one same life.

What is passed here is the table in README.md: see tests/foreign/table.py.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign.conftest import ROOM
from tests.foreign.life import RECORDS, Client, Server, Way, live, record
from tests.foreign.programs import PROGRAMS
from tests.foreign.pythons import LIBRARIES
from tests.foreign.table import recorded, rendered
from tests.service import ROOT, Service

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.needs("curl", "lftp", "tnftp", "ncftpput", "ncftpget", "ncftpls", "wget", "rclone"),
]

CLIENTS = (*PROGRAMS, *LIBRARIES)
CASES = [pytest.param(kind, way, id=f"{kind.name}-{way}") for kind in CLIENTS for way in kind.ways()]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service on IPv4 and IPv6, TLS for those who want it."""
    settings = {"listen": [{"host": host, "port": 0} for host in ("127.0.0.1", "::1")]}
    with Service(tmp_path_factory.mktemp("both") / "service", settings, tls="optional") as running:
        yield running
        running.run("quota", "verify")


@pytest.mark.parametrize(("kind", "way"), CASES)
def test_a_client_s_life(both: Service, kind: type[Client], way: Way, tmp_path: Path) -> None:
    user = re.sub(r"\W", "", f"{kind.name}{way}").lower()
    both.add_user(user, quota=ROOM)
    client = kind(Server(both, way, user, both.home(user)), tmp_path)
    steps = live(client)
    record(client, steps)
    if RECORDS in os.environ:  # the table is being made
        return
    known = [entry for entry in recorded() if (entry["client"], entry["way"]) == (kind.name, str(way))]
    assert [entry["steps"] for entry in known] == [steps], "renew the table: python -m tests.foreign.table"


def test_the_readme_has_the_table_of_what_was_passed() -> None:
    assert rendered(recorded()) in (ROOT / "README.md").read_text("utf-8"), (
        "renew the table: python -m tests.foreign.table"
    )
    passed = {(entry["client"], entry["way"]) for entry in recorded()}
    assert passed == {(kind.name, str(way)) for kind in CLIENTS for way in kind.ways()}

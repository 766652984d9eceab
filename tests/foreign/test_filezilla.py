"""FileZilla uploads one tree and downloads another, plain and over TLS, with and without resumed TLS sessions.

It is stricter than the server: once a data connection has resumed the TLS session of its control connection, one that
does not ends the transfer. With `data_session_reuse: off` it asks a person first; here the person has said yes.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign import tree
from tests.foreign.filezilla import Errand, FileZilla, Screen, Site
from tests.foreign.life import ODD
from tests.service import Service

pytestmark = [pytest.mark.needs("filezilla", "Xvfb", "xdotool"), pytest.mark.timeout(300)]

ROOM = {"bytes": "1GiB", "files": 10_000}


@pytest.fixture(scope="module")
def screen() -> Iterator[Screen]:
    with Screen() as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few files: empty, small, large, deep down, with odd names."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "empty").touch()
    (folder / "deep" / "er" / "one byte").write_bytes(b"1")
    (folder / "deep" / "large").write_bytes(os.urandom(9_000_000))
    for number, name in enumerate(ODD):
        (folder / name).write_bytes(os.urandom(number * 9973))
    return folder


def both_ways(screen: Screen, files: Path, folder: Path, client: FileZilla, home: Path) -> str:
    """Has FileZilla upload `files` and download what lies on the server already; returns its log."""
    tree.plant(files, home / "down")
    errands = [
        errand
        for path in tree.files(files)
        for below, name in [os.path.split(path)]
        for errand in (
            Errand(files / below, f"/up/{below}", name, upload=True),
            Errand(folder / "got" / below, f"/down/{below}", name, upload=False),
        )
    ]
    log = client.work(screen, errands)
    assert re.findall(r"^.* Error: .*$", log, re.MULTILINE) == [], log
    assert tree.differences(files, home / "up") == []
    assert tree.differences(files, folder / "got") == []
    return log


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("reuse", ["off", "prefer", "require"])
def test_filezilla_over_tls(screen: Screen, files: Path, tmp_path: Path, reuse: str, version: str) -> None:
    settings = {"tls": {"data_session_reuse": reuse}, "log": {"level": "debug"}}
    with Service(tmp_path / "service", settings, tls="required") as service:
        service.add_user("ada", quota=ROOM)
        resumes = None if reuse != "off" else False
        client = FileZilla(tmp_path / "filezilla", Site(service, "ada", tls=version, resumes=resumes))
        log = both_ways(screen, files, tmp_path, client, service.home("ada"))
        service.run("quota", "verify", "ada")
        assert " error=" not in service.log, "a data connection was refused"
    handshakes = re.findall(r"Protocol: TLS([\d.]+),", log)
    resumed = log.count("TLS Session resumed")
    connections = log.count("Command: PASV")
    assert set(handshakes) == {version}
    assert connections >= 2 * len(list(tree.files(files)))
    assert len(handshakes) > connections, "some data connection was not over TLS"
    assert resumed == (0 if reuse == "off" else connections)
    assert client.remembers is (reuse != "off")


@pytest.mark.parametrize("mode", ["passive", "active"])
def test_filezilla_in_plain(screen: Screen, files: Path, tmp_path: Path, mode: str) -> None:
    with Service(tmp_path / "service") as service:
        service.add_user("ada", quota=ROOM)
        client = FileZilla(tmp_path / "filezilla", Site(service, "ada", active=mode == "active"))
        log = both_ways(screen, files, tmp_path, client, service.home("ada"))
        service.run("quota", "verify", "ada")
    assert ("Command: PORT" in log) == (mode == "active")
    assert ("Command: PASV" in log) == (mode == "passive")

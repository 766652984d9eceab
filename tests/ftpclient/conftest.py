"""Fixtures of the client's tests: foreign and scripted servers, and a certificate."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpclient.client import Client
from ftpclient.session import Settings
from ftpclient.trust import make_context
from tests.ftpclient.peers import Foreign, Join, Script, find_program, make_certificate, pyftpd, scripted


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A foreign server that is not installed fails its test; nothing here is ever skipped."""
    for mark in item.iter_markers("needs"):
        for program in mark.args:
            if find_program(program) is None:
                pytest.fail(f"{program} is not installed: see .ci/run for the package", pytrace=False)


@pytest.fixture(scope="session")
def pyftpd_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(scope="session")
def pyftpd_port(pyftpd_root: Path) -> Iterator[int]:
    with pyftpd(pyftpd_root) as port:
        yield port


@pytest.fixture(scope="session")
def pyftpd_plain_port(pyftpd_root: Path) -> Iterator[int]:
    with pyftpd(pyftpd_root, "--no-facts") as port:
        yield port


@pytest.fixture(params=["facts", "no facts"])
def foreign(request: pytest.FixtureRequest, pyftpd_root: Path, tmp_path: Path) -> Foreign:
    """An empty home on pyftpdlib, with MLSD and MLST and without."""
    port = request.getfixturevalue("pyftpd_port" if request.param == "facts" else "pyftpd_plain_port")
    home = pyftpd_root / tmp_path.name
    home.mkdir(exist_ok=True)
    return Foreign(port, home.name, "secret", home)


@pytest.fixture
def client(foreign: Foreign) -> Iterator[Client]:
    with Client.connect("127.0.0.1", foreign.port, Settings(timeout=20)) as client:
        client.login(foreign.user, foreign.password)
        yield client


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    """Client settings that believe the test certificate."""
    return make_context(str(certificate))


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted(Script()) as script:
        yield script


@pytest.fixture
def join(script: Script) -> Iterator[Join]:
    """Log in to the scripted server; what is left open is closed."""
    opened: list[Client] = []

    def enter(settings: Settings | None = None) -> Client:
        client = Client.connect("127.0.0.1", script.port, settings or Settings(timeout=10))
        opened.append(client)
        client.login("ada", "secret")
        return client

    yield enter
    for client in opened:
        client.close()

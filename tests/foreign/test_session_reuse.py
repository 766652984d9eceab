"""Data connections that resume the TLS session of their control connection: off, preferred and required.

curl, lftp and ftplib with the usual addition resume, so they work under every setting, in TLS 1.2 and 1.3, also after
uploads; plain ftplib cannot, and is told which switch of the server stops it.
"""

import ftplib
import io
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.foreign import tree
from tests.foreign.clients import curl, curl_text, lftp, lftp_text, url
from tests.foreign.pythons import Reusing
from tests.service import Service

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.fixture(scope="module", params=["off", "prefer", "require"])
def reuse(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server for each setting."""
    settings = {"tls": {"data_session_reuse": request.param}}
    folder = tmp_path_factory.mktemp(request.param)
    with Service(folder / "service", settings, tls="required") as running:
        yield running


@pytest.fixture
def some(tmp_path: Path) -> Path:
    """A few files, one of them large."""
    folder = tmp_path / "some"
    folder.mkdir()
    for number in range(8):
        (folder / f"file {number}").write_bytes(bytes([number]) * 999)
    (folder / "large").write_bytes(bytes(range(256)) * 20_000)
    return folder


@pytest.fixture
def home(reuse: Service, request: pytest.FixtureRequest) -> tuple[str, Path]:
    """A user of this test's own."""
    name = "".join(filter(str.isalnum, request.node.name))
    reuse.add_user(name)
    return name, reuse.home(name)


@pytest.mark.needs("curl")
@pytest.mark.parametrize("version", VERSIONS)
def test_curl(reuse: Service, home: tuple[str, Path], some: Path, tmp_path: Path, version: str) -> None:
    name, directory = home
    user = f"user = {curl_text(f'{name}:{reuse.passwords[name]}')}"
    how = ("--ssl-reqd", "--cacert", str(reuse.certificate), f"--tlsv{version}", "--tls-max", version)
    up, down = [user], [user, "create-dirs"]
    for path in tree.files(some):
        up += [f"upload-file = {curl_text(some / path)}", f"url = {curl_text(url(reuse, path))}"]
        down += [f"url = {curl_text(url(reuse, path))}", f"output = {curl_text(tmp_path / 'got' / path)}"]
    if reuse.settings["tls"]["data_session_reuse"] != "require":
        # Its parallel transfers take their sessions from one box, so one may offer that of another's control
        # connection; `require` is there to refuse just that.
        how = (*how, "--parallel", "--parallel-max", "3")
    curl(up, tmp_path, *how)
    assert tree.differences(some, directory) == []
    curl(down, tmp_path, *how)
    assert tree.differences(some, tmp_path / "got") == []


@pytest.mark.needs("lftp")
def test_lftp(reuse: Service, home: tuple[str, Path], some: Path, tmp_path: Path) -> None:
    name, directory = home
    start = "\n".join(
        [
            "set ftp:ssl-force yes",
            "set ftp:ssl-protect-data yes",
            f"set ssl:ca-file {lftp_text(reuse.certificate)}",
            f"open -u {lftp_text(f'{name},{reuse.passwords[name]}')} ftp://{reuse.host}:{reuse.port}",
        ]
    )
    lftp(f"{start}\nmirror --reverse --parallel=2 {lftp_text(some)} /", tmp_path)
    assert tree.differences(some, directory) == []
    lftp(f"{start}\nmirror --parallel=2 / {lftp_text(tmp_path / 'got')}", tmp_path)
    assert tree.differences(some, tmp_path / "got") == []


@pytest.mark.parametrize("reuse", ["prefer", "require"], indirect=True)
@pytest.mark.parametrize("version", VERSIONS)
def test_ftplib_that_resumes(reuse: Service, home: tuple[str, Path], some: Path, version: str) -> None:
    name, directory = home
    context = reuse.tls_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    with Reusing(context=context, timeout=60, encoding="utf-8") as ftp:
        ftp.connect(reuse.host, reuse.port)
        ftp.login(name, reuse.passwords[name])
        ftp.prot_p()
        for path in tree.files(some):
            with (some / path).open("rb") as file:
                ftp.storbinary(f"STOR {path}", file)
            got = io.BytesIO()
            ftp.retrbinary(f"RETR {path}", got.write)
            assert got.getvalue() == (some / path).read_bytes()
    assert tree.differences(some, directory) == []


def test_ftplib_as_it_comes(reuse: Service, home: tuple[str, Path]) -> None:
    name, directory = home
    with ftplib.FTP_TLS(context=reuse.tls_context(), timeout=60) as ftp:
        ftp.connect(reuse.host, reuse.port)
        ftp.login(name, reuse.passwords[name])
        ftp.prot_p()
        if reuse.settings["tls"]["data_session_reuse"] != "require":
            ftp.storbinary("STOR file", io.BytesIO(b"x" * 100_000))
            assert (directory / "file").stat().st_size == 100_000
            return
        with pytest.raises(ftplib.Error, match=r"^522 .*tls\.data_session_reuse: require"):
            ftp.storbinary("STOR file", io.BytesIO(b"x" * 100_000))
        assert not (directory / "file").exists()
        assert ftp.sendcmd("NOOP").startswith("200")

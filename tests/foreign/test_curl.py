"""curl moves the standard library into and out of the server, plain and over TLS.

Most tests let curl work on eight files at a time: Debian's curl (7.88) sleeps for a second whenever a server is
so quick that its reply to EPSV is there before curl first looks for it, and while one transfer sleeps the others
go on. Nothing a server does can prevent that; pyftpdlib sees the same.
"""

from pathlib import Path

import pytest

from tests.foreign import tree
from tests.foreign.clients import curl, curl_text, url
from tests.service import Service

EIGHT = ("--parallel", "--parallel-max", "8")

pytestmark = [pytest.mark.needs("curl"), pytest.mark.timeout(300)]


def uploads(service: Service, source: Path) -> list[str]:
    """The lines of a configuration file that uploads every file of `source`."""
    lines = ["globoff", "ftp-create-dirs", f"user = {curl_text('ada:' + service.passwords['ada'])}"]
    for path in tree.files(source):
        lines += [f"upload-file = {curl_text(source / path)}", f"url = {curl_text(url(service, path))}"]
    return lines


def downloads(service: Service, paths: list[str], target: Path) -> list[str]:
    """The lines of a configuration file that fetches `paths` below `target`."""
    lines = ["globoff", "create-dirs", f"user = {curl_text('ada:' + service.passwords['ada'])}"]
    for path in paths:
        lines += [f"url = {curl_text(url(service, path))}", f"output = {curl_text(target / path)}"]
    return lines


def test_curl_uploads_the_standard_library(
    service: Service, ada: Path, library: Path, tmp_path: Path
) -> None:
    curl(uploads(service, library), tmp_path, *EIGHT)
    assert tree.differences(library, ada) == []


def test_curl_downloads_the_standard_library(
    service: Service, ada: Path, library: Path, tmp_path: Path
) -> None:
    tree.plant(library, ada)
    curl(downloads(service, list(tree.files(library)), tmp_path / "got"), tmp_path, *EIGHT)
    assert tree.differences(library, tmp_path / "got") == []


@pytest.mark.parametrize("method", ["multicwd", "nocwd", "singlecwd"])
def test_curl_moves_files_one_by_one_on_one_connection(
    service: Service, ada: Path, package: Path, tmp_path: Path, method: str
) -> None:
    few = package / "json"
    how = ("--ftp-method", method)
    curl(uploads(service, few), tmp_path, *how)
    assert tree.differences(few, ada) == []
    curl(downloads(service, list(tree.files(few)), tmp_path / "got"), tmp_path, *how)
    assert tree.differences(few, tmp_path / "got") == []


@pytest.mark.parametrize("version", ["--tls-max 1.2", "--tlsv1.3"])
def test_curl_moves_files_over_tls(
    tls_service: Service, tls_ada: Path, package: Path, tmp_path: Path, version: str
) -> None:
    secure = ("--ssl-reqd", "--cacert", str(tls_service.certificate), *version.split(), *EIGHT)
    curl(uploads(tls_service, package), tmp_path, *secure)
    assert tree.differences(package, tls_ada) == []
    curl(downloads(tls_service, list(tree.files(package)), tmp_path / "got"), tmp_path, *secure)
    assert tree.differences(package, tmp_path / "got") == []


def test_curl_resumes_a_download_and_an_upload(service: Service, ada: Path, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    ada.mkdir(parents=True)
    (ada / "down").write_bytes(content)
    (tmp_path / "got").write_bytes(content[:300_000])
    (tmp_path / "up").write_bytes(content)
    (ada / "up").write_bytes(content[:300_001])
    user = f"user = {curl_text('ada:' + service.passwords['ada'])}"
    resume = [user, "continue-at = -"]
    curl([*resume, f"url = {curl_text(url(service, 'down'))}", 'output = "got"'], tmp_path)
    curl([*resume, f"url = {curl_text(url(service, 'up'))}", 'upload-file = "up"'], tmp_path)
    assert (tmp_path / "got").read_bytes() == content
    assert (ada / "up").read_bytes() == content


def test_curl_moves_files_by_active_mode(service: Service, ada: Path, tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"active" * 10_000)
    user = f"user = {curl_text('ada:' + service.passwords['ada'])}"
    there = f"url = {curl_text(url(service, 'there'))}"
    curl([user, 'ftp-port = "-"', there, 'upload-file = "here"'], tmp_path)
    curl([user, 'ftp-port = "-"', there, 'output = "back"'], tmp_path)
    assert (ada / "there").read_bytes() == (tmp_path / "back").read_bytes() == b"active" * 10_000

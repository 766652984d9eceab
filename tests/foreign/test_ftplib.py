"""Python's own ftplib moves the standard library into and out of the server, plain and over TLS."""

import ftplib
import ssl
from pathlib import Path

import pytest

from tests.foreign import tree
from tests.service import Service

pytestmark = pytest.mark.timeout(300)


def upload(ftp: ftplib.FTP, source: Path) -> None:
    """Makes every directory of `source` and stores every file."""
    for path in tree.directories(source):
        ftp.mkd(path)
    for path in tree.files(source):
        with (source / path).open("rb") as file:
            ftp.storbinary(f"STOR {path}", file)


def download(ftp: ftplib.FTP, target: Path, directory: str = "/") -> None:
    """Fetches everything below `directory` as MLSD names it, sizes compared with the facts."""
    target.mkdir()
    for name, facts in list(ftp.mlsd(directory, ["type", "size"])):
        path = f"{directory.rstrip('/')}/{name}"
        if facts["type"] == "dir":
            download(ftp, target / name, path)
        elif facts["type"] == "file":
            with (target / name).open("wb") as file:
                ftp.retrbinary(f"RETR {path}", file.write)
                assert file.tell() == int(facts["size"]), path


def test_ftplib_uploads_the_standard_library(service: Service, ada: Path, library: Path) -> None:
    with service.login("ada") as ftp:
        upload(ftp, library)
    assert tree.differences(library, ada) == []
    assert sorted(tree.directories(library)) == sorted(tree.directories(ada))


def test_ftplib_downloads_the_standard_library(
    service: Service, ada: Path, library: Path, tmp_path: Path
) -> None:
    tree.plant(library, ada)
    with service.login("ada") as ftp:
        download(ftp, tmp_path / "got")
    assert tree.differences(library, tmp_path / "got") == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_ftplib_moves_files_over_tls(
    tls_service: Service, tls_ada: Path, package: Path, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    context = tls_service.tls_context()
    context.minimum_version = context.maximum_version = version
    with ftplib.FTP_TLS(context=context, timeout=60, encoding="utf-8") as ftp:
        ftp.connect(*tls_service.addresses[0])
        ftp.login("ada", tls_service.passwords["ada"])
        ftp.prot_p()
        upload(ftp, package)
        assert tree.differences(package, tls_ada) == []
        download(ftp, tmp_path / "got")
    assert tree.differences(package, tmp_path / "got") == []


def test_ftplib_moves_text_by_ascii_type(service: Service, ada: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"one\r\ntwo\r\n\r\nfour\r\n")
    with service.login("ada") as ftp:
        with (tmp_path / "text").open("rb") as file:
            ftp.storlines("STOR text", file)
        lines: list[str] = []
        ftp.retrlines("RETR text", lines.append)
    assert (ada / "text").read_bytes() == b"one\ntwo\n\nfour\n"
    assert lines == ["one", "two", "", "four"]


def test_ftplib_lists_what_is_there(service: Service, ada: Path, library: Path) -> None:
    tree.plant(library, ada)
    there = sorted(path.name for path in library.iterdir())
    with service.login("ada") as ftp:
        assert sorted(ftp.nlst()) == there
        assert sorted(name for name, _ in ftp.mlsd() if name not in {".", ".."}) == there
        lines: list[str] = []
        ftp.retrlines("LIST", lines.append)
    listed = [line for line in lines if not line.startswith("total")]
    assert len(listed) == len(there)
    assert all(any(line.endswith(f" {name}") for name in there) for line in listed)

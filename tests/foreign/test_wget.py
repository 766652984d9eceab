"""wget fetches the standard library. It cannot upload by FTP, so out of the server is all it is asked."""

import shutil
from pathlib import Path

import pytest

from tests.foreign import tree
from tests.foreign.clients import url, wget
from tests.service import Service

pytestmark = [pytest.mark.needs("wget"), pytest.mark.timeout(300)]

# Without these wget renames what it fetches or reads a name as a pattern.
AS_THEY_ARE = (
    "--restrict-file-names=nocontrol",
    "--no-glob",
    "--local-encoding=UTF-8",
    "--remote-encoding=UTF-8",
)


# wget's own faults: it takes a name from LIST without its outer spaces, and decodes a name it never encoded.
MISREAD = (" leading and trailing ", "per%41cent")


def fetch_tree(service: Service, folder: Path, *options: str, scheme: str = "ftp") -> Path:
    """Fetches everything into folder/got and returns that."""
    deep = ("--recursive", "--level=inf", "--no-host-directories", "--directory-prefix=got")
    wget(service, "ada", folder, *deep, *AS_THEY_ARE, *options, url(service, "", scheme))
    return folder / "got"


def test_wget_fetches_the_standard_library(
    service: Service, ada: Path, library: Path, tmp_path: Path
) -> None:
    tree.plant(library, ada)
    for name in MISREAD:
        shutil.rmtree(ada / "odd names" / name)
    got = fetch_tree(service, tmp_path)
    assert tree.differences(ada, got) == []
    assert sum(1 for _ in tree.files(got)) >= tree.LEAST_FILES


def test_wget_fetches_over_tls(tls_service: Service, tls_ada: Path, package: Path, tmp_path: Path) -> None:
    tree.plant(package, tls_ada)
    trust = f"--ca-certificate={tls_service.certificate}"
    assert tree.differences(package, fetch_tree(tls_service, tmp_path, trust, scheme="ftps")) == []


def test_wget_resumes_a_download(service: Service, ada: Path, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    ada.mkdir(parents=True)
    (ada / "down").write_bytes(content)
    (tmp_path / "down").write_bytes(content[:300_000])
    wget(service, "ada", tmp_path, "--continue", url(service, "down"))
    assert (tmp_path / "down").read_bytes() == content

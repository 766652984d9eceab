"""lftp mirrors the standard library up and down, eight files at a time, plain and over TLS."""

from pathlib import Path

import pytest

from tests.foreign import tree
from tests.foreign.clients import lftp, lftp_text
from tests.service import Service

pytestmark = [pytest.mark.needs("lftp"), pytest.mark.timeout(300)]


def opened(service: Service, *settings: str) -> str:
    """The beginning of a script: settings, then the login."""
    user = lftp_text(f"ada,{service.passwords['ada']}")
    lines = [f"set {setting}" for setting in settings]
    return "\n".join([*lines, f"open -u {user} ftp://{service.host}:{service.port}"])


def mirror_both_ways(service: Service, home: Path, source: Path, tmp_path: Path, *settings: str) -> None:
    start = opened(service, *settings)
    lftp(f"{start}\nmirror --reverse --parallel=8 {lftp_text(source)} /", tmp_path)
    assert tree.differences(source, home) == []
    assert sorted(tree.directories(source)) == sorted(tree.directories(home))
    got = tmp_path / "got"
    lftp(f"{start}\nmirror --parallel=8 / {lftp_text(got)}", tmp_path)
    assert tree.differences(source, got) == []
    assert sorted(tree.directories(source)) == sorted(tree.directories(got))
    said = lftp(f"{start}\nmirror --reverse --parallel=8 --dry-run {lftp_text(source)} /", tmp_path)
    assert "put" not in said, f"a second run would send again what is there:\n{said[:2000]}"


def test_lftp_mirrors_the_standard_library_up_and_down(
    service: Service, ada: Path, library: Path, tmp_path: Path
) -> None:
    mirror_both_ways(service, ada, library, tmp_path, "ftp:ssl-allow no")


def test_lftp_mirrors_over_tls(tls_service: Service, tls_ada: Path, package: Path, tmp_path: Path) -> None:
    secure = ("ftp:ssl-force yes", "ftp:ssl-protect-data yes", f"ssl:ca-file {tls_service.certificate}")
    mirror_both_ways(tls_service, tls_ada, package, tmp_path, *secure)


def test_lftp_deletes_what_the_source_lacks(
    service: Service, ada: Path, package: Path, tmp_path: Path
) -> None:
    tree.plant(package, ada)
    (ada / "more" / "deep").mkdir(parents=True)
    (ada / "more" / "deep" / "file").write_text("surplus")
    start = opened(service, "ftp:ssl-allow no")
    lftp(f"{start}\nmirror --reverse --delete --parallel=8 {lftp_text(package)} /", tmp_path)
    assert sorted(tree.directories(package)) == sorted(tree.directories(ada))
    assert tree.differences(package, ada) == []


def test_lftp_fetches_one_file_in_eight_pieces(service: Service, ada: Path, tmp_path: Path) -> None:
    content = bytes(range(256)) * 32_768
    ada.mkdir(parents=True)
    (ada / "big").write_bytes(content)
    lftp(
        f"{opened(service, 'ftp:ssl-allow no')}\npget -n 8 -c big -o {lftp_text(tmp_path / 'big')}", tmp_path
    )
    assert (tmp_path / "big").read_bytes() == content

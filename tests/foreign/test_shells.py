"""The login shells others wrote: BSD's ftp (tnftp) and ncftp's tools move files in and out."""

from pathlib import Path

import pytest

from tests.foreign import tree
from tests.foreign.clients import netrc, run
from tests.service import Service

pytestmark = pytest.mark.timeout(240)


@pytest.mark.needs("tnftp")
def test_tnftp_moves_files_by_its_shell(service: Service, ada: Path, package: Path, tmp_path: Path) -> None:
    netrc(service, "ada", tmp_path).rename(tmp_path / ".netrc")
    (tmp_path / "up").mkdir()
    (tmp_path / "down").mkdir()
    for path in (package / "json").iterdir():
        (tmp_path / "up" / path.name).write_bytes(path.read_bytes())
    script = tmp_path / "script"
    script.write_text(
        f"open {service.host} {service.port}\nbinary\nprompt off\nmkdir json\ncd json\nlcd up\nmput *\n"
        "ls\nlcd ../down\nmget *\nrename decoder.py moved.py\ndelete moved.py\nbye\n"
    )
    with script.open("rb") as stdin:
        said = run(["tnftp", "-i", "-v"], tmp_path, stdin=stdin)
    assert tree.differences(tmp_path / "up", tmp_path / "down") == [], said
    assert not (ada / "json" / "decoder.py").exists(), said


@pytest.mark.needs("tnftp")
def test_tnftp_fetches_and_puts_by_url(service: Service, ada: Path, tmp_path: Path) -> None:
    netrc(service, "ada", tmp_path).rename(tmp_path / ".netrc")
    (tmp_path / "here").write_bytes(b"by url" * 9999)
    run(["tnftp", "-u", f"ftp://ada@{service.host}:{service.port}/there", "here"], tmp_path)
    run(["tnftp", "-o", "back", f"ftp://ada@{service.host}:{service.port}/there"], tmp_path)
    assert (ada / "there").read_bytes() == (tmp_path / "back").read_bytes() == b"by url" * 9999


@pytest.mark.needs("ncftpput", "ncftpget")
def test_ncftp_moves_a_tree(service: Service, ada: Path, package: Path, tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text(f"host {service.host}\nuser ada\npass {service.passwords['ada']}\n")
    login.chmod(0o600)
    common = ["-f", str(login), "-P", str(service.port)]
    run(["ncftpput", *common, "-R", "-V", "/", str(package)], tmp_path)
    assert tree.differences(package, ada / package.name) == []
    (tmp_path / "got").mkdir()
    run(["ncftpget", *common, "-R", "-V", str(tmp_path / "got"), f"/{package.name}"], tmp_path)
    assert tree.differences(package, tmp_path / "got" / package.name) == []

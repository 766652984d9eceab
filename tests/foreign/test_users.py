"""Many users at once, each alone in his home: nobody sees, reaches or disturbs what another one keeps."""

import ftplib
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.foreign import tree
from tests.service import Service

ROOM = {"bytes": "1GiB", "files": 10_000}


def everything(ftp: ftplib.FTP, directory: str = "/") -> set[str]:
    """Every path that the server names below `directory`, by MLSD."""
    found: set[str] = set()
    for name, facts in list(ftp.mlsd(directory)):
        path = f"{directory.rstrip('/')}/{name}"
        if facts["type"] == "dir":
            found |= everything(ftp, path)
        if facts["type"] in {"dir", "file"}:
            found.add(path)
    return found


def test_two_users_at_once_cannot_see_each_others_files(
    service: Service, package: Path, tmp_path: Path
) -> None:
    homes = {name: service.add_user(name, f"secret of {name}", quota=ROOM) for name in ("ada", "bob")}

    def life(name: str) -> tuple[set[str], dict[str, bytes]]:
        """Stores the tree in a directory of one's own, and a name that both have with one's own bytes."""
        got: dict[str, bytes] = {}
        with service.login(name) as ftp:
            ftp.mkd(f"only {name}")
            for path in tree.directories(package):
                ftp.mkd(f"only {name}/{path}")
            for number, path in enumerate(tree.files(package)):
                ftp.storbinary(f"STOR only {name}/{path}", io.BytesIO((package / path).read_bytes()))
                if number % 10 == 0:  # one name in both homes, written by both at the same time
                    ftp.storbinary("STOR shared name", io.BytesIO(f"{name} {number}".encode() * 999))
                    parts: list[bytes] = []
                    ftp.retrbinary("RETR shared name", parts.append)
                    got[f"shared name {number}"] = b"".join(parts)
                    assert got[f"shared name {number}"] == f"{name} {number}".encode() * 999
            return everything(ftp), got

    with ThreadPoolExecutor(2) as pool:
        seen = dict(zip(homes, pool.map(life, homes), strict=True))

    for name, other in (("ada", "bob"), ("bob", "ada")):
        paths, got = seen[name]
        assert not [path for path in paths if other in path]
        assert not [content for content in got.values() if other.encode() in content]
        assert len(paths) == sum(1 for _ in homes[name].rglob("*"))
        assert tree.differences(package, homes[name] / f"only {name}") == []
        assert sorted(path.name for path in homes[name].iterdir()) == [f"only {name}", "shared name"]
    service.run("quota", "verify")


@pytest.mark.parametrize(
    "path",
    [
        "../bob/diary",
        "/../bob/diary",
        "../../homes/bob/diary",
        "/a/../../bob/diary",
        "..//..//homes/bob/diary",
    ],
)
def test_no_spelling_of_a_path_reaches_the_neighbour(service: Service, path: str) -> None:
    service.add_user("ada")
    service.add_user("bob")
    diary = service.home("bob") / "diary"
    diary.write_text("dear diary")
    with service.login("ada") as ftp:
        for command in (f"RETR {path}", f"LIST {path}", f"NLST {path}", f"MLSD {path}"):
            parts: list[bytes] = []
            try:
                ftp.retrbinary(command, parts.append)
            except ftplib.error_perm:
                continue
            assert b"diary" not in b"".join(parts), command
        for command in (f"SIZE {path}", f"MDTM {path}", f"MLST {path}", f"DELE {path}", f"RNFR {path}"):
            with pytest.raises(ftplib.error_perm, match=r"^550"):
                ftp.sendcmd(command)
        with pytest.raises(ftplib.error_perm, match=r"^55"):  # /bob does not exist here
            ftp.storbinary(f"STOR {path}", io.BytesIO(b"scribble"))
    assert diary.read_text() == "dear diary"


def test_forty_users_work_at_once(service: Service) -> None:
    names = [f"user{number}" for number in range(40)]
    for name in names:
        service.add_user(name, quota=ROOM)

    def life(name: str) -> bool:
        with service.login(name) as ftp:
            ftp.mkd("in")
            for number in range(10):
                ftp.storbinary(f"STOR in/{number}", io.BytesIO(name.encode() * 5_000))
            ftp.rename("in", "out")
            parts: list[bytes] = []
            ftp.retrbinary("RETR out/9", parts.append)
            names = {path.rpartition("/")[2] for path in ftp.nlst("out")}
            return b"".join(parts) == name.encode() * 5_000 and names == set("0123456789")

    with ThreadPoolExecutor(len(names)) as pool:
        assert all(pool.map(life, names))
    service.run("quota", "verify")

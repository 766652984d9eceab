"""Client libraries others wrote: aioftp, ftputil and fsspec each move a tree in and out and manage files."""

import asyncio
import ftplib
from pathlib import Path

import aioftp
import ftputil
import ftputil.session
import pytest
from fsspec.implementations.ftp import FTPFileSystem

from tests.foreign import tree
from tests.service import Service

pytestmark = pytest.mark.timeout(240)


def test_aioftp_moves_a_tree(service: Service, ada: Path, package: Path, tmp_path: Path) -> None:
    async def life() -> None:
        async with aioftp.Client.context(
            service.host, service.port, "ada", service.passwords["ada"], socket_timeout=60
        ) as client:
            await client.upload(package, "up", write_into=True)
            assert tree.differences(package, ada / "up") == []
            await client.download("up", str(tmp_path / "got"), write_into=True)
            await client.rename("up", "moved")
            assert await client.exists("moved/json/decoder.py")
            facts = await client.stat("moved/json/decoder.py")
            assert int(facts["size"]) == (package / "json" / "decoder.py").stat().st_size
            await client.remove("moved")
            assert await client.list() == []

    asyncio.run(life())
    assert tree.differences(package, tmp_path / "got") == []


def test_ftputil_moves_a_tree(service: Service, ada: Path, package: Path, tmp_path: Path) -> None:
    factory = ftputil.session.session_factory(base_class=ftplib.FTP, port=service.port, encoding="utf-8")
    with ftputil.FTPHost(service.host, "ada", service.passwords["ada"], session_factory=factory) as host:
        for path in tree.directories(package):
            host.mkdir(path)
        for path in tree.files(package):
            host.upload(str(package / path), path)
        assert tree.differences(package, ada) == []
        for directory, _, names in host.walk("/"):
            (tmp_path / "got" / directory.strip("/")).mkdir(parents=True, exist_ok=True)
            for name in names:
                host.download(f"{directory}/{name}", str(tmp_path / "got" / directory.strip("/") / name))
        host.rmtree("/encodings")
        assert not host.path.exists("/encodings")
    assert tree.differences(package, tmp_path / "got") == []


def test_fsspec_moves_a_tree(service: Service, ada: Path, package: Path, tmp_path: Path) -> None:
    system = FTPFileSystem(
        service.host,
        service.port,
        "ada",
        service.passwords["ada"],
        encoding="utf-8",
        skip_instance_cache=True,
    )
    try:
        for path in tree.directories(package):
            system.makedirs(f"/up/{path}", exist_ok=True)
        for path in tree.files(package):
            system.put_file(str(package / path), f"/up/{path}")
        assert tree.differences(package, ada / "up") == []
        system.get("/up/", str(tmp_path / "got"), recursive=True)
        assert tree.differences(package, tmp_path / "got") == []
        with system.open("/up/json/decoder.py", "rb") as file:
            file.seek(100)
            assert file.read(50) == (package / "json" / "decoder.py").read_bytes()[100:150]
        system.rm("/up", recursive=True)
        assert not (ada / "up").exists()
    finally:
        system.ftp.close()

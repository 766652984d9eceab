"""The Python libraries others wrote, as clients of life.py: ftplib, aioftp, ftputil, fsspec."""

import asyncio
import ftplib
import platform
import ssl
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import aioftp
import ftputil
import ftputil.session
from fsspec.implementations.ftp import FTPFileSystem

from tests.foreign import tree
from tests.foreign.life import CUT, Client, Server


class Reusing(ftplib.FTP_TLS):
    """ftplib with the few lines that everybody adds to it: data connections resume the session of the control one."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[Any, int | None]:
        connection, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        if self._prot_p:  # type: ignore[attr-defined]
            assert isinstance(self.sock, ssl.SSLSocket)
            connection = self.context.wrap_socket(
                connection, server_hostname=self.host, session=self.sock.session
            )
            assert connection.session_reused
        return connection, size


def opened(server: Server) -> ftplib.FTP:
    """ftplib, logged in."""
    if server.way.tls:
        secure = Reusing(context=server.context(), timeout=60, encoding="utf-8")
        secure.connect(server.host, server.port)
        secure.login(server.user, server.password)
        secure.prot_p()
        ftp: ftplib.FTP = secure
    else:
        ftp = ftplib.FTP(timeout=60, encoding="utf-8")
        ftp.connect(server.host, server.port)
        ftp.login(server.user, server.password)
    ftp.set_pasv(not server.way.active)
    return ftp


class Ftplib(Client):
    name = "ftplib"

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(server, folder)
        self.ftp = opened(server)

    @classmethod
    def version(cls) -> str:
        return f"Python {platform.python_version()}"

    def put(self, source: Path, target: str) -> None:
        self.ftp.mkd(target)
        for path in tree.directories(source):
            self.ftp.mkd(f"{target}/{path}")
        for path in tree.files(source):
            with (source / path).open("rb") as file:
                self.ftp.storbinary(f"STOR {target}/{path}", file)

    def get(self, source: str, target: Path) -> None:
        target.mkdir()
        for name, facts in list(self.ftp.mlsd(source)):
            if facts["type"] == "dir":
                self.get(f"{source}/{name}", target / name)
            elif facts["type"] == "file":
                with (target / name).open("wb") as file:
                    self.ftp.retrbinary(f"RETR {source}/{name}", file.write)

    def list(self, directory: str) -> set[str]:
        self.ftp.cwd(directory)
        names = set(self.ftp.nlst())
        self.ftp.cwd("/")
        return names

    def resume_put(self, source: Path, target: str) -> None:
        with source.open("rb") as file:
            offset = self.ftp.size(target) or 0
            file.seek(offset)
            self.ftp.storbinary(f"STOR {target}", file, rest=offset)

    def resume_get(self, source: str, target: Path) -> None:
        with target.open("ab") as file:
            self.ftp.retrbinary(f"RETR {source}", file.write, rest=file.tell())

    def rename(self, old: str, new: str) -> None:
        self.ftp.rename(old, new)

    def delete(self, path: str) -> None:
        self.ftp.delete(path)

    def close(self) -> None:
        self.ftp.quit()


class Aioftp(Client):
    name = "aioftp"
    active = "it has no active mode"

    @classmethod
    def version(cls) -> str:
        return version("aioftp")

    def _run(self, *arguments: Any, work: Any) -> Any:
        async def life() -> Any:
            server = self.server
            client = aioftp.Client(socket_timeout=60)
            await client.connect(server.host, server.port)
            if server.way.tls:
                await client.upgrade_to_tls(server.context())
            await client.login(server.user, server.password)
            try:
                return await work(client, *arguments)
            finally:
                await client.quit()
                await client.stream.writer.wait_closed()  # TLS says good-bye: the loop may end before it

        return asyncio.run(life())

    def put(self, source: Path, target: str) -> None:
        async def work(client: aioftp.Client) -> None:
            await client.upload(source, target, write_into=True)

        self._run(work=work)

    def get(self, source: str, target: Path) -> None:
        async def work(client: aioftp.Client) -> None:
            await client.download(source, target, write_into=True)

        self._run(work=work)

    def list(self, directory: str) -> set[str]:
        async def work(client: aioftp.Client) -> set[str]:
            return {path.name for path, _ in await client.list(directory)}

        names: set[str] = self._run(work=work)
        return names

    def resume_put(self, source: Path, target: str) -> None:
        rest = source.read_bytes()[CUT:]

        async def work(client: aioftp.Client) -> None:
            async with client.upload_stream(target, offset=CUT) as stream:
                await stream.write(rest)

        self._run(work=work)

    def resume_get(self, source: str, target: Path) -> None:
        async def work(client: aioftp.Client) -> None:
            with target.open("ab") as file:
                async with client.download_stream(source, offset=file.tell()) as stream:
                    async for block in stream.iter_by_block():
                        file.write(block)

        self._run(work=work)

    def rename(self, old: str, new: str) -> None:
        async def work(client: aioftp.Client) -> None:
            await client.rename(old, new)

        self._run(work=work)

    def delete(self, path: str) -> None:
        async def work(client: aioftp.Client) -> None:
            await client.remove(path)

        self._run(work=work)


class Ftputil(Client):
    name = "ftputil"

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(server, folder)

        def factory(host: str, user: str, password: str, *more: object) -> ftplib.FTP:
            return opened(server)

        self.host = ftputil.FTPHost(server.host, server.user, server.password, session_factory=factory)

    @classmethod
    def version(cls) -> str:
        return version("ftputil")

    def put(self, source: Path, target: str) -> None:
        self.host.mkdir(target)
        for path in tree.directories(source):
            self.host.mkdir(f"{target}/{path}")
        for path in tree.files(source):
            self.host.upload(str(source / path), f"{target}/{path}")

    def get(self, source: str, target: Path) -> None:
        for directory, _, names in self.host.walk(source):
            here = target / str(directory).removeprefix(source).strip("/")
            here.mkdir(parents=True, exist_ok=True)
            for name in names:
                self.host.download(f"{directory}/{name}", str(here / name))

    def list(self, directory: str) -> set[str]:
        return set(self.host.listdir(directory))

    def resume_put(self, source: Path, target: str) -> None:
        with self.host.open(target, "wb", rest=CUT) as file:
            file.write(source.read_bytes()[CUT:])

    def resume_get(self, source: str, target: Path) -> None:
        with target.open("ab") as file, self.host.open(source, "rb", rest=file.tell()) as there:
            file.write(there.read())

    def rename(self, old: str, new: str) -> None:
        self.host.rename(old, new)

    def delete(self, path: str) -> None:
        self.host.remove(path)

    def close(self) -> None:
        self.host.close()


class Fsspec(Client):
    name = "fsspec"
    cannot: ClassVar[dict[str, str]] = {"resume put": "it writes a file whole"}

    def __init__(self, server: Server, folder: Path) -> None:
        super().__init__(server, folder)
        self.system = FTPFileSystem(
            server.host,
            server.port,
            server.user,
            server.password,
            encoding="utf-8",
            tls=server.way.tls,
            skip_instance_cache=True,
        )
        self.system.ftp.set_pasv(not server.way.active)

    @classmethod
    def version(cls) -> str:
        return version("fsspec")

    def put(self, source: Path, target: str) -> None:
        self.system.makedirs(f"/{target}")
        for path in tree.directories(source):
            self.system.makedirs(f"/{target}/{path}", exist_ok=True)
        for path in tree.files(source):
            self.system.put_file(str(source / path), f"/{target}/{path}")

    def get(self, source: str, target: Path) -> None:
        for directory, _, files in self.system.walk(f"/{source}", detail=False):
            here = target / directory.removeprefix(f"/{source}").strip("/")
            here.mkdir(parents=True, exist_ok=True)
            for name in files:
                self.system.get_file(f"{directory}/{name}", str(here / name))

    def list(self, directory: str) -> set[str]:
        return {path.rpartition("/")[2] for path in self.system.ls(f"/{directory}", detail=False)}

    def resume_get(self, source: str, target: Path) -> None:
        self.system.invalidate_cache()  # the file came by another way
        with target.open("ab") as file, self.system.open(f"/{source}", "rb") as there:
            there.seek(file.tell())
            file.write(there.read())

    def rename(self, old: str, new: str) -> None:
        self.system.mv(f"/{old}", f"/{new}")

    def delete(self, path: str) -> None:
        self.system.rm(f"/{path}")

    def close(self) -> None:
        self.system.ftp.close()


LIBRARIES: tuple[type[Client], ...] = (Ftplib, Aioftp, Ftputil, Fsspec)

"""What every client is put through, the same for all, and what is written down of it.

A `Client` drives one program or library in one `Way` (plain or TLS, passive or active, IPv4 or IPv6). `live` leads
it through the steps of `STEPS` and looks at the server's disk after each, never at what the client says. A step that a
client has no means for is a class constant with the reason; whatever else goes wrong fails the test.
"""

import io
import json
import os
import shutil
import ssl
import subprocess
import sysconfig
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import ClassVar

from tests.foreign import tree
from tests.service import Service

STEPS = ("put", "get", "list", "resume put", "resume get", "rename", "delete")
RECORDS = "FTP_CLIENT_RECORDS"
"""The environment variable that names a directory for what each client passed; see tests/foreign/table.py."""

ODD = (
    "a space",
    'say "quoted"',
    "it's",
    "ünï-日本-😀",
    "-rf",
    "--version",
    "[a-b]",
    "{1,2}",
    "semi;colon & more",
    "#1",
)

BIG = bytes(range(256)) * 2000
CUT = 200_001


@dataclass(frozen=True, slots=True)
class Way:
    """How a client reaches the server."""

    tls: bool
    active: bool
    ipv6: bool

    def __str__(self) -> str:
        return f"{'TLS' if self.tls else 'plain'}-{'active' if self.active else 'passive'}-IPv{6 if self.ipv6 else 4}"


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is for one client: its address in this way, the user, the home on its disk."""

    service: Service
    way: Way
    user: str
    home: Path

    @property
    def password(self) -> str:
        return self.service.passwords[self.user]

    @property
    def host(self) -> str:
        return self.service.addresses[self.way.ipv6][0]

    @property
    def port(self) -> int:
        return self.service.addresses[self.way.ipv6][1]

    @property
    def bracketed(self) -> str:
        """The host as a URL has it."""
        return f"[{self.host}]" if self.way.ipv6 else self.host

    def context(self) -> ssl.SSLContext:
        """TLS that trusts the server."""
        return self.service.tls_context()


class Client:
    """One client; a subclass says how each step is done. Paths on the server are relative to the home."""

    name: ClassVar[str]
    tls: ClassVar[str | None] = None
    """Why it cannot speak TLS; None: it can. Likewise the next two."""
    active: ClassVar[str | None] = None
    ipv6: ClassVar[str | None] = None
    cannot: ClassVar[dict[str, str]] = {}
    """Steps it has no means for, and why."""
    except_for: ClassVar[str | None] = None
    """Which of the combinations that are left it cannot go, and why; `ways` leaves them out."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder

    @classmethod
    def ways(cls) -> list[Way]:
        """Every way it can go."""
        options = [(False,) if why else (False, True) for why in (cls.tls, cls.active, cls.ipv6)]
        return [Way(*way) for way in product(*options)]

    @classmethod
    def limits(cls) -> list[str]:
        """What it cannot do, and why, each once."""
        reasons = [cls.tls, cls.active, cls.ipv6, *cls.cannot.values(), cls.except_for]
        return list(dict.fromkeys(reason for reason in reasons if reason))

    @classmethod
    def version(cls) -> str:
        """As its maker counts."""
        raise NotImplementedError

    def put(self, source: Path, target: str) -> None:
        """Upload what is in `source`, a tree, so that it is below `target`, which is not there."""
        raise NotImplementedError

    def get(self, source: str, target: Path) -> None:
        """Download what is below `source` into `target`, which is not there."""
        raise NotImplementedError

    def list(self, directory: str) -> set[str]:
        """The names in a directory."""
        raise NotImplementedError

    def resume_put(self, source: Path, target: str) -> None:
        """Upload the rest of a file."""
        raise NotImplementedError

    def resume_get(self, source: str, target: Path) -> None:
        """Download the rest of a file."""
        raise NotImplementedError

    def rename(self, old: str, new: str) -> None:
        raise NotImplementedError

    def delete(self, path: str) -> None:
        """Remove a file."""
        raise NotImplementedError

    def close(self) -> None:
        """Leave."""


def sample(folder: Path) -> Path:
    """The tree to move: some packages of the standard library, and a directory of odd names."""
    source = Path(sysconfig.get_path("stdlib"))
    for name in ("json", "concurrent", "wsgiref"):
        shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ODD:
        directory = folder / "odd" / name
        directory.mkdir(parents=True)
        (directory / name).write_bytes(name.encode() * 50)
    (folder / "odd" / "empty").touch()
    return folder


def plant(server: Server, path: str, content: bytes) -> None:
    """Put a file into the home, by the server: its books are looked at in the end."""
    with server.service.login(server.user) as ftp:
        ftp.storbinary(f"STOR {path}", io.BytesIO(content))


def live(client: Client) -> dict[str, str]:
    """Lead a client through every step; returns what became of each: "passed", or why it cannot."""
    kind, home, folder = type(client), client.server.home, client.folder
    source = sample(folder / "source")

    def can(step: str) -> bool:
        return step not in kind.cannot

    if can("put"):
        client.put(source, "up")
        assert tree.differences(source, home / "up") == []
    else:
        shutil.copytree(source, home / "up")
    if can("get"):
        client.get("up", folder / "got")
        assert tree.differences(source, folder / "got") == []
    if can("list"):
        assert client.list("up/odd") == {*ODD, "empty"}
        assert client.list("up/odd/a space") == {"a space"}
    if can("resume get"):
        plant(client.server, "big down", BIG)
        (folder / "big down").write_bytes(b"L" * CUT)  # other bytes: only a resumed file keeps them
        client.resume_get("big down", folder / "big down")
        assert (folder / "big down").read_bytes() == b"L" * CUT + BIG[CUT:]
    if can("resume put"):
        (folder / "big up").write_bytes(BIG)
        plant(client.server, "big up", b"R" * CUT)
        client.resume_put(folder / "big up", "big up")
        assert (home / "big up").read_bytes() == b"R" * CUT + BIG[CUT:]
    if can("rename"):
        client.rename("up/odd", "up/very odd [now]")
        assert sorted(os.listdir(home / "up" / "very odd [now]")) == sorted([*ODD, "empty"])
    if can("delete"):
        plant(client.server, "up/a name", b"to be deleted")
        client.delete("up/a name")
        assert not (home / "up" / "a name").exists()
        assert (home / "up" / "json" / "decoder.py").exists()
    client.close()
    return {step: kind.cannot.get(step, "passed") for step in STEPS}


def record(client: Client, steps: dict[str, str]) -> None:
    """Write down what was passed, when somebody wants to know."""
    folder = os.environ.get(RECORDS)
    if folder is None:
        return
    kind, way = type(client), str(client.server.way)
    document = {
        "client": kind.name,
        "version": kind.version(),
        "way": way,
        "steps": steps,
        "limits": kind.limits(),
    }
    Path(folder, f"{kind.name}-{way}.json").write_text(json.dumps(document, ensure_ascii=False))


def package_version(package: str) -> str:
    """The upstream version of an installed Debian package."""
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", package], check=True, capture_output=True, text=True
    ).stdout
    return found.partition(":")[2].partition("-")[0] if ":" in found else found.partition("-")[0]

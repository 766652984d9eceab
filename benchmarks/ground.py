"""Where the servers stand: one folder a server on one file system, with the same files in every home.

The files to be downloaded exist once and are hard links in every home, so that each server reads the same pages. What
is uploaded goes into a new directory each time, which is removed afterwards, outside the time measured.
"""

import os
import pwd
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from tests.service import make_certificate

PASSWORD = "benchmark"
USERS = 16


@dataclass(frozen=True)
class Scale:
    """How large the work is."""

    big: int = 1 << 30  # bytes of the one big file
    middle: int = 10 << 20  # bytes of each of many files
    parallel: int = 100  # of which so many at once
    entries: int = 100_000  # names in the large directory
    seconds: float = 2.0  # that a rate is measured
    idle: int = 1000  # clients that only stay

    def bytes_needed(self, servers: int) -> int:
        """Room that the files take: sources, one upload of each kind, a listing's names a server."""
        return 3 * self.big + 2 * self.middle * self.parallel + servers * self.entries * 2048


QUICK = Scale(big=128 << 20, middle=1 << 20, parallel=100, entries=20_000, seconds=0.6, idle=500)
TINY = Scale(big=4 << 20, middle=64 << 10, parallel=8, entries=300, seconds=0.1, idle=20)
SMALL = 4096


@dataclass
class Ground:
    """One run's folder. Servers that drop privileges work as `owner`, and their homes belong to it."""

    folder: Path
    scale: Scale = field(default_factory=Scale)

    def __post_init__(self) -> None:
        self.root = os.geteuid() == 0
        # vsftpd enters the home that the password file gives its user, so it must exist.
        servant = pwd.getpwnam("daemon") if self.root else pwd.getpwuid(os.getuid())
        self.owner, self.uid, self.gid = servant.pw_name, servant.pw_uid, servant.pw_gid
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.certificate = self.folder / "tls" / "server.crt"
        self.key = self.certificate.with_suffix(".key")
        make_certificate(self.certificate, self.key)
        self.sources = self.folder / "sources"
        self.sources.mkdir(exist_ok=True)
        for name, size in (("small", SMALL), ("middle", self.scale.middle), ("big", self.scale.big)):
            self._source(name, size)

    def _source(self, name: str, size: int) -> None:
        block = os.urandom(1 << 20)
        with (self.sources / name).open("wb") as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
        (self.sources / name).chmod(0o644)

    def plant(self, homes: list[Path]) -> None:
        """Put the sources into each home, and the large directory into the first."""
        for home in homes:
            home.mkdir(parents=True, exist_ok=True)
            for name in ("small", "middle", "big"):
                (home / name).hardlink_to(self.sources / name)
            self.own(home)
        many = homes[0] / "many"
        many.mkdir()
        for number in range(self.scale.entries):
            os.close(os.open(f"{many}/file-{number:06d}.dat", os.O_CREAT | os.O_WRONLY, 0o644))
        self.own(many)

    def own(self, path: Path) -> None:
        """Give `path` to those whom the servers become."""
        if self.root:
            os.chown(path, self.uid, self.gid)

    def fresh(self, homes: list[Path], name: str) -> None:
        """An empty directory `name` in every home."""
        for home in homes:
            (home / name).mkdir()
            self.own(home / name)

    def clear(self, homes: list[Path], name: str) -> None:
        """Remove the directory `name` from every home."""
        for home in homes:
            shutil.rmtree(home / name)

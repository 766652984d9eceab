"""A quota of 1 MB holds under parallel uploads: never more than 1 MB on disk, at any sampled instant.

The sampler stops the whole server (SIGSTOP) for each look, so that a look is one instant and not a walk
through several, and it counts what a listing cannot show too: the nameless files that the server has open.
The four clients send a piece only after a new look was taken, so every stage of the race is seen, on a slow
machine and on a fast one.
"""

import ftplib
import io
import os
import signal
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Self

import pytest

from tests.service import PATIENCE, Service

MEGABYTE = 1_000_000
UPLOAD = 700_000
PIECE = 10_000


class Sampler:
    """Looks at a home again and again while the server stands still; `peak` is the most it ever saw."""

    def __init__(self, service: Service, home: Path) -> None:
        assert service.process is not None
        self.pid = service.process.pid
        self.home = home
        self.peak = 0
        self.looks = 0
        self._looked = threading.Condition()
        self._over = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def next_look(self) -> None:
        """Waits until a look was taken that began after this call."""
        with self._looked:
            goal = self.looks + 2  # the one under way may have begun before
            self._looked.wait_for(lambda: self.looks >= goal or self._over.is_set(), PATIENCE)

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                os.killpg(self.pid, signal.SIGSTOP)
                try:
                    self._stands_still()
                    held = self._held()
                finally:
                    os.killpg(self.pid, signal.SIGCONT)
                with self._looked:
                    self.peak = max(self.peak, held)
                    self.looks += 1
                    self._looked.notify_all()
                self._over.wait(0.001)  # the server has to run, too
        except BaseException as failure:  # told in the test's own thread
            self._failure = failure
            self._over.set()

    def _stands_still(self) -> None:
        """Waits until every thread of the server's processes has stopped."""
        for pid in self._processes():
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(FileNotFoundError, ProcessLookupError):
                    while (task / "stat").read_text().rpartition(")")[2].split()[0] not in "TZX":
                        os.sched_yield()

    def _processes(self) -> list[int]:
        """The server and its workers: every process of its group."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with suppress(OSError):
                    if os.getpgid(int(entry.name)) == self.pid:
                        found.append(int(entry.name))
        return found

    def _held(self) -> int:
        """The bytes of every file of the home, named or only open in the server, each counted once."""
        sizes: dict[tuple[int, int], int] = {}
        device = self.home.stat().st_dev
        for directory, _, names in os.walk(self.home):
            for name in names:
                facts = os.lstat(os.path.join(directory, name))
                if stat.S_ISREG(facts.st_mode):
                    sizes[facts.st_dev, facts.st_ino] = facts.st_size
        for pid in self._processes():
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    facts, target = descriptor.stat(), os.readlink(descriptor)
                    nameless = target.endswith(" (deleted)") and str(self.home.parent) in target
                    if stat.S_ISREG(facts.st_mode) and facts.st_dev == device and nameless:
                        sizes[facts.st_dev, facts.st_ino] = facts.st_size
        return sum(sizes.values())


def send(service: Service, sampler: Sampler, name: str, start: threading.Barrier) -> str:
    """Uploads UPLOAD bytes as `name`, a piece a look; returns the final reply, which must come."""
    with service.login("ada") as ftp:
        ftp.sendcmd("TYPE I")
        start.wait(PATIENCE)
        data = ftp.transfercmd(f"STOR {name}")
        with data:
            for _ in range(UPLOAD // PIECE):
                data.sendall(b"x" * PIECE)
                sampler.next_look()
            data.shutdown(socket.SHUT_WR)
        try:
            return ftp.voidresp()
        except ftplib.error_perm as error:
            return str(error)


@pytest.mark.parametrize("workers", [1, 2])
def test_four_parallel_uploads_never_exceed_the_quota(tmp_path: Path, workers: int) -> None:
    with Service(tmp_path / "service", {"workers": workers}) as service:
        service.add_user("ada", quota={"bytes": MEGABYTE})
        home = service.home("ada")
        start = threading.Barrier(4)
        with Sampler(service, home) as sampler, ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda name: send(service, sampler, name, start), ["a", "b", "c", "d"]))
        assert sampler.peak <= MEGABYTE
        assert sampler.looks >= UPLOAD // PIECE
        won = [name for name, reply in zip("abcd", replies, strict=True) if reply.startswith("226")]
        assert all(reply[:3] in {"226", "552"} for reply in replies), replies
        assert len(won) <= 1, replies
        for name in won:
            assert (home / name).stat().st_size == UPLOAD
        assert sampler.peak >= UPLOAD or not won, "the sampler saw nothing"
        service.run("quota", "verify", "ada")
        # Nothing of what the losers reserved is lost: after a clean-up the whole quota is there again.
        with service.login("ada") as ftp:
            for name in ftp.nlst():
                ftp.delete(name)
            ftp.storbinary("STOR all", io.BytesIO(b"y" * MEGABYTE))
            with pytest.raises(ftplib.error_perm, match=r"^552"):
                ftp.storbinary("STOR one more byte", io.BytesIO(b"y"))
        assert (home / "all").stat().st_size == MEGABYTE
        service.run("quota", "verify", "ada")


def test_a_refused_overwrite_leaves_the_old_file(service: Service) -> None:
    service.add_user("ada", quota={"bytes": MEGABYTE})
    home = service.home("ada")
    with service.login("ada") as ftp:
        ftp.storbinary("STOR file", io.BytesIO(b"old" * 300_000))
        with pytest.raises(ftplib.error_perm, match=r"^552"):
            ftp.storbinary("STOR file", io.BytesIO(b"n" * (MEGABYTE + 1)))
        assert (home / "file").read_bytes() == b"old" * 300_000
        ftp.storbinary("STOR file", io.BytesIO(b"n" * MEGABYTE))  # at the limit, replacing: allowed
    assert (home / "file").read_bytes() == b"n" * MEGABYTE
    service.run("quota", "verify", "ada")


def test_the_books_agree_with_the_disk_after_kill(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    with service:
        service.add_user("ada", quota={"bytes": MEGABYTE})
        home = service.home("ada")
        ftp = service.login("ada")
        ftp.storbinary("STOR kept", io.BytesIO(b"k" * 300_000))
        ftp.sendcmd("TYPE I")
        with ftp.transfercmd("STOR cut") as data:
            data.sendall(b"x" * 600_000)
            service.kill()
        ftp.close()
        service.start()
        with service.login("ada") as again:
            left = MEGABYTE - sum(path.stat().st_size for path in home.iterdir())
            again.storbinary("STOR rest", io.BytesIO(b"r" * left))
            with pytest.raises(ftplib.error_perm, match=r"^552"):
                again.storbinary("STOR more", io.BytesIO(b"m"))
        assert (home / "kept").read_bytes() == b"k" * 300_000
        service.run("quota", "verify", "ada")

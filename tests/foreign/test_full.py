"""A quota of 1 MB holds under parallel uploads: never more than 1 MB on disk, at any sampled instant.

The sampler (tests/sampler.py) looks at the disk while the server stands still. The four clients send a piece
only after a new look was taken, so every stage of the race is seen, on a slow machine and on a fast one.
"""

import ftplib
import io
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sampler import Sampler
from tests.service import PATIENCE, Service

MEGABYTE = 1_000_000
UPLOAD = 700_000
PIECE = 10_000


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

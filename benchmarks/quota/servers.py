"""The servers that keep quotas, with 1,000,000 bytes for every user, and what each says is used."""

import re
import struct
from pathlib import Path

from benchmarks.ground import Ground
from benchmarks.peers.base import Peer
from benchmarks.peers.ours import Ours
from benchmarks.peers.proftpd import ProFtpd
from benchmarks.peers.pureftpd import PureFtpd
from benchmarks.quota.client import Client

QUOTA = 1_000_000


class EmptyGround(Ground):
    """A ground whose homes are empty."""

    def plant(self, homes: list[Path]) -> None:
        """Make the homes."""
        for home in homes:
            home.mkdir(parents=True)
            self.own(home)


class OursWithQuota(Ours):
    """Ours, quota in the account file."""

    def __init__(self, ground: Ground) -> None:
        super().__init__(ground, account={"quota": {"bytes": QUOTA, "files": 1000}})


class PureFtpdWithQuota(PureFtpd):
    """Pure-FTPd, quota in its database of users."""

    quota_files, quota_bytes = 1000, QUOTA


class ProFtpdWithQuota(ProFtpd):
    """ProFTPD with mod_quotatab on files. Its own editor is Perl, so the tables are written here."""

    modules = ("mod_tls", "mod_quotatab", "mod_quotatab_file")

    def configure(self) -> None:
        """Write the tables once: a restart finds what was tallied."""
        limits, tally = self.folder / "limits", self.folder / "tally"
        if not limits.exists():
            records = [
                struct.pack("=81siBiddd3I", f"u{user}".encode(), 20, 0, 1, float(QUOTA), -1.0, -1.0, 0, 0, 0)
                for user in range(self.users)
            ]
            limits.write_bytes(struct.pack("=I", 0x7626) + b"".join(records))
            tally.write_bytes(struct.pack("=I", 0x7644))
        self.extra = (
            "QuotaEngine on\nQuotaDisplayUnits b\nQuotaShowQuotas on\n"
            f"QuotaLimitTable file:{limits}\nQuotaTallyTable file:{tally}\n"
        )
        super().configure()


SERVERS: tuple[type[Peer], ...] = (OursWithQuota, PureFtpdWithQuota, ProFtpdWithQuota)

_SAID = re.compile(r"Bytes: (\d+) used|Uploaded bytes:\s+([\d.]+)/")


def books(peer: Peer, user: int) -> int | None:
    """Bytes used by `user` as the server counts them; None when it does not say."""
    if isinstance(peer, PureFtpd):
        file = peer.homes[user] / ".ftpquota"
        words = file.read_text().split() if file.exists() else []
        return int(words[1]) if len(words) == 2 else None
    with Client(peer.port, user) as client:
        found = _SAID.search(client.say("SITE QUOTA"))
    return int(float(found[1] or found[2])) if found else None

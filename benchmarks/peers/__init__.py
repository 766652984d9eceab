"""The servers that are compared, each with its settings in one module.

Equal settings: every user in a jail where the server has one, nothing logged, no limit below what the load needs,
passwords in the cheapest form the server takes (ours: bcrypt of cost 12, it takes no other), TLS offered. What
protects the service stays on.
"""

from benchmarks.ground import Ground
from benchmarks.packages import Missing
from benchmarks.peers.base import Peer
from benchmarks.peers.ours import Ours
from benchmarks.peers.proftpd import ProFtpd
from benchmarks.peers.pureftpd import PureFtpd
from benchmarks.peers.python import Aioftp, Pyftpdlib
from benchmarks.peers.vsftpd import Vsftpd

PEERS: dict[str, type[Peer]] = {
    kind.key: kind for kind in (Ours, Vsftpd, PureFtpd, ProFtpd, Pyftpdlib, Aioftp)
}
"""Every server that can be named after --peers."""


def available(keys: list[str], ground: Ground) -> tuple[list[Peer], list[str]]:
    """The servers of these names, installed and not started, and why others are missing."""
    found: list[Peer] = []
    notes: list[str] = []
    for key in keys:
        try:
            found.append(PEERS[key](ground))
        except Missing as missing:
            notes.append(f"{key} is left out: {missing}")
    return found, notes

"""Which address a 227 tells the client to connect to.

Behind NAT that is not the address the connection came in on. `passive.public_address` may be an address, a
host name (looked up anew every minute, on a thread, as dynamic addresses change) or a map by client network.
A client with a private address is on this side of the NAT and gets the local address, unless a map says
otherwise. EPSV names no address at all, so it needs none of this.
"""

import logging
import socket
from ipaddress import ip_address

from ftpserver.config.settings import Passive

logger = logging.getLogger(__name__)


class Announcer:
    """Answers for one service; `refresh` looks host names up and may block."""

    def __init__(self, passive: Passive) -> None:
        self._passive = passive
        self._resolved: dict[str, str] = {}
        named = passive.public_address
        hosts = named.values() if isinstance(named, dict) else [named]
        self._names = [host for host in hosts if host is not None and not _is_address(host)]

    def refresh(self) -> None:
        """Look up every host name; one that cannot be looked up keeps its last address."""
        for name in self._names:
            try:
                found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
            except OSError as error:
                logger.error("passive.public_address: %s cannot be looked up: %s", name, error)
                continue
            self._resolved[name] = str(found[0][4][0])

    def address(self, client: str, local: str) -> str:
        """The address for a client whose control connection came in on `local`."""
        host = self._passive.address_for(client)
        if host is None:
            return local
        if not isinstance(self._passive.public_address, dict) and _is_near(client):
            return local
        return host if _is_address(host) else self._resolved.get(host, local)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_near(client: str) -> bool:
    address = ip_address(client.partition("%")[0])
    return address.is_private or address.is_loopback or address.is_link_local

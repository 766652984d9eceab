"""The PROXY protocol, versions 1 and 2: who a balancer's connection is really from.

Only believed from the addresses that `trusted_proxies` names; there it is demanded, as a balancer that forgets it would
make all its clients one. `read_header` is pure; `HeaderReader` reads it from a socket, not a byte further, within a
deadline. (haproxy.org, proxy-protocol.txt, sections 2.1 and 2.2.)
"""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from ftpserver.data.mover import WOULD_BLOCK

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V1_LONGEST = 107
_V2_LONGEST = 16 + 4096
_V1 = re.compile(rb"PROXY (?:UNKNOWN[^\r\n]*|TCP[46] (\S+) (\S+) ([0-9]{1,5}) ([0-9]{1,5}))\r\n")
_SECONDS = 5.0
_LARGEST_PORT = 65535

Address = tuple[str, int]


class BadHeader(Exception):
    """It is no PROXY header."""


@dataclass(frozen=True, slots=True)
class Header:
    """Where the client connected from and to; None for the balancer's own connection (a health check)."""

    source: Address | None
    destination: Address | None
    length: int


def read_header(data: bytes) -> Header | None:
    """The header at the start of `data`; None when more bytes are needed. Raises BadHeader."""
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return _read_v2(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _read_v1(data)
    raise BadHeader("the balancer sent no PROXY header")


def _read_v1(data: bytes) -> Header | None:
    end = data.find(b"\n")
    if end < 0:
        if len(data) > _V1_LONGEST:
            raise BadHeader("the PROXY line is too long")
        return None
    match = _V1.fullmatch(data[: end + 1])
    if match is None:
        raise BadHeader("the PROXY line cannot be read")
    if match[1] is None:
        return Header(None, None, end + 1)
    try:
        hosts = [_plain(ip_address(host.decode("ascii"))) for host in (match[1], match[2])]
    except ValueError:
        raise BadHeader("the PROXY line names no addresses") from None
    ports = int(match[3]), int(match[4])
    if max(ports) > _LARGEST_PORT:
        raise BadHeader("the PROXY line names no ports")
    return Header((hosts[0], ports[0]), (hosts[1], ports[1]), end + 1)


def _read_v2(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    version, family, length = struct.unpack_from("!BBH", data, 12)
    end = 16 + length
    if version >> 4 != 2 or end > _V2_LONGEST:
        raise BadHeader("the PROXY header has another version, or is too long")
    if len(data) < end:
        return None
    size = {0x11: 4, 0x21: 16}.get(family)
    if version & 0x0F == 0 or size is None:  # LOCAL, or no TCP: the balancer speaks for itself
        return Header(None, None, end)
    if length < 2 * size + 4:
        raise BadHeader("the PROXY header is too short for its addresses")
    hosts = [_plain(ip_address(data[16 + i * size : 16 + (i + 1) * size])) for i in (0, 1)]
    ports = struct.unpack_from("!HH", data, 16 + 2 * size)
    return Header((hosts[0], ports[0]), (hosts[1], ports[1]), end)


def _plain(address: IPv4Address | IPv6Address) -> str:
    """An IPv4 address mapped into IPv6, as a balancer that listens on `::` tells it, is what it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


class Trusted:
    """The networks whose word is taken."""

    def __init__(self, networks: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self._networks = networks

    def __contains__(self, host: str) -> bool:
        if not self._networks:
            return False
        address = ip_address(host.partition("%")[0])
        return any(address in network for network in self._networks)


class HeaderReader:
    """Reads the header of one accepted connection, then hands both on; closes it when there is none.

    The header is looked at and left in the socket until it is whole. So that the loop does not spin on its first
    part meanwhile, the kernel is told to wake us for no fewer bytes than one more (SO_RCVLOWAT).
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: socket.socket,
        on_header: Callable[[socket.socket, Header], None],
    ) -> None:
        self._loop = loop
        self._connection = connection
        self._on_header = on_header
        self._seen = 0
        self._timer = loop.call_later(_SECONDS, self._give_up)
        loop.add_reader(connection.fileno(), self._readable)

    def _readable(self) -> None:
        try:
            data = self._connection.recv(_V2_LONGEST, socket.MSG_PEEK)
            if len(data) == self._seen:  # woken for nothing new: that is the end
                raise BadHeader("the connection ended")
            header = read_header(data)
            if header is None:
                self._seen = len(data)
                self._wake_at(len(data) + 1)
                return
            self._connection.recv(header.length)
            self._wake_at(1)
        except WOULD_BLOCK:
            return
        except (BadHeader, OSError):
            self._give_up()
            return
        self._stop()
        self._on_header(self._connection, header)

    def _wake_at(self, count: int) -> None:
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)

    def _stop(self) -> None:
        self._timer.cancel()
        self._loop.remove_reader(self._connection.fileno())

    def _give_up(self) -> None:
        self._stop()
        self._connection.close()

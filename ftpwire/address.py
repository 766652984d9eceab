"""Addresses of data connections, said and heard (RFC 959 section 4.1.2, RFC 2428).

PORT and PASV carry "h1,h2,h3,h4,p1,p2" (IPv4 only); EPRT carries "|1|host|port|" with 1 for IPv4 and 2 for
IPv6; the reply to EPSV carries "(|||port|)". What a server reads (PORT, EPRT) is read strictly; what a
client reads (replies to PASV and EPSV) is looked for inside free text. Numbers are [0-9] only: `int()`
would also take signs, underscores and the digits of other scripts.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from ftpwire.errors import LocalError, RemoteError, UnsupportedProtocol

_SIX_NUMBERS = ["([0-9]{1,3})"] * 6
_PORT_ARGUMENT = re.compile(",".join(_SIX_NUMBERS))
_PASV_TEXT = re.compile(rf"(?<![0-9]){' ?, ?'.join(_SIX_NUMBERS)}(?![0-9])")
_EPSV_TEXT = re.compile(r"(?:\(|\A)([!-~])\1\1([0-9]{1,5})\1(?:\)|\Z)")
_NUMBER = re.compile(r"[0-9]{1,5}")
_IPV4, _IPV6 = "1", "2"


def encode_host_port(host: str, port: int) -> str:
    """Return "h1,h2,h3,h4,p1,p2". Raises LocalError when the host is not IPv4 or the port not 1 to 65535."""
    _check_port(port)
    try:
        address = IPv4Address(host)
    except AddressValueError:
        raise LocalError("PORT and PASV carry IPv4 addresses only") from None
    return f"{address},{port >> 8},{port & 255}".replace(".", ",")


def decode_host_port(text: str) -> tuple[str, int]:
    """Read the argument of PORT, strictly, as host and port. Raises RemoteError."""
    match = _PORT_ARGUMENT.fullmatch(text)
    if match is None:
        raise RemoteError("the address is not six numbers h1,h2,h3,h4,p1,p2")
    return _host_port(match)


def decode_pasv(text: str) -> tuple[str, int]:
    """Find the host and port in the text of a 227 reply. Raises RemoteError."""
    match = _PASV_TEXT.search(text)
    if match is None:
        raise RemoteError("the reply to PASV holds no address")
    return _host_port(match)


def encode_extended(host: str, port: int) -> str:
    """Return "|1|host|port|" for IPv4, "|2|host|port|" for IPv6. Raises LocalError."""
    _check_port(port)
    family = _IPV6 if ":" in host else _IPV4
    if not _is_address(family, host):
        raise LocalError("the host is neither an IPv4 nor an IPv6 address")
    return f"|{family}|{host}|{port}|"


def decode_extended(text: str) -> tuple[str, int]:
    """Read the argument of EPRT, strictly, as host and port.

    Raises RemoteError; UnsupportedProtocol when the network is neither IPv4 nor IPv6.
    """
    delimiter = text[:1]
    if not "!" <= delimiter <= "~":
        raise RemoteError("the address does not start with a delimiter")
    parts = text.split(delimiter)
    if len(parts) != 5 or parts[0] or parts[4]:
        raise RemoteError("the address is not |protocol|host|port|")
    _, family, host, port, _ = parts
    if _NUMBER.fullmatch(family) is None:
        raise RemoteError("the network protocol is not a number")
    if family not in (_IPV4, _IPV6):
        raise UnsupportedProtocol("the network protocol is neither 1 (IPv4) nor 2 (IPv6)")
    if not _is_address(family, host):
        raise RemoteError("the host is not an address of that network protocol")
    return host, _port(port)


def encode_epsv(port: int) -> str:
    """Return "|||port|", which a 229 reply puts in parentheses. Raises LocalError."""
    _check_port(port)
    return f"|||{port}|"


def decode_epsv(text: str) -> int:
    """Find the port in the text of a 229 reply. Raises RemoteError."""
    match = _EPSV_TEXT.search(text)
    if match is None:
        raise RemoteError("the reply to EPSV holds no port")
    return _port(match[2])


def _host_port(match: re.Match[str]) -> tuple[str, int]:
    numbers = [int(number) for number in match.groups()]
    if max(numbers) > 255:
        raise RemoteError("a number of the address is above 255")
    *host, high, low = numbers
    port = high << 8 | low
    if port == 0:
        raise RemoteError("a port is 1 to 65535")
    return ".".join(map(str, host)), port


def _port(text: str) -> int:
    if _NUMBER.fullmatch(text) is None or not 1 <= int(text) <= 65535:
        raise RemoteError("a port is 1 to 65535")
    return int(text)


def _check_port(port: int) -> None:
    if not 1 <= port <= 65535:
        raise LocalError("a port is 1 to 65535")


def _is_address(family: str, host: str) -> bool:
    try:
        if family == _IPV4:
            IPv4Address(host)
            return True
        return IPv6Address(host).scope_id is None  # RFC 2428 has no place for a zone
    except AddressValueError:
        return False

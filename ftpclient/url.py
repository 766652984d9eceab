"""Where to go: `[ftp://|ftps://][user@]host[:port][/path]`.

Rules. `ftps://` means TLS from the first byte, port 990; everything else port 21. The path is relative to the
directory the login starts in; `//path` or `/%2Fpath` is absolute (RFC 1738 §3.2.2). `%41` is decoded only
when a scheme is written, because only then it is a URL; without one the path is taken as it stands. A
password in the text is refused: the process list and the shell's history would keep it.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote

FTP_PORT = 21
FTPS_PORT = 990

_SHAPE = re.compile(
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://)?"
    r"(?:(?P<user>[^/]*)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.%A-Za-z]+\]|[^/:@\[\]]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/.*)?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Url:
    """One server, and perhaps a login name and a path on it."""

    host: str
    port: int
    user: str | None = None
    path: str = ""
    implicit_tls: bool = False


def parse(text: str) -> Url:
    """Read a URL or its short form without a scheme; raise ValueError when it cannot be one."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(f"not an FTP address: {text!r} (write [ftp://][user@]host[:port][/path])")
    scheme = (match["scheme"] or "").lower()
    if scheme not in ("", "ftp", "ftps"):
        raise ValueError(f"{scheme}:// is not served here; use ftp:// or ftps://")
    user = match["user"]
    if user is not None and ":" in user:
        raise ValueError(
            "a password must not stand in the address; use --password-stdin, FTPCLIENT_PASSWORD or .netrc"
        )
    port = int(match["port"]) if match["port"] else FTPS_PORT if scheme == "ftps" else FTP_PORT
    if not 1 <= port <= 65535:
        raise ValueError(f"there is no port {port}")
    path = (match["path"] or "")[1:]
    if scheme:
        path, user = _decoded(path), _decoded(user) if user else user
    for part in (path, user or ""):
        if any(mark in part for mark in "\r\n\0"):
            raise ValueError("an FTP address cannot hold CR, LF or NUL")
    return Url(match["host"].strip("[]"), port, user or None, path, scheme == "ftps")


def _decoded(text: str) -> str:
    return unquote(text, errors="surrogateescape")

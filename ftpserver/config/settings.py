"""The settings of the service: the model of `conf/ftpserver.yaml`.

Every section and key is optional; a default is written once, here. Relative paths are relative to the
settings file, not to the working directory, so that the service can be started from anywhere. The values are
frozen: a reload makes new ones.
"""

import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, ValidationError, model_validator

from ftpserver.config.document import read_document
from ftpserver.config.fault import Fault, Faulty
from ftpserver.config.validation import Section, empty_section, validate

ENVIRONMENT = "FTPSERVER_CONFIG"
DEFAULT_FILES = (Path("conf/ftpserver.yaml"), Path("/etc/ftpserver/ftpserver.yaml"))

Network = IPv4Network | IPv6Network
Public = str | dict[Network, str | None] | None

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _host(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be an address or a host name, as text")
    if _address(value) is not None:
        return value
    if value.startswith("["):
        raise ValueError(f"write {value.strip('[]')!r} without brackets")
    if len(value) > 253 or not _HOST_NAME.fullmatch(value) or re.fullmatch(r"[0-9.]+", value):
        raise ValueError(f"{value!r} is neither an address nor a host name")
    return value


def _public_host(value: object) -> str:
    host = _host(value)
    address = _address(host)
    if address is not None and (address.is_unspecified or address.is_multicast):
        raise ValueError(f"{host!r} is not an address a client can connect to")
    return host


def _public_address(value: object) -> Public:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        return _public_host(value)
    table: dict[Network, str | None] = {}
    for key, host in value.items():
        try:
            network = ip_network(key)
        except ValueError as error:
            raise ValueError(f"{key!r} is not a network such as 10.0.0.0/8: {error}") from error
        if network in table:
            raise ValueError(f"network {key} is given twice")
        table[network] = None if host is None else _public_host(host)
    return table


def _ports(value: object) -> range | None:
    if value is None or isinstance(value, range):
        return value
    match = _PORTS.fullmatch(str(value)) if isinstance(value, str | int) else None
    if match is None:
        raise ValueError(f"must be a range such as 50000-50999, or null for any port, not {value!r}")
    first = int(match[1])
    last = int(match[2] or match[1])
    if not 1 <= first <= last <= 65535:
        raise ValueError(f"must be a rising range between 1 and 65535, not {value!r}")
    return range(first, last + 1)


def _listeners(value: object) -> object:
    if value == []:
        raise ValueError("must have at least one entry")
    return value


def _workers(value: object) -> int | Literal["auto"]:
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1024:
        return value
    raise ValueError(f"must be a whole number from 1 to 1024, or auto, not {value!r}")


def _absolute(value: object) -> Path:
    # Settings.anchor has made every text absolute already; what is left here is no text at all.
    if isinstance(value, Path):
        return value
    raise ValueError(f"must be a path, as text, not {value!r}")


def _optional_path(value: object) -> Path | None:
    return None if value is None else _absolute(value)


Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Seconds = Annotated[float, Field(gt=0, le=86400 * 366, allow_inf_nan=False)]
AbsolutePath = Annotated[Path, PlainValidator(_absolute)]


class Listener(Section):
    """One address the service listens on; port 0 lets the system pick one."""

    host: Annotated[str, PlainValidator(_host)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 2121
    tls: Literal["implicit"] | None = None


class Passive(Section):
    """How clients reach the data ports of EPSV and PASV."""

    ports: Annotated[range | None, PlainValidator(_ports)] = range(50000, 51000)
    public_address: Annotated[Public, PlainValidator(_public_address)] = None

    def address_for(self, client: str) -> str | None:
        """Return the address or host name to announce to this client; None is the connection's own address.

        In a map the narrowest network that holds the client decides.
        """
        if not isinstance(self.public_address, dict):
            return self.public_address
        address = ip_address(client.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        holding = [network for network in self.public_address if address in network]
        return self.public_address[max(holding, key=lambda network: network.prefixlen)] if holding else None


class Tls(Section):
    """TLS (RFC 4217): off, offered to those who ask, or required before a login."""

    mode: Literal["off", "optional", "required"] = "optional"
    certificate: AbsolutePath = Path("tls/server.crt")
    private_key: AbsolutePath = Path("tls/server.key")
    data_session_reuse: Literal["off", "prefer", "require"] = "prefer"
    client_ca: Annotated[Path | None, PlainValidator(_optional_path)] = None


class Limits(Section):
    """What one service grants to everyone; a count of 0 means no limit, times are seconds."""

    sessions: Count = 4000
    sessions_per_address: Count = 0
    sessions_per_user: Count = 0
    login_seconds: Seconds = 30
    idle_seconds: Seconds = 300
    data_seconds: Seconds = 60


class Login(Section):
    """How guessing passwords is slowed: so many failures within a time ban for a time; 0 never bans."""

    failures: Count = 5
    within_seconds: Seconds = 600
    ban_seconds: Seconds = 900


class Uploads(Section):
    """What becomes of a cut upload of a new name, and whether 226 also means synced to disk."""

    interrupted: Literal["keep", "discard"] = "keep"
    durable: bool = False


class Log(Section):
    """What is written to standard error, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


_Empty = BeforeValidator(empty_section)


def _networks(value: object) -> tuple[Network, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"must be a list of networks such as [10.0.0.0/8], not {value!r}")
    networks = []
    for item in value:
        try:
            networks.append(item if isinstance(item, IPv4Network | IPv6Network) else ip_network(str(item)))
        except ValueError as error:
            raise ValueError(f"{item!r} is not a network such as 10.0.0.0/8: {error}") from error
    return tuple(networks)


class Settings(Section):
    """All settings of one service; `path` is the file they were read from, every other path is absolute."""

    path: Path
    listen: Annotated[tuple[Listener, ...], Field(strict=False), BeforeValidator(_listeners)] = (Listener(),)
    passive: Annotated[Passive, _Empty] = Passive()
    trusted_proxies: Annotated[tuple[Network, ...], PlainValidator(_networks)] = ()
    reconcile_seconds: Seconds = 3600
    deflate: Literal["off", "accept", "advertise"] = "accept"
    accounts: AbsolutePath = Path("../accounts")
    homes: AbsolutePath = Path("../homes")
    state: AbsolutePath = Path("../state")
    workers: Annotated[int | Literal["auto"], PlainValidator(_workers)] = 1
    tls: Annotated[Tls, _Empty] = Tls()
    limits: Annotated[Limits, _Empty] = Limits()
    login: Annotated[Login, _Empty] = Login()
    uploads: Annotated[Uploads, _Empty] = Uploads()
    log: Annotated[Log, _Empty] = Log()
    _overrides: tuple[str | None, int | None, int | None] = (None, None, None)

    @model_validator(mode="before")
    @classmethod
    def anchor(cls, data: Any) -> Any:
        """Make every path absolute, those left at their default too, before the fields are checked."""
        if not isinstance(data, Mapping) or not isinstance(data.get("path"), Path):
            return data
        base = data["path"].absolute().parent
        anchored = {**data, **_anchor(base, data, cls, "accounts", "homes", "state")}
        tls = empty_section(data.get("tls"))
        if isinstance(tls, Mapping):  # not when it is a Tls already
            anchored["tls"] = {**tls, **_anchor(base, tls, Tls, "certificate", "private_key", "client_ca")}
        return anchored

    @model_validator(mode="after")
    def consistent(self) -> "Settings":
        """Refuse settings that contradict each other."""
        fixed = [(listener.host, listener.port) for listener in self.listen if listener.port]
        for host, port in fixed:
            if fixed.count((host, port)) > 1:
                raise ValueError(f"listen: {host} port {port} is given twice")
        if self.tls.mode == "off" and any(listener.tls for listener in self.listen):
            raise ValueError("listen: 'tls: implicit' needs tls.mode optional or required, not off")
        return self

    def with_overrides(self, host: str | None, port: int | None, workers: int | None) -> "Settings":
        """Return settings whose first listener and workers are those of the command line, where it gives any.

        Raises Faulty when the result is refused.
        """
        first: dict[str, object] = {"host": host, "port": port}
        first = {key: value for key, value in first.items() if value is not None}
        listener = {**self.listen[0].model_dump(), **first}
        given = {**dict(self), "listen": [listener, *self.listen[1:]]}
        if workers is not None:
            given["workers"] = workers
        try:
            overridden = Settings.model_validate(given)
        except ValidationError as error:
            messages = [
                f"command line: {detail['msg'].removeprefix('Value error, ')}" for detail in error.errors()
            ]
            raise Faulty(Fault(self.path, None, message) for message in messages) from error
        overridden._overrides = (host, port, workers)
        return overridden

    def reread(self) -> "Settings":
        """Return what the file says now, with what the command line put in place. Raises Faulty."""
        return load_settings(self.path).with_overrides(*self._overrides)

    def worker_count(self) -> int:
        """Return the number of processes to run; "auto" is one for each core this process may use."""
        return len(os.sched_getaffinity(0)) if self.workers == "auto" else self.workers


def _anchor(base: Path, data: Mapping[str, Any], model: type[Section], *keys: str) -> dict[str, object]:
    anchored: dict[str, object] = {}
    for key in keys:
        value = data.get(key, model.model_fields[key].default)
        if isinstance(value, str) and value and "\0" not in value and not value.startswith("~"):
            value = Path(value)
        # normpath, not resolve: a link the administrator made stays a link.
        anchored[key] = Path(os.path.normpath(base / value)) if isinstance(value, Path) else value
    return anchored


def find_settings(explicit: Path | None) -> Path:
    """Return the settings file to use: `explicit`, FTPSERVER_CONFIG, or the first default file that exists.

    Raises Faulty when there is none.
    """
    if explicit is not None:
        return explicit
    if named := os.environ.get(ENVIRONMENT):
        return Path(named)
    for file in DEFAULT_FILES:
        if file.exists():
            return file
    message = f"no such file, nor {DEFAULT_FILES[1]}; make one with 'ftpserver init' or name it with -c"
    raise Faulty([Fault(DEFAULT_FILES[0], None, message)])


def load_settings(path: Path) -> Settings:
    """Read and check the settings file. Raises Faulty with every fault in it."""
    return validate(Settings, read_document(path), {"path": path.absolute()})

"""One user: who may log in, where the home is, what is allowed and how much.

The file's name is the login name, so a name must be a safe file name and look the same to everybody: 1 to 64
printable characters in Unicode normal form C, no "/", no leading "." or "-".
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainValidator

from ftpserver.config.sizes import LARGEST, parse_size
from ftpserver.config.validation import Section, empty_section, suggest
from ftpwire.charset import known

LOCKED = "*"
"""A password nobody can log in with."""

MAX_NAME = 64
_MAX_NAME_BYTES = 255 - len(".yaml")
_COSTS = range(4, 17)
# The 22nd letter of the salt holds two bits only; bcrypt raises on a hash where it says more.
_HASH = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Permission(StrEnum):
    """What an account may do with what is in its home."""

    LIST = "list"
    READ = "read"
    CREATE = "create"
    OVERWRITE = "overwrite"
    DELETE = "delete"
    RENAME = "rename"
    MKDIR = "mkdir"
    RMDIR = "rmdir"
    ATTRIBUTES = "attributes"


PRESETS: dict[str, frozenset[Permission]] = {
    "full": frozenset(Permission),
    "read-only": frozenset({Permission.LIST, Permission.READ}),
    # A letter box: put in, and neither see nor change what is there.
    "drop-box": frozenset({Permission.CREATE}),
}


def valid_name(name: str) -> bool:
    """Tell whether this can be a login name, and so the name of an account file."""
    return (
        1 <= len(name) <= MAX_NAME
        and name.isprintable()  # no control, format or surrogate character
        and "/" not in name
        and name[0] not in ".- "
        and name[-1] != " "
        and unicodedata.is_normalized("NFC", name)
        and len(name.encode()) <= _MAX_NAME_BYTES
    )


def parse_permissions(value: object) -> frozenset[Permission]:
    """Return the permissions that a preset's name or a list of words means. Raises ValueError."""
    if isinstance(value, str):
        if value in PRESETS:
            return PRESETS[value]
        words = [*PRESETS, *Permission]
        raise ValueError(f"must be full, read-only, drop-box or a list, not {value!r}{suggest(value, words)}")
    if not isinstance(value, Sequence | frozenset):
        raise ValueError(f"must be full, read-only, drop-box or a list, not {value!r}")
    granted = set()
    for word in value:
        if word not in list(Permission):
            known = " ".join(Permission)
            raise ValueError(f"unknown permission {word!r}{suggest(word, list(Permission))} (known: {known})")
        granted.add(Permission(word))
    return frozenset(granted)


def describe_permissions(permissions: frozenset[Permission]) -> str:
    """Return a preset's name or the words of the list, in the order of the documentation."""
    for name, preset in PRESETS.items():
        if permissions == preset:
            return name
    return " ".join(word for word in Permission if word in permissions) or "none"


def parse_expiry(value: object) -> datetime | None:
    """Return the instant from which the account is closed; a date means its first moment, UTC is assumed.

    Raises ValueError.
    """
    if value is None:
        return None
    if isinstance(value, str) and _DAY.match(value):
        try:
            return _utc(datetime.fromisoformat(value))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{value!r} is not a date or time: {error}") from error
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise ValueError(
            f"must be a date such as 2026-12-31, a time such as 2026-12-31T18:00Z, or null, not {value!r}"
        )
    return _utc(value)


def _utc(value: datetime) -> datetime:
    return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def _password(value: object) -> str:
    # The value is never repeated in the message: it could be the password itself, written here by mistake.
    if value == LOCKED:
        return LOCKED
    match = _HASH.fullmatch(value) if isinstance(value, str) else None
    if match is None or not isinstance(value, str):
        raise ValueError(
            "must be a bcrypt hash ($2b$12$...), or \"*\" for nobody; set one with 'ftpserver user passwd'"
        )
    if int(match[1]) not in _COSTS:
        raise ValueError(
            f"the cost of the bcrypt hash must be {_COSTS[0]} to {_COSTS[-1]}, not {int(match[1])}"
        )
    return value


def parse_home(value: object) -> str:
    """Return the text of a home that may be one. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("must be a path, as text; put it in quotes")
    if not value.isprintable() or not value or value.startswith("~"):
        raise ValueError(f"must be a path below homes, or an absolute one, not {value!r}")
    parts = value.split("/")
    if ".." in parts or (not value.startswith("/") and not set(parts) - {"", "."}):
        raise ValueError(f"must name a directory below homes without '..', not {value!r}")
    return value


def _encoding(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not known(value):
        raise ValueError(f"must be a text encoding such as gbk, cp1252 or latin-1, or null, not {value!r}")
    return value


def _bytes(value: object) -> int | None:
    return None if value is None else parse_size(value)


Size = Annotated[int, PlainValidator(parse_size)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]


class Quota(Section):
    """The most a home may hold; None is unlimited."""

    bytes: Annotated[int | None, PlainValidator(_bytes)] = None
    files: Count | None = None


class Traffic(Section):
    """The most bytes to move in a calendar day or month (UTC); None is unlimited."""

    upload_day: Annotated[int | None, PlainValidator(_bytes)] = None
    upload_month: Annotated[int | None, PlainValidator(_bytes)] = None
    download_day: Annotated[int | None, PlainValidator(_bytes)] = None
    download_month: Annotated[int | None, PlainValidator(_bytes)] = None

    @cached_property
    def unlimited(self) -> bool:
        """Whether nothing is limited."""
        return (self.upload_day, self.upload_month, self.download_day, self.download_month) == (None,) * 4


class Pool(Quota):
    """What the members of a group may hold and move together."""

    traffic: Annotated[Traffic, BeforeValidator(empty_section)] = Traffic()


class AccountLimits(Section):
    """Sessions at once, and bytes per second of all the user's sessions together; 0 is no limit."""

    sessions: Count = 0
    upload_rate: Size = 0
    download_rate: Size = 0


class Defaults(Section):
    """What an account and a group can say alike."""

    enabled: bool = True
    expires: Annotated[datetime | None, PlainValidator(parse_expiry)] = None
    permissions: Annotated[frozenset[Permission], PlainValidator(parse_permissions)] = PRESETS["full"]
    tls: Literal["required"] | None = None
    encoding: Annotated[str | None, PlainValidator(_encoding)] = None
    normalize: Literal["nfc"] | None = None
    quota: Annotated[Quota, BeforeValidator(empty_section)] = Quota()
    traffic: Annotated[Traffic, BeforeValidator(empty_section)] = Traffic()
    limits: Annotated[AccountLimits, BeforeValidator(empty_section)] = AccountLimits()


class Account(Defaults):
    """One user, checked and frozen; `home` is the text of the file, `home_path` says where that is."""

    name: str
    password: Annotated[str, PlainValidator(_password)] = Field(repr=False)
    home: Annotated[str, PlainValidator(parse_home)]
    group: str | None = None
    pool: Pool | None = None
    """What the group's members share; it comes from the group's file."""

    @property
    def locked(self) -> bool:
        """Whether the password is one nobody can log in with."""
        return self.password == LOCKED

    def active(self, now: datetime) -> bool:
        """Tell whether the account is enabled and not expired at `now` (an aware time)."""
        return self.enabled and (self.expires is None or now < self.expires)

    def home_path(self, homes: Path) -> Path:
        """Return the directory of the home: below `homes`, or the absolute path that the file gives."""
        return homes / self.home

    def home_text(self, homes: Path) -> str:
        """Return `home_path` as text; every login asks, and a plain name needs no parsing."""
        plain = "/" not in self.home and self.home not in (".", "..")
        return f"{homes}/{self.home}" if plain else str(homes / self.home)

"""Groups: what many accounts have in common, and what they share.

`accounts/groups/staff.yaml` gives defaults to every account that says `group: staff`; what an account says
itself wins, key by key. A group may own a `pool`: a quota that the homes of all members draw on together,
beside each member's own.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from ftpserver.accounts.account import Defaults, Pool, valid_name
from ftpserver.config.document import parse_document, read_regular
from ftpserver.config.fault import Fault, Faulty
from ftpserver.config.validation import empty_section, validate

FOLDER = "groups"
SUFFIX = ".yaml"


class GroupFile(Defaults):
    """The model of a group's file."""

    pool: Annotated[Pool | None, BeforeValidator(empty_section)] = None


@dataclass(frozen=True, slots=True)
class Group:
    """A group as its file says: `defaults` are the plain values that members have where they say nothing."""

    name: str
    defaults: dict[str, Any]
    pool: Pool | None
    values: Defaults = field(default=Defaults(), compare=False)
    """What a member has that says nothing itself."""

    def complete(self, account: dict[str, Any]) -> None:
        """Put the defaults into the plain values of an account's file where those are silent."""
        for key, value in self.defaults.items():
            own = account.setdefault(key, value)
            if isinstance(value, dict) and isinstance(own, dict) and own is not value:
                account[key] = {**value, **own}


def group_file(accounts: Path, name: str) -> Path:
    """Where the file of a group is or would be."""
    return accounts / FOLDER / f"{name}{SUFFIX}"


def read_group(accounts: Path, name: str) -> Group:
    """The group of this name. Raises Faulty when there is none or its file cannot be used."""
    file = group_file(accounts, name)
    if not valid_name(name):
        raise Faulty([Fault(accounts, None, f"{name!r} cannot be the name of a group")])
    try:
        data, _ = read_regular(file, os.O_NOFOLLOW)
    except FileNotFoundError:
        raise Faulty([Fault(file, None, f"there is no group {name!r}; make this file")]) from None
    except OSError as error:
        raise Faulty([Fault(file, None, f"the group cannot be read: {error.strerror}")]) from error
    document = parse_document(file, data)
    checked = validate(GroupFile, document, {})
    defaults = {key: value for key, value in document.value.items() if key != "pool"}
    return Group(name, defaults, checked.pool, checked)

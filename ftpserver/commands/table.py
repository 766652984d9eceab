"""The table of verbs: one row is the whole truth about one.

A row says who may say the verb, how its argument is read, which permission it needs, what HELP and FEAT tell of it,
and what it does to what came before. Dispatch, FEAT and HELP read the rows; nothing about a verb is kept
anywhere else.

Each topic module owns a Table and fills it by decorator; `commands/__init__` merges them and refuses a verb that
stands twice. The types hold together: a handler whose argument is not what its parser returns does not pass mypy.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypedDict, TypeVar, Unpack

from ftpserver.accounts.account import Permission
from ftpserver.outcome import Outcome
from ftpserver.session import Peer, Said, Session, Visitor

T = TypeVar("T")
P = TypeVar("P", bound=Peer)

Handler = Callable[[P, T], Outcome]
Feature = str | Callable[[Peer], str | None]


class Audience(Enum):
    """Who may say a verb."""

    ANYONE = "anyone"
    VISITOR = "visitor"
    MEMBER = "member"


class Interrupt(Enum):
    """What a verb may do while a transfer runs."""

    WAITS = "waits"
    """It is carried out after the transfer (RFC 959 allows it; every client counts replies in this order)."""
    ANSWERS = "answers"
    """It is answered at once (STAT)."""
    ABORTS = "aborts"
    """It ends the transfer, then is answered (ABOR)."""


@dataclass(frozen=True, slots=True)
class Row:
    """One verb."""

    verb: str
    handler: Callable[[Any, Any], Outcome]
    parse: Callable[[Any, str], Any]
    audience: Audience
    syntax: str
    permission: Permission | None = None
    features: tuple[Feature, ...] = ()
    aliases: tuple[str, ...] = ()
    prepares: bool = False
    """It prepares a transfer, so that the size that ALLO has told holds over it."""
    changes: bool = False
    """It changes names, beside a transfer: the log tells who said it."""
    says: Said | None = None
    """What it says for a later command."""
    takes: tuple[Said, ...] = ()
    """What it uses up of what was said, whatever becomes of it."""
    interrupt: Interrupt = Interrupt.WAITS


class Options(TypedDict, total=False):
    """What most rows leave at its default; see Row."""

    permission: Permission | None
    features: tuple[Feature, ...]
    aliases: tuple[str, ...]
    prepares: bool
    changes: bool
    says: Said | None
    takes: tuple[Said, ...]
    interrupt: Interrupt


class Table:
    """Rows by verb, aliases included."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def anyone(
        self, verb: str, parse: Callable[[Peer, str], T], syntax: str, **options: Unpack[Options]
    ) -> Callable[[Handler[Peer, T]], Handler[Peer, T]]:
        """A verb that everybody may say."""
        return self._registrar(Audience.ANYONE, verb, parse, syntax, options)

    def visitor(
        self, verb: str, parse: Callable[[Visitor, str], T], syntax: str, **options: Unpack[Options]
    ) -> Callable[[Handler[Visitor, T]], Handler[Visitor, T]]:
        """A verb for those who have not logged in."""
        return self._registrar(Audience.VISITOR, verb, parse, syntax, options)

    def member(
        self, verb: str, parse: Callable[[Session, str], T], syntax: str, **options: Unpack[Options]
    ) -> Callable[[Handler[Session, T]], Handler[Session, T]]:
        """A verb for those who have."""
        return self._registrar(Audience.MEMBER, verb, parse, syntax, options)

    def _registrar(
        self, audience: Audience, verb: str, parse: Callable[[Any, str], T], syntax: str, options: Options
    ) -> Callable[[Handler[P, T]], Handler[P, T]]:
        def register(handler: Handler[P, T]) -> Handler[P, T]:
            self.add(Row(verb, handler, parse, audience, syntax, **options))
            return handler

        return register

    def add(self, row: Row) -> None:
        """Put a row in under its verb and aliases. Raises ValueError for a doubled verb."""
        for verb in (row.verb, *row.aliases):
            if verb in self._rows:
                raise ValueError(f"{verb} stands twice in the table")
            self._rows[verb] = row

    def merge(self, other: "Table") -> None:
        """Take over the rows of a topic."""
        for row in other:
            self.add(row)

    def get(self, verb: str) -> Row | None:
        """The row of a verb or alias."""
        return self._rows.get(verb)

    def verbs(self) -> list[str]:
        """All verbs and aliases, sorted."""
        return sorted(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(dict.fromkeys(self._rows.values()))

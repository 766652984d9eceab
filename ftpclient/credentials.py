"""Names and passwords: where they come from, never from the command line.

Order: `--password-stdin`, `FTPCLIENT_PASSWORD`, the keyring (if the package is there), netrc, the prompt. The
first that has a password is tried; after a refusal only a person is asked again, three tries in all. A name
that nobody gave is netrc's for that host, then the prompt's, and where nobody can be asked, "anonymous".

netrc is read by our own tokenizer: Python's (3.11 and later) loses backslashes. A netrc that others can read
is not used, since it holds passwords.
"""

import importlib
import os
import re
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ftpclient.errors import LoginRefused

TRIES = 3
ANONYMOUS = "anonymous"
ENVIRONMENT = "FTPCLIENT_PASSWORD"

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


@dataclass(frozen=True, slots=True, repr=False)
class Login:
    """A name and its password; never shown."""

    user: str
    password: str


@dataclass(slots=True)
class Asker:
    """How to ask a person; `ask` says whether anybody is there to answer."""

    ask: bool
    stdin: TextIO

    def user(self) -> str:
        """Ask for a name; nothing is "anonymous"."""
        return self._line("user: ") or ANONYMOUS

    def password(self, user: str, host: str) -> str:
        """Ask for a password, without echo on a terminal; raise EOFError at the end of the input."""
        if self.stdin.isatty():
            import getpass  # only people need it

            return getpass.getpass(f"password for {user}@{host}: ")
        return self._line("")

    def _line(self, prompt: str) -> str:
        if prompt:
            print(prompt, end="", file=sys.stderr, flush=True)
        line = self.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\r\n")


def logins(host: str, user: str | None, asker: Asker, password_stdin: bool = False) -> Iterator[Login]:
    """Yield what to try, at most three times; raise LoginRefused without a password or anybody to ask."""
    given = _given(host, user, asker, password_stdin)
    if given is not None:
        yield given
        if given.user == ANONYMOUS or not (asker.ask and asker.stdin.isatty()):
            return
    elif not asker.ask:
        if user is not None and user != ANONYMOUS:
            raise LoginRefused(f"no password for {user}: use --password-stdin, {ENVIRONMENT} or .netrc")
        yield Login(ANONYMOUS, "anonymous@")
        return
    for _ in range(TRIES - (given is not None)):
        name = user or asker.user()
        yield Login(name, "anonymous@" if name == ANONYMOUS else asker.password(name, host))


def _given(host: str, user: str | None, asker: Asker, password_stdin: bool) -> Login | None:
    if password_stdin:
        return Login(user or ANONYMOUS, asker.stdin.readline().rstrip("\r\n"))
    if user == ANONYMOUS:
        return Login(ANONYMOUS, "anonymous@")
    password = os.environ.get(ENVIRONMENT)
    if user and password is not None:
        return Login(user, password)
    if user and (password := _from_keyring(host, user)) is not None:
        return Login(user, password)
    return from_netrc(host, user)


def _from_keyring(host: str, user: str) -> str | None:
    try:
        keyring = importlib.import_module("keyring")
    except ImportError:
        return None
    try:
        found = keyring.get_password(f"ftp://{host}", user)
    except keyring.errors.KeyringError:
        return None  # headless machines have the package and no keyring behind it
    return found if isinstance(found, str) else None


def netrc_path() -> Path:
    """Where netrc is: $NETRC, or ~/.netrc."""
    return Path(os.environ.get("NETRC") or Path.home() / ".netrc")


def from_netrc(host: str, user: str | None) -> Login | None:
    """Find the login for a host in netrc; with `user`, only one of that name."""
    path = netrc_path()
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            facts = os.fstat(file.fileno())
            if facts.st_uid != os.geteuid() or stat.S_IMODE(facts.st_mode) & 0o077:
                print(f"ftpclient: {path} is not used: others can read it (chmod 600)", file=sys.stderr)
                return None
            text = file.read()
    except OSError:
        return None
    for machine, entry in netrc_entries(text):
        login = entry.get("login")
        if machine in (host, None) and login and "password" in entry and user in (None, login):
            return Login(login, entry["password"])
    return None


def netrc_entries(text: str) -> Iterator[tuple[str | None, dict[str, str]]]:
    """Read netrc: each machine (None: default) with its words. Macros are skipped."""
    tokens = _tokens(text)
    machine: str | None = None
    entry: dict[str, str] | None = None
    for token in tokens:
        if token in ("machine", "default"):
            if entry is not None:
                yield machine, entry
            machine, entry = (next(tokens, "") if token == "machine" else None), {}
        elif entry is not None and token in ("login", "password", "account"):
            entry[token] = next(tokens, "")
    if entry is not None:
        yield machine, entry


def _tokens(text: str) -> Iterator[str]:
    macro = False
    for line in text.splitlines():
        if macro:
            macro = bool(line.strip())  # a macro ends at an empty line
            continue
        for match in _TOKEN.finditer(line):
            token = match[2] if match[1] is None else re.sub(r"\\(.)", r"\1", match[1])
            if token.startswith("#") and match.start() == len(line) - len(line.lstrip()):
                break
            if token == "macdef":
                macro = True
                break
            yield token

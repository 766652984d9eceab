"""The login shell: a prompt `[user:/path]>>: `, the commands of `verbs`, and nothing that ends it but `exit`.

Rules
- Lines are split as a POSIX shell does (shlex): quotes and backslashes, no variables. `#` starts no comment,
  since names may hold it.
- Standard input need not be a terminal: a script is then echoed behind the prompt, so that its output reads
  as a session, and the first failure decides the exit code, though the script goes on.
- Ctrl-C ends the command, not the session. A session that the server ended is opened again, in the same
  directory, before the next command.
"""

import contextlib
import difflib
import shlex
import sys
from collections.abc import Callable
from typing import TextIO

from ftpclient.client import Client
from ftpclient.display import shown, shown_lines
from ftpclient.errors import FtpError, in_words
from ftpclient.exits import Exit, exit_of
from ftpclient.verbs import COMMANDS, JobFailed, Place, Words, WrongUse, command

Reopen = Callable[[], Client]


class Leave(Exception):
    """The user wants to go."""


class Shell:
    """One interactive session."""

    def __init__(self, place: Place, user: str, reopen: Reopen, stdin: TextIO, err: TextIO) -> None:
        self._place = place
        self._user = user
        self._reopen = reopen
        self._stdin = stdin
        self._err = err
        self._path = place.client.pwd()
        self.outcome = Exit.OK

    @property
    def prompt(self) -> str:
        """What stands before the cursor."""
        return f"[{shown(self._user)}:{shown(self._path)}]>>: "

    def run(self) -> Exit:
        """Read and obey until the end; return the exit code of the first failure."""
        interactive = self._stdin.isatty()
        if interactive:
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401  (its import gives input() line editing and history)
        while True:
            try:
                self.obey(self._read(interactive))
            except Leave:
                break
            except EOFError:
                if interactive:
                    self._place.say("")  # Ctrl-D leaves the cursor behind the prompt
                break
            except KeyboardInterrupt:
                self._complain("interrupted", Exit.INTERRUPTED)
        self._place.client.quit()
        return Exit.OK if interactive else self.outcome

    def _read(self, interactive: bool) -> str:
        if interactive and self._stdin is sys.stdin:
            return input(self.prompt)
        print(self.prompt, end="", file=self._place.out, flush=True)
        line = self._stdin.readline()
        self._place.say(shown(line.rstrip("\r\n")))
        if not line:
            raise EOFError
        return line.rstrip("\r\n")

    def obey(self, line: str) -> None:
        """Do what one line says; print what went wrong. Raises Leave."""
        try:
            words = shlex.split(line)
            if not words:
                return
            row = COMMANDS.get(words[0])
            if row is None:
                raise WrongUse(_unknown(words[0]))
            self._revive()
            row.run(self._place, row.read(words[1:]))
        except JobFailed as fault:
            self._complain(str(fault), exit_of(fault.failures[0][1]))
        except (OSError, ValueError) as fault:
            self._complain(in_words(fault), exit_of(fault))
        self._path = self._place.client.pwd()

    def _revive(self) -> None:
        if not self._place.client.closed:
            return
        where = self._place.client.pwd()
        self._place.client = self._reopen()
        print("connected again", file=self._err, flush=True)
        with contextlib.suppress(FtpError):
            self._place.client.cwd(where)

    def _complain(self, text: str, cause: Exit) -> None:
        print(shown_lines(text), file=self._err, flush=True)
        if self.outcome is Exit.OK:
            self.outcome = cause


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, COMMANDS, 1)
    return f"{name}: no such command" + (f" (did you mean {near[0]}?)" if near else "; try help")


@command("help [COMMAND]", "explain a command, or list them all", most=1)
def _help(place: Place, words: Words) -> None:

    name = words.first()
    if name and name not in COMMANDS:
        raise WrongUse(_unknown(name))
    if name:
        place.say(f"{COMMANDS[name].syntax}\n  {COMMANDS[name].about}")
        return
    for row in sorted(COMMANDS.values(), key=lambda row: row.name):
        place.say(f"{row.syntax:32} {row.about}")


@command("exit", "say goodbye")
def _exit(place: Place, words: Words) -> None:
    raise Leave


@command("quit", "say goodbye")
def _quit(place: Place, words: Words) -> None:
    raise Leave

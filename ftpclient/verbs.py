"""The commands of the shell: one decorated row each, which is all there is to know about it.

A row gives the name, the syntax (which `help` prints and whose `[-x]` are the flags it takes) and the
explanation. A handler gets a `Place` (where we are, here and there) and its operands; it prints its result
and raises what goes wrong. Nothing from the server is printed without `display.shown`.
"""

import contextlib
import glob
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ftpclient.client import Client
from ftpclient.display import entry_line, in_order, shown, shown_lines, size_text
from ftpclient.meter import Meter
from ftpclient.places import download_target, entries_at, expand, is_pattern, move, upload_target
from ftpclient.transfer import get_file, put_file
from ftpclient.tree import Report, get_tree, put_tree, remove_any, usage


class WrongUse(ValueError):
    """A command was given flags or operands that it does not take."""


class JobFailed(Exception):
    """Some parts of a command failed; each was said when it did."""

    def __init__(self, failures: list[tuple[str, Exception]]) -> None:
        super().__init__(f"{len(failures)} failed")
        self.failures = failures


@dataclass(slots=True)
class Place:
    """Where the shell is: on the server, here, and what it prints to."""

    client: Client
    local: Path
    out: TextIO
    meter: Callable[[], AbstractContextManager[Meter]]

    def say(self, text: str) -> None:
        """Print one line."""
        print(text, file=self.out, flush=True)


@dataclass(frozen=True, slots=True)
class Words:
    """What stood behind a command's name."""

    flags: frozenset[str]
    operands: tuple[str, ...]

    def first(self, default: str = "") -> str:
        """The first operand, if there is one."""
        return self.operands[0] if self.operands else default

    def second(self) -> str | None:
        """The second operand, if there is one."""
        return self.operands[1] if len(self.operands) > 1 else None


Handler = Callable[[Place, Words], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One command."""

    name: str
    syntax: str
    about: str
    least: int
    most: int | None
    run: Handler

    def read(self, words: list[str]) -> Words:
        """Tell flags from operands ("--" ends the flags); raise WrongUse."""
        allowed = set(re.findall(r"\[-(\w)\]", self.syntax))
        flags: set[str] = set()
        operands: list[str] = []
        for position, word in enumerate(words):
            if word == "--":
                operands += words[position + 1 :]
                break
            if len(word) > 1 and word[0] == "-" and set(word[1:]) <= allowed:
                flags |= set(word[1:])
            elif len(word) > 1 and word[0] == "-" and not operands:
                raise WrongUse(f"usage: {self.syntax}")
            else:
                operands.append(word)
        if len(operands) < self.least or (self.most is not None and len(operands) > self.most):
            raise WrongUse(f"usage: {self.syntax}")
        return Words(frozenset(flags), tuple(operands))


COMMANDS: dict[str, Row] = {}


def command(syntax: str, about: str, least: int = 0, most: int | None = 0) -> Callable[[Handler], Handler]:
    """Enter a handler into the table; `most` None means any number of operands."""

    def enter(handler: Handler) -> Handler:
        name = syntax.split()[0]
        COMMANDS[name] = Row(name, syntax, about, least, most, handler)
        return handler

    return enter


@command("ls [-l] [PATH]", "list a directory there; -l with kind, size and time", most=1)
def ls(place: Place, words: Words) -> None:
    long = "l" in words.flags
    for entry in in_order(entries_at(place.client, words.first(), exact=long)):
        place.say(entry_line(entry, long))


@command("cd [PATH]", "go to a directory there; without a path to the top", most=1)
def cd(place: Place, words: Words) -> None:
    place.client.cwd(words.first("/"))


@command("pwd", "say where we are there")
def pwd(place: Place, words: Words) -> None:
    place.say(shown(place.client.pwd()))


@command("lcd [PATH]", "go to a directory here; without a path to the home", most=1)
def lcd(place: Place, words: Words) -> None:
    target = (place.local / Path(words.first("~")).expanduser()).resolve()
    os.scandir(target).close()  # says why it cannot be entered
    place.local = target


@command("lpwd", "say where we are here")
def lpwd(place: Place, words: Words) -> None:
    place.say(shown(str(place.local)))


@command("lls [PATH]", "list a directory here", most=1)
def lls(place: Place, words: Words) -> None:
    with os.scandir(place.local / words.first()) as entries:
        for name in sorted(entry.name + "/" * entry.is_dir() for entry in entries):
            place.say(shown(name))


@command("get [-c] [-r] REMOTE [LOCAL]", "download; -c continues a partial file, -r a whole tree", 1, 2)
def get(place: Place, words: Words) -> None:
    remote, resume = words.first(), "c" in words.flags
    tree = "r" in words.flags
    target = download_target(remote, words.second(), place.local, tree)
    with _job(place) as report:
        if tree:
            get_tree(place.client, remote, target, report, resume=resume)
        else:
            get_file(place.client, remote, target, resume=resume, meter=report.meter)


@command("put [-c] [-r] LOCAL [REMOTE]", "upload; -c continues a partial file, -r a whole tree", 1, 2)
def put(place: Place, words: Words) -> None:
    local, resume = place.local / words.first(), "c" in words.flags
    tree = "r" in words.flags
    target = upload_target(place.client, local, words.second(), tree)
    with _job(place) as report:
        if tree:
            put_tree(place.client, local, target, report, resume=resume)
        else:
            put_file(place.client, local, target, resume=resume, meter=report.meter)


@command("mget [-c] PATTERN...", "download every file that a pattern (* ? [a-z]) matches", 1, None)
def mget(place: Place, words: Words) -> None:
    names = [*_remote_names(place, words.operands)]
    with _job(place) as report:
        for name in names:
            if place.client.is_directory(name):
                report.meter.note(f"left out: {name}: a directory (get -r)")
            else:
                report.attempt(name, _get_one, place, name, "c" in words.flags, report)


def _get_one(place: Place, name: str, resume: bool, report: Report) -> None:
    target = download_target(name, None, place.local)
    report.moved.append(get_file(place.client, name, target, resume=resume, meter=report.meter))


def _remote_names(place: Place, patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        names = expand(place.client, pattern)
        if not names:
            raise FileNotFoundError(2, "nothing there matches", pattern)
        yield from names


@command("mput [-c] PATTERN...", "upload every file here that a pattern (* ? [a-z]) matches", 1, None)
def mput(place: Place, words: Words) -> None:
    names = [*_local_names(place, words.operands)]
    with _job(place) as report:
        for name in names:
            if (local := place.local / name).is_dir():
                report.meter.note(f"left out: {name}: a directory (put -r)")
            else:
                report.attempt(name, _put_one, place, local, "c" in words.flags, report)


def _put_one(place: Place, local: Path, resume: bool, report: Report) -> None:
    report.moved.append(put_file(place.client, local, local.name, resume=resume, meter=report.meter))


def _local_names(place: Place, patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        names = sorted(glob.glob(pattern, root_dir=place.local)) if is_pattern(pattern) else [pattern]
        if not names:
            raise FileNotFoundError(2, "nothing here matches", pattern)
        yield from names


@command("mkdir [-p] PATH...", "make directories; -p with those above, existing ones are fine", 1, None)
def mkdir(place: Place, words: Words) -> None:
    for path in words.operands:
        place.client.make_directory(path, parents="p" in words.flags)


@command("rm [-r] PATH...", "remove files; -r whole trees", 1, None)
def rm(place: Place, words: Words) -> None:
    for path in words.operands:
        if "r" in words.flags:
            with _job(place) as report:
                remove_any(place.client, path, report)
        else:
            place.client.remove(path)


@command("del PATH...", "remove files", 1, None)
def delete(place: Place, words: Words) -> None:
    rm(place, words)


@command("rmdir PATH...", "remove empty directories", 1, None)
def rmdir(place: Place, words: Words) -> None:
    for path in words.operands:
        place.client.remove_directory(path)


@command("mv OLD NEW", "rename or move; into NEW if it is a directory", 2, 2)
def mv(place: Place, words: Words) -> None:
    old, new = words.operands
    move(place.client, old, new)


@command("cat PATH...", "print files", 1, None)
def cat(place: Place, words: Words) -> None:
    place.out.flush()
    sink = getattr(place.out, "buffer", sys.stdout.buffer)
    for path in words.operands:
        place.client.retrieve(path, sink)
    sink.flush()


@command("du [PATH]", "add up the sizes of a tree there", most=1)
def du(place: Place, words: Words) -> None:
    with place.meter() as meter:
        report = Report(meter)
        total = usage(place.client, words.first(), report)
    place.say(f"{size_text(total.bytes)} in {total.files} files, {total.directories} directories")
    _judge(report)


@command("quota", "say what the server says about the quota")
def quota(place: Place, words: Words) -> None:
    place.say(shown_lines("\n".join(place.client.quota())))


@contextlib.contextmanager
def _job(place: Place) -> Iterator[Report]:
    """Show progress while the block runs; raise JobFailed if a part of it failed."""
    with place.meter() as meter:
        report = Report(meter)
        yield report
    _judge(report)


def _judge(report: Report) -> None:
    if report.failures:
        raise JobFailed(report.failures)

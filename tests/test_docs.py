"""The examples of README.md and docs/ are run as they are printed, and print what they say.

The convention (CONTRIBUTING.md tells writers): in a fenced block tagged `console`

- a line that begins with `$ ` is a command, continued by lines that begin with `> `;
- the lines after it are what it prints; `...` stands for anything, also for several lines; a command with nothing
  after it may print what it likes;
- it must succeed, unless the next command is `echo $?`, which then says how it failed;
- all commands of one document go to one shell in one empty directory, in order; `ftpserver ... serve` is left running
  until the document ends, and must then end well.

Port 2121 of the examples becomes a free one on the way in, and 2121 again on the way out. The service's folders
on a real machine, /etc/ftpserver and /srv/ftp, are directories of the sandbox. Blocks with another tag are
not run, so a line of theirs may not be one of our commands.
"""

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.service import PATIENCE, ROOT

DOCUMENTS = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^( *)(`{3,})(\w*)[^\n]*\n(.*?)^\1\2 *$", re.MULTILINE | re.DOTALL)
SYSTEM_FOLDERS = ("/etc/ftpserver", "/srv/ftp")
DOCUMENTED_PORT = "2121"
DONE = "--8<-- done"


@dataclass
class Example:
    """One command and what it should print."""

    line: int
    command: str
    output: list[str] = field(default_factory=list)


def examples(text: str) -> list[Example]:
    """Every command of the `console` blocks of a document, in order."""
    found: list[Example] = []
    for block in FENCE.finditer(text):
        if block[3] != "console":
            continue
        first = text.count("\n", 0, block.start(4)) + 1
        for number, line in enumerate(block[4].splitlines(), first):
            line = line.removeprefix(block[1])
            if line.startswith("$ "):
                found.append(Example(number, line[2:]))
            elif line.startswith("> ") and not found[-1].output:
                found[-1].command += "\n" + line[2:]
            else:
                found[-1].output.append(line)
    return found


def matches(expected: list[str], printed: str) -> bool:
    """Whether the output is as documented; `...` stands for anything."""
    pattern = ".*?".join(re.escape(part) for part in "\n".join(expected).split("..."))
    return re.fullmatch(pattern + r"\s*", printed, re.DOTALL) is not None


def free_port() -> str:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Sandbox:
    """One shell in one empty directory, with our two programs on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.port = free_port()
        self.servers: list[tuple[int, Path]] = []
        tools = folder / "bin"
        for directory in (self.work, tools, folder / "system"):
            directory.mkdir()
        for name, module in (("ftpserver", "ftpserver"), ("ftpclient", "ftpclient")):
            self._tool(tools / name, f'exec {shlex.quote(sys.executable)} -m {module} "$@"')
        # Nobody changes users in a test: the command is run as who we are.
        self._tool(
            tools / "sudo", 'while [ "${1#-}" != "$1" ]; do [ "$1" = -u ] && shift; shift; done; exec "$@"'
        )
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        self.environment = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "PYTHONPATH": path,
            "HOME": str(self.work),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "100",
        }
        self.shell = subprocess.Popen(
            ["sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.work,
            env=self.environment,
            text=True,
        )

    @staticmethod
    def _tool(path: Path, line: str) -> None:
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def inward(self, text: str) -> str:
        """Documented text as it must be here."""
        for name in SYSTEM_FOLDERS:
            text = text.replace(name, f"{self.folder}/system{name}")
        return text.replace(DOCUMENTED_PORT, self.port)

    def outward(self, text: str) -> str:
        """What was printed here as it would be documented."""
        text = text.replace(f"{self.folder}/system", "").replace(str(self.work), "/home/you")
        return text.replace(self.port, DOCUMENTED_PORT)

    def run(self, command: str) -> tuple[int, str]:
        """Gives the command to the shell; returns its exit code and everything it printed."""
        if re.search(r"\bftpserver\b.* serve\b", command):
            return 0, self._serve(command)
        before = "(exit $_code)\n" if command == "echo $?" else ""
        return self._tell(f"{before}{{ {self.inward(command)}\n}} </dev/null\n_code=$?")

    def _tell(self, script: str) -> tuple[int, str]:
        """Runs lines in the shell that leave their exit code in `_code`."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(f"{script}\necho; echo '{DONE}' $_code\n")
        self.shell.stdin.flush()
        printed = ""
        for line in self.shell.stdout:
            if line.startswith(DONE):
                return int(line.removeprefix(DONE)), self.outward(printed).removesuffix("\n")
            printed += line
        raise AssertionError(f"the shell ended:\n{printed}")

    def _serve(self, command: str) -> str:
        """Starts a server in the background and returns what it printed until it was ready."""
        log = self.folder / f"server-{len(self.servers)}.log"
        log.touch()
        start = f"{self.inward(command)} --port {self.port} </dev/null >{log} 2>&1 &"
        _, printed = self._tell(f"{start}\necho $!; _code=0")
        pid = int(printed)
        self.servers.append((pid, log))
        deadline = time.monotonic() + PATIENCE
        while "listening on" not in log.read_text():
            assert Path(f"/proc/{pid}/stat").exists(), log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.01)
        return self.outward(log.read_text())

    def close(self) -> None:
        """Ends the servers and the shell; fails when a server did not end well."""
        codes = [self._tell(f"kill {pid}; wait {pid}; _code=$?")[0] for pid, _ in self.servers]
        self.shell.communicate(timeout=PATIENCE)
        for code, (_, log) in zip(codes, self.servers, strict=True):
            assert code == 0, log.read_text()
            assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox, empty but for the configuration that /etc/ftpserver and /srv/ftp name."""
    box = Sandbox(tmp_path)
    yield box
    box.close()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_examples_print_what_they_say(document: str, sandbox: Sandbox) -> None:
    commands = examples((ROOT / document).read_text("utf-8"))
    for number, example in enumerate(commands):
        code, printed = sandbox.run(example.command)
        place = f"{document}:{example.line}: {example.command}"
        told = number + 1 < len(commands) and commands[number + 1].command == "echo $?"
        assert told or code == 0, f"{place}\nended with {code}:\n{printed}"
        if example.output:
            assert matches(example.output, printed), f"{place}\nprinted:\n{printed}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_our_commands_stand_in_blocks_that_are_run(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    stray = [
        line
        for block in FENCE.finditer(text)
        if block[3] != "console"
        for line in block[4].splitlines()
        if re.match(r"\s*(\$ )?(sudo (-u \S+ )?)?(ftpserver|ftpclient) ", line)
    ]
    assert stray == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_to_files_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert ((ROOT / document).parent / target).exists(), target


def test_the_documented_settings_are_the_shipped_ones() -> None:
    """docs/configuration.md names every key of both files, and none that is not there."""
    from ftpserver.accounts.account import Account
    from ftpserver.config.settings import Settings

    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    said = set(re.findall(r"^\| `([a-z_.\[\]]+)`", text, re.MULTILINE))
    real = set(_keys(Settings)) - {"path"} | {f"account.{key}" for key in _keys(Account)} - {
        "account.name",
        "account.pool",
    }  # the pool comes from the group's file
    assert said == real


def _keys(model: type, prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():  # type: ignore[attr-defined]
        inner = info.annotation
        if name == "listen":
            inner = inner.__args__[0]
        if hasattr(inner, "model_fields"):
            yield from _keys(inner, f"{prefix}{name}{'[]' if name == 'listen' else ''}.")
        else:
            yield f"{prefix}{name}"

"""The program as a whole: its words, its exit codes, what it loads."""

import json
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ftpclient.cli import COMMANDS, program
from ftpclient.exits import table
from tests.ftpclient.cli.program import run
from tests.ftpclient.peers import Foreign, Script
from tests.ftpclient.test_shell import environment


def test_files_come_and_go(foreign: Foreign, here: Path) -> None:
    (here / "f").write_bytes(b"abc")
    assert run(here, "put", "f", f"{foreign.url}/").returncode == 0
    assert run(here, "cat", f"{foreign.url}/f").stdout == "abc"
    assert run(here, "mkdir", "-p", f"{foreign.url}/a/b").returncode == 0
    assert run(here, "mv", f"{foreign.url}/f", "a/b/g").returncode == 0
    assert run(here, "ls", f"{foreign.url}/a/b").stdout == "g\n"
    done = run(here, "get", "--json", f"ftp://{foreign.url}/a/b/g")
    assert json.loads(done.stdout)["moved"] == [{"source": "a/b/g", "target": "g", "size": 3, "resumed": 0}]
    assert (here / "g").read_bytes() == b"abc"
    listing = json.loads(run(here, "ls", "--json", f"{foreign.url}/a").stdout)
    assert [(entry["name"], entry["kind"]) for entry in listing] == [("b", "dir")]
    assert json.loads(run(here, "du", "--json", foreign.url).stdout)["bytes"] == 3
    assert run(here, "rm", f"{foreign.url}/a/b/g").returncode == 0
    assert run(here, "rm", "-r", f"{foreign.url}/a").returncode == 0
    assert not any(foreign.home.iterdir())


def test_every_cause_has_its_exit_code(foreign: Foreign, here: Path, script: Script) -> None:
    (here / "f").touch()
    (foreign.home / "forbidden").touch()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    script.answers["STOR"] = lambda visit, _: visit.say("552 quota exceeded")
    script.answers["RETR"] = lambda visit, _: visit.sock.close()
    script.answers["CWD"] = lambda visit, _: visit.say("550 no such directory")
    scripted = f"ada@127.0.0.1:{script.port}"
    cases: list[tuple[int, tuple[str, ...]]] = [
        (2, ()),
        (2, ("get",)),
        (2, ("ls", "ada:secret@host")),
        (4, ("ls", f"127.0.0.1:{port}")),
        (5, ("ls", "--tls", "require", foreign.url)),
        (6, ("get", f"{foreign.url}/nothing")),
        (7, ("cat", f"{foreign.url}/forbidden")),
        (8, ("put", "f", f"{scripted}/f")),
        (10, ("cat", f"{scripted}/f")),
        (11, ("put", "nothing", f"{foreign.url}/")),
    ]
    for code, words in cases:
        done = run(here, *words)
        assert (done.returncode, words) == (code, words), done.stderr
        assert "Traceback" not in done.stderr
    assert run(here, "ls", foreign.url, FTPCLIENT_PASSWORD="wrong").returncode == 3


def test_silence_is_a_time_out(here: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run(here, "ls", "--timeout", "0.2", f"127.0.0.1:{silent.getsockname()[1]}")
    assert done.returncode == 9


def test_the_help_has_the_table_of_exit_codes(here: Path) -> None:
    done = run(here, "--help")
    for line in table().split("\n"):
        assert line.strip() in done.stdout
    assert done.returncode == 0


def test_a_misspelt_command_is_no_host(here: Path) -> None:
    done = run(here, "gett", "ftp://ada@127.0.0.1:1/f")
    assert (done.returncode, "did you mean get?" in done.stderr) == (2, True), done.stderr


def test_usage_names_the_program_as_it_is_called(here: Path) -> None:
    assert "Usage: ftpclient ls " in run(here, "ls").stderr


def test_the_version_is_told_installed_or_not(here: Path) -> None:
    done = run(here, "--version")
    assert done.stdout.startswith("ftpclient ")
    assert (done.returncode, done.stderr) == (0, "")


def test_closed_standard_streams_are_no_drama(foreign: Foreign, here: Path) -> None:
    (foreign.home / "f").write_text("content")
    code = (
        "import os, sys\n"
        "for number in (0, 1, 2): os.close(number)\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'ftpclient', 'get', *sys.argv[1:]])"
    )
    variables = environment(FTPCLIENT_PASSWORD="secret")
    command = [sys.executable, "-c", code, f"{foreign.url}/f"]
    assert subprocess.run(command, cwd=here, env=variables, timeout=60).returncode == 0
    assert (here / "f").read_text() == "content"


def test_a_password_by_standard_input(foreign: Foreign, here: Path) -> None:
    (foreign.home / "f").touch()
    done = run(here, "ls", "--password-stdin", foreign.url, text="secret\n", FTPCLIENT_PASSWORD="wrong")
    assert done.stdout == "f\n"
    assert run(here, "ls", "--password-stdin", f"127.0.0.1:{foreign.port}", text="secret\n").returncode == 2


def test_the_trace_masks_the_password(foreign: Foreign, here: Path) -> None:
    done = run(here, "ls", "-v", foreign.url)
    assert "-> PASS ****" in done.stderr
    assert "secret" not in done.stderr


def test_a_trusted_certificate_by_file(
    script: Script, server_context: ssl.SSLContext, certificate: Path, here: Path
) -> None:
    script.context = server_context
    script.files["f"] = b"abc"
    address = f"ftp://ada@localhost:{script.port}/f"
    assert run(here, "cat", "--tls", "require", "--cafile", str(certificate), address).stdout == "abc"
    assert run(here, "cat", address).returncode == 5
    assert run(here, "cat", "--insecure", address).stdout == "abc"


def test_the_api_starts_without_the_terminals_libraries(here: Path) -> None:
    code = "import sys, ftpclient.client; print({'click', 'rich', 'asyncio'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], text=True, capture_output=True, env=environment(), cwd=here, check=True
    )
    assert done.stdout == "set()\n"


def test_the_list_of_commands_says_what_each_says_itself() -> None:
    for name, (_, about) in COMMANDS.items():
        command = program.get_command(click.Context(program), name)
        assert command
        assert (command.help or "").partition("\n")[0] == about, name


HEAVY = {
    "rich",
    "asyncio",
    "pydantic",
    "yaml",
    "ruamel",
    "cryptography",
    "bcrypt",
    "uvloop",
    "ftpserver",
    "json",
}


@pytest.mark.parametrize(
    "words",
    [("--help",), ("ls", "{}/"), ("cat", "{}/f"), ("get", "{}/f"), ("put", "here", "{}/g"), ("rm", "{}/f")],
    ids=lambda words: words[0],
)
def test_a_plain_command_loads_no_heavy_module(script: Script, here: Path, words: tuple[str, ...]) -> None:
    script.features = ("SIZE", "REST STREAM")
    script.files["f"] = b"abc"
    script.answers["LIST"] = lambda visit, _: visit.send_data(b"-rw-r--r-- 1 a a 3 Jan 01 2020 f\r\n")
    (here / "here").touch()
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('heavy:', *{HEAVY!r} & set(sys.modules), file=sys.stderr))\n"
        "from ftpclient.cli import main\n"
        "main()"
    )
    address = f"ftp://ada@127.0.0.1:{script.port}"
    done = subprocess.run(
        [sys.executable, "-c", code, *(word.format(address) for word in words)],
        text=True,
        capture_output=True,
        cwd=here,
        env=environment(FTPCLIENT_PASSWORD="secret"),
        timeout=60,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "heavy:"), done.stderr

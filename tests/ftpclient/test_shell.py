"""The login shell as a program: prompts, tries, scripts, a terminal."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.ftpclient.peers import Foreign, Script, Visit

SHELL = [sys.executable, "-m", "ftpclient"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


def environment(**more: str) -> dict[str, str]:
    plain = {name: text for name, text in os.environ.items() if name != "FTPCLIENT_PASSWORD"}
    return {**plain, "PYTHONPATH": str(ROOT), "NETRC": "/nonexistent", "TERM": "dumb", **more}


def run(address: str, text: str, here: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*SHELL, address],
        input=text,
        text=True,
        capture_output=True,
        cwd=here,
        env=environment(**more),
        timeout=60,
    )


def test_the_prompt_names_user_and_path(foreign: Foreign, here: Path) -> None:
    done = run(foreign.url, "mkdir sub\ncd sub\nexit\n", here, FTPCLIENT_PASSWORD="secret")
    prompts = [line.partition(": ")[0] + ": " for line in done.stdout.splitlines()]
    assert prompts == [f"[{foreign.user}:{path}]>>: " for path in ("/", "/", "/sub")]
    assert done.returncode == 0


def test_three_login_tries(foreign: Foreign, here: Path) -> None:
    address = f"127.0.0.1:{foreign.port}"
    wrong = f"{foreign.user}\nwrong\n"
    done = run(address, wrong * 2 + f"{foreign.user}\nsecret\npwd\n", here)
    assert done.returncode == 0
    assert done.stderr.count("login refused") == 2
    done = run(address, wrong * 3 + "pwd\n", here)
    assert done.returncode == 3
    assert ">>: " not in done.stdout


def test_a_whole_session(foreign: Foreign, here: Path) -> None:
    (here / "a file").write_bytes(b"content")
    script = "put 'a file'\nls\nget \"a file\" copy\ndel a\\ file\nls\nhelp\nhelp get\nquit\n"
    done = run(foreign.url, script, here, FTPCLIENT_PASSWORD="secret")
    assert (here / "copy").read_bytes() == b"content"
    assert not any(foreign.home.iterdir())
    assert done.returncode == 0
    assert "get [-c] [-r] REMOTE [LOCAL]" in done.stdout
    assert done.stderr == ""


def test_a_script_goes_on_and_the_first_failure_decides(foreign: Foreign, here: Path) -> None:
    (foreign.home / "forbidden").touch()
    script = "get nothing\ncat forbidden\nmkdir after\n"
    done = run(foreign.url, script, here, FTPCLIENT_PASSWORD="secret")
    assert done.returncode == 6
    assert (foreign.home / "after").is_dir()


@pytest.mark.parametrize(
    ("line", "said"), [("gte x", "did you mean get?"), ("'", "quotation"), ("get", "usage: get")]
)
def test_wrong_lines_are_explained(foreign: Foreign, here: Path, line: str, said: str) -> None:
    done = run(foreign.url, f"{line}\n", here, FTPCLIENT_PASSWORD="secret")
    assert said in done.stderr.lower()
    assert done.returncode == 2


def test_the_end_of_the_input_before_a_login_is_a_login_failure(foreign: Foreign, here: Path) -> None:
    done = run(foreign.url, "", here)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (3, "no login was given")


def test_ctrl_d_ends_the_session_and_the_line(foreign: Foreign, here: Path) -> None:
    ours, theirs = pty.openpty()
    variables = environment(FTPCLIENT_PASSWORD="secret")
    try:
        with subprocess.Popen(
            [*SHELL, foreign.url], stdin=theirs, stdout=theirs, stderr=theirs, cwd=here, env=variables
        ) as process:
            try:
                say(ours, "]>>: ", "\x04", end="")
                assert process.wait(30) == 0
            finally:
                process.kill()
        assert select.select([ours], [], [], 0)[0], "the cursor is left behind the prompt"
        assert os.read(ours, 1024).endswith(b"\r\n")
    finally:
        os.close(ours)
        os.close(theirs)


def test_an_address_with_a_path_starts_there(foreign: Foreign, here: Path) -> None:
    (foreign.home / "sub").mkdir()
    done = run(f"{foreign.url}/sub", "pwd\n", here, FTPCLIENT_PASSWORD="secret")
    assert "\n/sub\n" in done.stdout


def test_on_a_terminal_the_password_is_asked_for_and_not_shown(foreign: Foreign, here: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen(
            [*SHELL, foreign.url], stdin=theirs, stdout=theirs, stderr=theirs, cwd=here, env=environment()
        ) as process:
            try:
                screen = say(ours, f"password for {foreign.user}@127.0.0.1: ", "secret")
                screen += say(ours, f"[{foreign.user}:/]>>: ", "mkdir made")
                screen += say(ours, f"[{foreign.user}:/]>>: ", "exit")
                assert process.wait(30) == 0
            finally:
                process.kill()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "secret" not in screen
    assert (foreign.home / "made").is_dir()


def say(terminal: int, prompt: str, answer: str, end: str = "\n") -> str:
    """Wait for a prompt on the terminal and answer it; return what was on the screen until then."""
    screen = b""
    while prompt.encode() not in screen:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"no prompt, but {screen!r}"
        screen += os.read(terminal, 1024)
    os.write(terminal, (answer + end).encode())
    return screen.decode()


def test_ctrl_c_ends_the_command_and_not_the_session(script: Script, here: Path) -> None:
    begun, cut = threading.Event(), threading.Event()

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            begun.set()
            try:
                channel.recv(1)  # nothing comes but the reset
            except ConnectionResetError:
                cut.set()
        visit.say("426 cut")

    script.answers["RETR"] = retr
    script.answers["SIZE"] = lambda visit, _: visit.say("502 no")
    address = f"ada@127.0.0.1:{script.port}"
    with subprocess.Popen(
        [*SHELL, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=here,
        env=environment(FTPCLIENT_PASSWORD="secret"),
    ) as process:
        assert process.stdin
        process.stdin.write("get f\nmkdir after\n")
        process.stdin.flush()
        assert begun.wait(30)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert cut.is_set()
    assert "interrupted" in said
    assert "MKD after" in script.heard
    assert process.returncode == 130


def test_a_session_the_server_ended_is_opened_again(script: Script, here: Path) -> None:
    def idle(visit: Visit, _: str) -> None:
        visit.say("421 too long idle")
        visit.sock.shutdown(2)

    script.answers["DELE"] = idle
    done = run(f"ada@127.0.0.1:{script.port}", "del x\nmkdir after\n", here, FTPCLIENT_PASSWORD="secret")
    assert "connected again" in done.stderr
    assert "MKD after" in script.heard
    assert done.returncode == 10

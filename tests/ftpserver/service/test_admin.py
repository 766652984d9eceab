"""The control socket: who may reach it, what it tells, whom it ends, and what it answers to nonsense."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftpserver.service.admin import FOLDER, AdminSocket, NoService, Unanswered, ask, prepare
from tests.ftpserver.workforce import only, pids, wait_until_gone
from tests.service import PASSWORD, PATIENCE, Service
from tests.wire import Wire, everything

Answer = dict[str, Any]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    """Two workers; the path of the sockets is longer than a socket's may be."""
    folder = tmp_path / ("deep" * 25)
    folder.mkdir()
    service = Service(folder / "service", {"workers": 2})
    service.add_user("ada")
    service.add_user("bob")
    with service:
        yield service


def who(service: Service) -> list[Answer]:
    found = [session for answer in ask(service.state, {"do": "who"}) for session in answer["sessions"]]
    return sorted(found, key=lambda session: session["session"])


def kick(service: Service, **whom: object) -> list[int]:
    kicked = [answer["kicked"] for answer in ask(service.state, {"do": "kick", **whom})]
    return sorted(number for numbers in kicked for number in numbers)


def until(question: Callable[[], Any]) -> Any:
    """Ask until the answer is true."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := question()):
        assert time.monotonic() < deadline
    return answer


# Who may ask --------------------------------------------------------------------------------------------------------


def test_the_sockets_are_their_owners_alone_and_go_with_the_service(served: Service) -> None:
    folder = served.state / FOLDER
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "1.sock": 0o600,
        "2.sock": 0o600,
    }
    served.stop()
    assert list(folder.iterdir()) == []
    with pytest.raises(NoService, match="no service is running"):
        ask(served.state, {"do": "who"})
    served.start()


def test_what_the_dead_have_left_is_removed(served: Service) -> None:
    workers = pids(served).values()
    served.kill()
    wait_until_gone(*workers)
    folder = served.state / FOLDER
    assert len(list(folder.iterdir())) == 2
    with pytest.raises(NoService):
        ask(served.state, {"do": "who"})
    (folder / "7.sock").symlink_to("nothing")
    (folder / "notes").write_text("kept")
    folder.chmod(0o755)
    served.start("--workers", "1")
    assert sorted(path.name for path in folder.iterdir()) == ["1.sock", "notes"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_worker_takes_the_place_of_a_dead_one(served: Service) -> None:
    os.kill(pids(served)[1], signal.SIGKILL)
    served.wait_for_log(r'worker died" worker=1(.|\n)*worker serves" worker=1')
    with only(served, 1):
        Wire.greeted(served).close()
    assert len(ask(served.state, {"do": "who"})) == 2


def test_a_service_that_lives_keeps_its_sockets(served: Service) -> None:
    prepare(served.state)
    assert len(ask(served.state, {"do": "who"})) == 2


def test_a_state_that_was_never_used(tmp_path: Path) -> None:
    with pytest.raises(NoService):
        ask(tmp_path / "state", {"do": "who"})


def test_a_service_that_nobody_can_ask_works(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    service.add_user("ada")
    (service.state / FOLDER / "1.sock").mkdir(parents=True)
    with service:
        Wire.member(service, "ada").close()
    assert "'who' and 'kick' do not work" in service.log


def test_a_second_service_with_the_same_state_is_told_so(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    with service:
        second = Service(tmp_path / "second", {"state": str(service.state)})
        with second:
            pass
        assert ask(service.state, {"do": "who"})  # the first keeps its socket
    assert (
        f"{service.state}: Address already in use; another service seems to run with this state" in second.log
    )
    assert "another service" not in service.log


# What it tells ------------------------------------------------------------------------------------------------------


def test_who_is_here(served: Service) -> None:
    assert who(served) == []
    with only(served, 2):
        visitor = Wire.greeted(served)
    with only(served, 1):
        wire = Wire.member(served, "ada")
    with visitor, wire:
        wire.say("MKD sub\udcff") >> 257
        wire.say("CWD sub\udcff") >> 250
        wire.say("CLNT tester 1.0") >> 200
        visitor.say("USER eve") >> 331
        one, two = who(served)
        assert (one["session"], two["session"]) == (1, 2)
        assert (one["user"], one["cwd"], one["client"]) == ("ada", "/sub\udcff", "tester 1.0")
        assert (two["user"], two["cwd"], two["client"]) == (
            None,
            None,
            "",
        )  # what was only claimed is not told
        assert (one["address"], one["port"]) == wire.socket.getsockname()
        assert abs(one["since"] - time.time()) < PATIENCE
        assert (one["doing"], one["command"], one["secure"]) == ("idle", None, False)


def test_what_they_do(served: Service) -> None:
    (served.home("ada") / "large").write_bytes(bytes(64 * 1024 * 1024))
    for i in range(20_000):
        (served.home("ada") / f"{i:0100}").touch()
    with Wire.member(served, "ada") as wire:
        with wire.extended() as data:
            wire.say("STOR new") >> 150
            data.sendall(b"x" * 1000)
            until(lambda: [one for one in who(served) if one.get("bytes") == 1000])
            (seen,) = until(
                lambda: [one for one in who(served) if one.get("rate")]
            )  # none within a millisecond
            assert (seen["doing"], seen["path"], seen["bytes"]) == ("upload", "/new", 1000)
        wire.hear() >> 226
        with wire.extended() as data:
            wire.say("RETR large") >> 150
            (seen,) = until(lambda: [one for one in who(served) if one.get("bytes")])
            assert (seen["doing"], seen["path"]) == ("download", "/large")
            everything(data)
        wire.hear() >> 226
        with wire.extended() as data:
            wire.say("LIST") >> 150
            (seen,) = until(lambda: [one for one in who(served) if one.get("bytes")])
            assert (seen["doing"], seen["path"]) == ("LIST", None)
            everything(data)
        wire.hear() >> 226
        (seen,) = until(lambda: [one for one in who(served) if one["doing"] == "idle"])
        assert seen["seconds"] >= 0


def test_a_secure_session_says_so(tmp_path: Path) -> None:
    with Service(tmp_path / "service", tls="optional") as service:
        import ftplib

        with ftplib.FTP_TLS(context=service.tls_context(), timeout=PATIENCE) as ftp:
            ftp.connect("localhost", service.port)
            ftp.auth()
            assert [one["secure"] for one in who(service)] == [True]


# Whom it ends -------------------------------------------------------------------------------------------------------


def test_a_session_is_ended_by_its_number(served: Service) -> None:
    with Wire.member(served, "ada") as one, Wire.member(served, "ada") as two:
        first, second = (session["session"] for session in who(served))
        port = {session["session"]: session["port"] for session in who(served)}
        wires = {wire.socket.getsockname()[1]: wire for wire in (one, two)}
        assert kick(served, session=first) == [first]
        assert "administrator" in (wires[port[first]].hear() >> 421).text
        wires[port[first]].lost()
        wires[port[second]].say("NOOP") >> 200
        assert kick(served, session=99) == []


def test_all_sessions_of_a_user_are_ended_wherever_they_are(served: Service) -> None:
    wires = []
    for number in (1, 2, 2):
        with only(served, number):
            wires.append(Wire.member(served, "ada"))
    with Wire.member(served, "bob") as other:
        assert len(kick(served, user="ada")) == 3
        for wire in wires:
            wire.hear() >> 421
            wire.lost()
            wire.close()
        assert kick(served, user="nobody") == []
        other.say("NOOP") >> 200
    until(lambda: not who(served))


def test_a_transfer_is_ended_first(served: Service) -> None:
    with Wire.member(served, "ada") as wire, wire.extended() as data:
        wire.say("STOR f") >> 150
        data.sendall(b"begun")
        assert kick(served, user="ada")
        wire.hear() >> 426
        wire.hear() >> 421
        wire.lost()


def test_somebody_who_logs_in_while_he_is_kicked_is_not_here_afterwards(served: Service) -> None:
    with Wire.greeted(served) as wire:
        wire.tell("USER ada", f"PASS {PASSWORD}")
        until(lambda: kick(served, session=who(served)[0]["session"]) if who(served) else True)
        wire.lost()
    until(lambda: not who(served))


# Nonsense -----------------------------------------------------------------------------------------------------------


def talk(service: Service, data: bytes) -> bytes:
    """Everything that comes back for this and the end of what we say."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        fd = os.open(service.state / FOLDER, os.O_PATH)
        connection.connect(f"/proc/self/fd/{fd}/1.sock")
        os.close(fd)
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return everything(connection)
        except ConnectionError:
            return b""


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"do": "dance"}', b'{"do": "kick"}', b'{"do": ["who"]}'],
)
def test_nonsense_is_answered_as_such_and_the_next_line_is_not(served: Service, line: bytes) -> None:
    first, second = (json.loads(answer) for answer in talk(served, line + b'\n{"do": "who"}\n').splitlines())
    assert first["ok"] is False
    assert first["error"]
    assert second == {"ok": True, "sessions": []}


def test_a_request_without_end_is_cut_off(served: Service) -> None:
    assert talk(served, b"x" * 1_000_000) == b""
    assert who(served) == []


def test_an_answer_that_is_none_is_told(tmp_path: Path) -> None:
    prepare(tmp_path)

    class Mute(AdminSocket):
        def answer(self, line: bytes) -> bytes:
            return b"\n"

    async def scene(kind: type[AdminSocket], request: Answer, error: str) -> None:
        loop = asyncio.get_running_loop()
        admin = kind(loop, tmp_path, 1, list)
        await admin.open()
        with pytest.raises(Unanswered, match=error):
            await loop.run_in_executor(None, ask, tmp_path, request)
        admin.close()

    asyncio.run(scene(Mute, {"do": "who"}, "process 1 of the service does not answer"))
    asyncio.run(scene(AdminSocket, {"do": "dance"}, "no request"))

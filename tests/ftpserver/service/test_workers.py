"""Several processes that are one service: one port, one count of everything, and a death that the others survive."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ftpserver.service.admin import ask
from tests.ftpserver.workforce import only, pids, started, state, wait_until_gone
from tests.service import PASSWORD, PATIENCE, Service
from tests.wire import Wire, everything

NUMBERS = [1, 2]
MIB = 1024 * 1024


def workforce(folder: Path, workers: int = 2, **settings: object) -> Service:
    """A service with ada and bob, not started."""
    service = Service(folder / "service", {"workers": workers, **settings})
    service.add_user("ada", quota={"bytes": "1MiB"})
    service.add_user("bob")
    return service


def refused(service: Service, number: int) -> str:
    """What a connection to this worker is told that is refused."""
    with only(service, number), Wire(service.addresses[0]) as wire:
        return (wire.hear() >> 421).text


def member(service: Service, number: int, name: str = "ada") -> Wire:
    """A member served by this worker."""
    with only(service, number):
        return Wire.member(service, name)


def wait_until_empty(service: Service) -> None:
    """Wait until every worker has seen that its clients have gone."""
    while any(answer["sessions"] for answer in ask(service.state, {"do": "who"})):
        pass


def adjacent_ports() -> int:
    """The first of two neighbouring ports that are free.

    Below those that the system gives out, as other tests are given them at any time.
    """
    while True:
        port = random.randrange(3000, 9000)
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


# One service --------------------------------------------------------------------------------------------------------


def test_one_worker_is_this_very_process(tmp_path: Path) -> None:
    with workforce(tmp_path, workers=1) as service:
        assert service.process is not None
        pid = service.process.pid
        assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""
        Wire.member(service, "ada").close()
    assert "worker" not in service.log


@pytest.mark.parametrize("count", [2, 4])
def test_every_worker_serves_the_one_port_and_signs_its_log(tmp_path: Path, count: int) -> None:
    with workforce(tmp_path, workers=count) as service:
        assert len(service.addresses) == 1
        assert sorted(pids(service)) == list(range(1, count + 1))
        numbers = set()
        for number in pids(service):
            with member(service, number) as wire:
                line = service.wait_for_log(rf"worker={number} session=(\d+) user=ada")
                numbers.add(line[1])
                assert wire.store("STOR f", b"here") >> 226
                assert wire.fetch("RETR f") == b"here"
                wire.say("DELE f") >> 250
        assert len(numbers) == count


def test_the_command_line_says_how_many(tmp_path: Path) -> None:
    service = workforce(tmp_path, workers=1)
    with started(service, "--workers", "3") as process:
        assert len(pids(service)) == 3
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_connections_are_spread(tmp_path: Path) -> None:
    """How evenly depends on the machine; that everybody gets some does not."""
    with workforce(tmp_path) as service:
        wires = [Wire.greeted(service)]
        while not all(answer["sessions"] for answer in ask(service.state, {"do": "who"})):
            wires.append(Wire.greeted(service))
            assert len(wires) < 500
        for wire in wires:
            wire.close()


def test_each_has_its_own_part_of_the_passive_ports(tmp_path: Path) -> None:
    port = adjacent_ports()
    with workforce(tmp_path, passive={"ports": f"{port}-{port + 1}"}) as service:
        for number in NUMBERS:
            with member(service, number) as wire:
                assert wire.passive()[1] == port + number - 1
                (service.home("ada") / "f").write_bytes(b"here")
                assert wire.fetch("RETR f") == b"here"


def test_fewer_ports_than_workers_is_a_fault(tmp_path: Path) -> None:
    done = workforce(tmp_path, workers=3, passive={"ports": "50000-50001"}).run("serve", check=False)
    assert done.returncode == 1
    assert "passive.ports: 2 are too few for 3 workers" in done.stderr
    assert "Traceback" not in done.stderr


# One count ----------------------------------------------------------------------------------------------------------


def test_sessions_are_counted_together(tmp_path: Path) -> None:
    with workforce(tmp_path, limits={"sessions": 2}) as service:
        one, two = member(service, 1), member(service, 2)
        for number in NUMBERS:
            assert "as many sessions" in refused(service, number)
        one.close()
        two.close()
        wait_until_empty(service)
        member(service, 2).close()


def test_sessions_of_a_user_are_counted_together(tmp_path: Path) -> None:
    with workforce(tmp_path, limits={"sessions_per_user": 2}) as service:
        one, two = member(service, 1), member(service, 2)
        for number in NUMBERS:
            with only(service, number), Wire.greeted(service) as wire:
                wire.say("USER ada") >> 331
                assert "2 sessions already" in (wire.say(f"PASS {PASSWORD}") >> 530).text
        with member(service, 1, "bob"):
            one.say("REIN") >> 220
            member(service, 2).close()
        one.close()
        two.close()


def test_an_accounts_own_limit_is_counted_together(tmp_path: Path) -> None:
    with workforce(tmp_path) as service:
        service.add_user("eve", limits={"sessions": 1})
        with member(service, 1, "eve"), only(service, 2), Wire.greeted(service) as wire:
            wire.say("USER eve") >> 331
            wire.say(f"PASS {PASSWORD}") >> 530


def test_sessions_of_an_address_are_counted_together(tmp_path: Path) -> None:
    with workforce(tmp_path, limits={"sessions_per_address": 1}) as service, member(service, 1):
        assert "Your address" in refused(service, 2)
        with only(service, 2), Wire(service.addresses[0], source="127.0.0.2") as wire:
            wire.hear() >> 220


def test_failures_are_counted_together_and_a_ban_outlives_the_service(tmp_path: Path) -> None:
    service = workforce(tmp_path, login={"failures": 2})
    with service:
        for number in NUMBERS:
            with only(service, number), Wire.greeted(service) as wire:
                wire.say("USER ada") >> 331
                wire.say("PASS wrong") >> 530
        for number in NUMBERS:
            with only(service, number), Wire.greeted(service) as wire:
                wire.say("USER ada") >> 331
                assert "shut out" in (wire.say(f"PASS {PASSWORD}") >> 421).text
            member(service, number, "bob").close()
    with service, Wire.greeted(service) as wire:
        wire.say("USER ada") >> 331
        wire.say(f"PASS {PASSWORD}") >> 421


def test_a_reload_reaches_every_worker_and_those_that_come_later(tmp_path: Path) -> None:
    with workforce(tmp_path) as service:
        assert service.process is not None
        service.configure({"limits": {"sessions": 1}, "homes": "../elsewhere"})
        service.process.send_signal(signal.SIGHUP)
        for number in NUMBERS:
            service.wait_for_log(rf'event="the settings were read anew" worker={number}')
            service.wait_for_log(
                rf'level=warning event="homes: changed, counts after a restart" worker={number}'
            )
        os.kill(pids(service)[1], signal.SIGKILL)
        service.wait_for_log(r'event="worker died" worker=1(.|\n)*event="worker serves" worker=1')
        with member(service, 2):
            refused(service, 1)
        wait_until_empty(service)
        with member(service, 1) as wire:
            wire.store("STOR f", b"here") >> 226
        assert (service.homes / "ada" / "f").exists()  # what needs a restart stays


# Deaths -------------------------------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_takes_nobody_with_it(tmp_path: Path) -> None:
    with workforce(tmp_path, limits={"sessions_per_user": 2, "sessions": 3}) as service:
        large = os.urandom(MIB) * 32
        (service.home("bob") / "large").write_bytes(large)
        lost, other, downloader = member(service, 1), member(service, 2), member(service, 2, "bob")
        with lost.extended() as upload, downloader.extended() as download:
            lost.say("ALLO 900000") >> 200
            lost.say("STOR reserved") >> 150
            upload.sendall(b"x" * 1000)
            lost.say("STAT") >> 211
            other.store("STOR new", b"x" * 1_000_000) >> 552
            downloader.say("RETR large") >> 150
            begun = download.recv(1000)

            os.kill(pids(service)[1], signal.SIGKILL)
            lost.lost()
            assert begun + everything(download) == large
        downloader.hear() >> 226
        other.store("STOR new", b"x" * 1_000_000) >> 226  # the reservation of the dead one is void
        service.wait_for_log(
            r'event="worker died" worker=1 cause=SIGKILL(.|\n)*event="worker serves" worker=1'
        )
        with member(service, 1) as again:  # and so are its sessions
            again.fetch("RETR new")
        for wire in (lost, other, downloader):
            wire.close()


def test_workers_that_die_together_all_come_back(tmp_path: Path) -> None:
    with workforce(tmp_path, workers=4) as service:
        before = pids(service)
        with member(service, 4) as wire:
            for number in (1, 2, 3):
                os.kill(before[number], signal.SIGKILL)
            for number in (1, 2, 3):
                service.wait_for_log(rf'worker died" worker={number}(.|\n)*worker serves" worker={number}')
            wire.say("NOOP") >> 200
        for number in before:
            member(service, number).close()
        assert pids(service)[4] == before[4]


def test_a_worker_that_ends_by_itself_is_replaced_too(tmp_path: Path) -> None:
    with workforce(tmp_path) as service:
        with member(service, 1) as wire:
            os.kill(pids(service)[1], signal.SIGTERM)
            wire.hear() >> 421
        service.wait_for_log(r'worker died" worker=1 cause="exit code 0"(.|\n)*worker serves" worker=1')
        member(service, 1).close()


def test_a_service_that_cannot_start_says_so_once_it_is_sure(tmp_path: Path) -> None:
    service = Service(tmp_path / "service", {"workers": 2}, tls="required")
    service.certificate.unlink()
    done = service.run("serve", check=False)
    assert done.returncode == 1
    assert "the service cannot start" in done.stderr
    assert "cannot be started: the service ends" in done.stderr
    assert "listening on" not in done.stderr
    assert "Traceback" not in done.stderr


_NO_FORK = """
import errno, os, sys
def fork():
    raise BlockingIOError(errno.EAGAIN, "too many processes")
os.fork = fork
from ftpserver.cli import main
main()
"""


def test_a_machine_that_has_no_room_for_a_process_is_told_and_given_up_on(tmp_path: Path) -> None:
    service = workforce(tmp_path)
    command = [sys.executable, "-c", _NO_FORK, "-c", str(service.config), "serve"]
    done = subprocess.run(
        command, env=service.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1
    assert "worker 1 cannot be started: too many processes" in done.stderr
    assert "cannot be started: the service ends" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_worker_that_cannot_come_back_ends_the_service(tmp_path: Path) -> None:
    service = Service(tmp_path / "service", {"workers": 2}, tls="required")
    with started(service) as process:
        with only(service, 2):
            wire = Wire.greeted(service)
        service.certificate.unlink()
        os.kill(pids(service)[1], signal.SIGKILL)
        wire.hear() >> 421
        wire.close()
        assert process.wait(PATIENCE) == 1
    assert service.log.count('event="worker died" worker=1') == 6
    assert 'event="worker 1 cannot be started: the service ends"' in service.log


# The end ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("everybody", [False, True])
def test_a_signal_ends_all_in_order(tmp_path: Path, number: signal.Signals, everybody: bool) -> None:
    """Whether the parent alone gets it, or all do, as from a terminal or from systemd."""
    service = workforce(tmp_path)
    with started(service) as process:
        workers = pids(service).values()
        with member(service, 1) as one, member(service, 2) as two, two.extended() as data:
            two.say("STOR f") >> 150
            data.sendall(b"begun")
            if everybody:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
            two.hear() >> 426
            for wire in (one, two):
                wire.hear() >> 421
                wire.lost()
        assert process.wait(PATIENCE) == 0
        wait_until_gone(*workers)
    service.check_log()
    assert list((service.state / "admin").iterdir()) == []
    assert list((service.state / "processes").iterdir()) == []


def test_signals_that_come_again_and_again_kill_nobody(tmp_path: Path) -> None:
    service = workforce(tmp_path)
    with started(service) as process:
        workers = pids(service).values()
        process.terminate()
        while any(state(pid) not in ("", "Z") for pid in workers):
            for pid in workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    service.check_log()


def test_no_worker_outlives_the_parent(tmp_path: Path) -> None:
    service = workforce(tmp_path)
    with started(service) as process:
        workers = pids(service).values()
        assert {state(pid) for pid in workers} <= {"S", "R", "D"}
        with member(service, 1) as wire:
            process.kill()
            wire.hear() >> 421
        process.wait(PATIENCE)
        wait_until_gone(*workers)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(service.addresses[0], PATIENCE)
    with service:
        member(service, 2).close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_log_in_json_is_json_from_the_first_line(tmp_path: Path, workers: int) -> None:
    with Service(tmp_path / "service", {"log": {"format": "json"}, "workers": workers}) as service:
        pass
    events = [json.loads(line)["event"] for line in service.log.splitlines()]
    assert f"listening on {service.host}:{service.port}" in events

"""The service as a whole: limits, starting, stopping."""

import json
import os
import signal
import socket
from pathlib import Path

from tests.service import Service
from tests.wire import Wire


def greeted_or_refused(service: Service, source: str = "127.0.0.1") -> tuple[Wire, int]:
    wire = Wire(service.addresses[0], source=source)
    return wire, wire.hear().code


def come_in(service: Service) -> Wire:
    """A connection, as soon as the server has seen that another one has gone."""
    while True:
        wire, code = greeted_or_refused(service)
        if code == 220:
            return wire
        wire.close()


def test_so_many_sessions_and_no_more(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "service", {"limits": {"sessions": 2}}) as service,
        Wire.greeted(service) as first,
        Wire.greeted(service),
    ):
        wire, code = greeted_or_refused(service)
        with wire:
            assert code == 421
            assert wire.hear_end() == b""
        first.say("NOOP") >> 200
        first.say("QUIT") >> 221
        assert first.hear_end() == b""
        come_in(service).close()


def test_so_many_sessions_of_one_address(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"limits": {"sessions_per_address": 1}}) as service:
        with Wire.greeted(service) as first:
            wire, code = greeted_or_refused(service)
            with wire:
                assert code == 421
            wire, code = greeted_or_refused(service, "127.0.0.2")
            with wire:
                assert code == 220
            first.reset()
        come_in(service).close()


def test_it_listens_on_every_listener_it_announces(tmp_path: Path) -> None:
    listen = [{"host": "127.0.0.1", "port": 0}, {"host": "127.0.0.2", "port": 0}]
    with Service(tmp_path / "service", {"listen": listen}) as service:
        assert [host for host, _ in service.addresses] == ["127.0.0.1", "127.0.0.2"]
        for address in service.addresses:
            with Wire(address) as wire:
                wire.hear() >> 220


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        listen = [{"host": "127.0.0.1", "port": 0}, {"host": "127.0.0.1", "port": port}]
        service = Service(tmp_path / "service", {"listen": listen})
        done = service.run("serve", check=False)
    assert done.returncode != 0
    assert done.stderr == (
        f"ftpserver: listen 127.0.0.1 port {port}: Address already in use; another program listens there\n"
    )
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr


def test_it_comes_back_after_a_crash_and_sweeps_what_was_left(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    home = service.add_user("ada", quota={"bytes": "1MiB"})
    service.start()
    (service.home("ada") / "old").write_bytes(b"old")
    with Wire.member(service, "ada") as wire, wire.extended() as data:
        wire.say("ALLO 900000") >> 200
        wire.say("STOR old") >> 150
        data.sendall(b"x" * 1000)
        wire.say("STAT") >> 211
        service.kill()
    (service.state / "staging").mkdir(exist_ok=True)
    with service:
        assert (home / "old").read_bytes() == b"old"
        assert os.listdir(service.state / "staging") == []
        with Wire.member(service, "ada") as wire:
            wire.store("STOR new", b"x" * 1_000_000) >> 226


def test_a_range_that_is_used_up_is_a_425(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Service(tmp_path / "service", {"passive": {"ports": f"{port}-{port}"}}) as service:
        service.add_user("ada")
        with Wire.member(service, "ada") as one, Wire.member(service, "ada") as two:
            assert one.passive()[1] == port
            two.say("EPSV") >> 425
            two.say("NOOP") >> 200
            with one.join(port) as data:
                one.say("LIST") >> 150
                assert data.recv(1) == b""
            one.hear() >> 226
            assert two.passive()[1] == port


def test_idle_sessions_and_passive_ports_cost_no_descriptor_each(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        service.add_user("ada")
        assert service.process is not None
        with Wire.member(service, "ada") as wire:
            wire.say("EPSV") >> 229
            for _ in range(70):
                wire.say("EPSV") >> 229
            before = len(os.listdir(f"/proc/{service.process.pid}/fd"))
            for _ in range(2000):
                wire.say("EPSV") >> 229
            assert len(os.listdir(f"/proc/{service.process.pid}/fd")) <= before


def test_a_reload_says_what_waits_for_a_restart(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        assert service.process is not None
        service.configure({"limits": {"sessions": 1}})
        service.process.send_signal(signal.SIGHUP)
        service.wait_for_log("the settings were read anew")
        service.configure(
            {"listen": [{"port": 2121}], "tls": {"mode": "required"}, "limits": {"sessions": 2}}
        )
        service.process.send_signal(signal.SIGHUP)
        service.wait_for_log('level=warning event="listen, tls.mode: changed, counts after a restart"')
        assert service.log.count("counts after a restart") == 1


def test_a_reload_changes_the_log(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"log": {"level": "error"}}) as service:
        service.add_user("ada")
        assert service.process is not None
        Wire.member(service, "ada").close()
        service.configure({"log": {"level": "info", "format": "json"}})
        service.process.send_signal(signal.SIGHUP)
        line = service.wait_for_log("^.*the settings were read anew.*$").group()
        assert json.loads(line)["level"] == "info"
        assert "login" not in service.log
        Wire.member(service, "ada").close()
        service.wait_for_log('"event": "login')

"""A control connection's life: lines, order of replies, clocks, ends."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import PASSWORD, Service
from tests.wire import Wire, everything

IP, DM, IAC = b"\xff\xf4", b"\xff\xf2", b"\xff"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One server for the tests that leave nothing behind but files in ada's home."""
    with Service(tmp_path_factory.mktemp("control") / "service") as service:
        service.add_user("ada")
        yield service


@pytest.fixture
def wire(shared: Service) -> Iterator[Wire]:
    with Wire.member(shared, "ada") as wire:
        yield wire


def impatient(folder: Path, **limits: float) -> Service:
    return Service(folder / "service", {"limits": limits})


# Lines ---------------------------------------------------------------------------------------------------


def test_commands_come_byte_by_byte(shared: Service) -> None:
    with Wire.greeted(shared) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in f"USER ada\r\nPASS {PASSWORD}\r\nPWD\r\n".encode():
            wire.send(bytes((byte,)))
        assert [wire.hear().code for _ in range(3)] == [331, 230, 257]


def test_pipelined_commands_are_answered_in_their_order(shared: Service) -> None:
    with Wire.greeted(shared) as wire:
        wire.tell(
            "USER ada", f"PASS {PASSWORD}", "TYPE I", "MKD p", "CWD p", "PWD", "CDUP", "RMD p", "WHAT", "QUIT"
        )
        codes = [wire.hear().code for _ in range(10)]
        assert codes == [331, 230, 200, 257, 250, 257, 250, 250, 500, 221]
        assert wire.hear_end() == b""


def test_pipelined_transfers_are_carried_out_one_after_the_other(wire: Wire) -> None:
    with wire.extended() as data:
        wire.tell("STOR piped", "SIZE piped", "DELE piped", "SIZE piped")
        wire.hear() >> 150
        data.sendall(b"12345")
    wire.hear() >> 226
    assert (wire.hear() >> 213).text == "5"
    wire.hear() >> 250
    wire.hear() >> 550


def test_five_thousand_commands_at_once(wire: Wire) -> None:
    wire.tell(*["NOOP"] * 5000)
    for _ in range(5000):
        wire.hear() >> 200


@pytest.mark.parametrize("size", [8193 + 5, 100_000, 1_000_000])
def test_an_endless_line_gets_one_500_and_its_tail_is_no_command(wire: Wire, size: int) -> None:
    wire.send(b"STAT " + b"x" * size)
    wire.hear() >> 500
    wire.send(b"\r DELE x" * 10_000 + b"\r\nNOOP\r\n")
    wire.hear() >> 200
    wire.say("PWD") >> 257


def test_a_line_at_the_limit_is_one(wire: Wire) -> None:
    wire.say("NOOP " + "x" * (8192 - 5)) >> 200


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b" ",
        b" NOOP",
        b"\0",
        b"NO\0OP",
        b"\r",
        b"\x1b[2J",
        b"\xe9\xe8",
        b"123",
        b"N" * 17,
        "\u017ftat".encode(),
        b"\xfe\xfe",
        b"NOOP\t",
    ],
)
def test_what_is_no_command_is_a_500(wire: Wire, line: bytes) -> None:
    wire.say(line) >> 500
    wire.say("NOOP") >> 200


def test_a_line_ends_at_its_lf_only(wire: Wire) -> None:
    wire.send(b"NOOP\nNOOP\r\nMKD a\rb\nRMD a\rb\r\n")
    wire.hear() >> 200
    wire.hear() >> 200
    assert "?" in (wire.hear() >> 257).text
    wire.hear() >> 250


def test_telnet_is_taken_out_and_doubled_bytes_are_one(wire: Wire, shared: Service) -> None:
    wire.say(IP + DM + b"NO" + IAC + b"\xfb\x01" + b"OP") >> 200
    heard = wire.say(b"MKD a" + IAC + IAC + b"b") >> 257
    assert os.fsencode(heard.text).startswith(b'"/a\xff\xffb"'), "and doubled again on the way back"
    assert b"a\xffb" in os.listdir(os.fsencode(shared.home("ada")))
    wire.say(b"RMD a" + IAC + IAC + b"b") >> 250


def test_names_with_control_characters_are_told_as_question_marks(wire: Wire, shared: Service) -> None:
    home = shared.home("ada")
    (home / "x\r\n226 forged\x1b[2J").mkdir()
    try:
        listing = wire.fetch("NLST") + wire.fetch("LIST") + wire.fetch("MLSD")
        assert b"\x1b" not in listing
        assert not [line for line in listing.split(b"\r\n") if line.startswith(b"226")]
        heard = wire.say("STAT /")
        assert not [line for line in heard.lines if line.startswith("226") or "\x1b" in line]
    finally:
        (home / "x\r\n226 forged\x1b[2J").rmdir()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nUSER ada\r\n",
        b"POST / HTTP/1.1\r\n\r\nUSER ada\r\n",
        b"EHLO x\r\n",
        b"\x16\x03\x01\x02\n",
    ],
)
def test_another_protocol_is_cut_off_without_a_word(shared: Service, request_: bytes) -> None:
    with Wire.greeted(shared) as wire:
        wire.send(request_)
        assert wire.hear_end() == b""


def test_after_a_login_such_a_word_is_only_unknown(wire: Wire) -> None:
    wire.say("GET / HTTP/1.1") >> 500
    wire.say("NOOP") >> 200


# Answers that take long -------------------------------------------------------------------------------------


def test_replies_wait_for_a_client_that_reads_late_and_none_is_lost(shared: Service) -> None:
    with Wire(shared.addresses[0], receive_buffer=4096) as wire:
        wire.hear() >> 220
        sender = threading.Thread(target=lambda: wire.tell(*["HELP"] * 15_000, "QUIT"))
        sender.start()
        with Wire.member(shared, "ada") as other:
            other.say("NOOP") >> 200
        for _ in range(15_000):
            wire.hear() >> 214
        wire.hear() >> 221
        sender.join()
        assert wire.hear_end() == b""


@pytest.mark.parametrize("end", ["QUIT", None])
def test_the_last_replies_wait_too(shared: Service, end: str | None) -> None:
    """The server is left while more replies than the kernel holds are still to be read."""
    with Wire(shared.addresses[0], receive_buffer=4096) as wire:
        wire.hear() >> 220
        wire.tell(*["HELP"] * 9000, end or "NOOP")
        if end is None:
            wire.half_close()
        with Wire.member(shared, "ada") as other:
            for _ in range(5):
                other.say("NOOP") >> 200
        for _ in range(9000):
            wire.hear() >> 214
        wire.hear() >> (200 if end is None else 221)
        assert wire.hear_end() == b""


def test_a_client_that_has_said_all_still_hears_all(shared: Service) -> None:
    with Wire(shared.addresses[0], receive_buffer=4096) as wire:
        wire.hear() >> 220
        wire.tell("USER ada", f"PASS {PASSWORD}", *["HELP"] * 5000)
        wire.half_close()
        wire.hear() >> 331
        wire.hear() >> 230
        for _ in range(5000):
            wire.hear() >> 214
        assert wire.hear_end() == b""


def test_a_huge_stat_is_told_as_fast_as_it_is_read(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        service.add_user("ada")
        home = service.home("ada")
        names = {f"a rather long name of a file {i:05}" for i in range(5000)}
        for name in names:
            (home / name).touch()
        with Wire(service.addresses[0], receive_buffer=4096) as wire:
            wire.hear() >> 220
            wire.login("ada")
            wire.tell("STAT /", "NOOP")
            with Wire.member(service, "ada") as other:
                other.say("PWD") >> 257
            heard = wire.hear() >> 213
            assert {line.strip().split(None, 8)[8] for line in heard.lines[1:-1]} == names
            wire.hear() >> 200


def test_a_stat_that_nobody_reads_ends_with_the_client(tmp_path: Path) -> None:
    with impatient(tmp_path, idle_seconds=1) as service:
        service.add_user("ada")
        home = service.home("ada")
        for i in range(8000):
            (home / f"{'x' * 200}{i}").touch()
        with Wire(service.addresses[0], receive_buffer=4096) as wire:
            wire.hear() >> 220
            wire.login("ada")
            wire.tell("STAT /")
            with Wire.member(service, "ada") as other:
                other.hear() >> 421
            wire.lost()


def test_a_name_cannot_end_a_long_answer(wire: Wire, shared: Service) -> None:
    home = shared.home("ada")
    (home / "213 End of status." / "213 x").mkdir(parents=True)
    try:
        heard = wire.say("STAT -R 213 End of status.") >> 213
        assert heard.lines[1].strip() == "213 End of status.:"
        assert heard.lines[-1] == "End of status."
        wire.say("NOOP") >> 200
    finally:
        (home / "213 End of status." / "213 x").rmdir()
        (home / "213 End of status.").rmdir()


def test_a_long_search_stops_nobody(tmp_path: Path) -> None:
    """A walk over many directories is made off the loop: others are answered all the while.

    Were it made on the loop, one answer could go to the other before the end of it, or perhaps two.
    """
    with Service(tmp_path / "service") as service:
        service.add_user("ada")
        home = service.home("ada")
        for i in range(50):
            for j in range(50):
                (home / f"{i}" / f"{j}").mkdir(parents=True)
        with Wire.member(service, "ada") as wire, Wire.member(service, "ada") as other:
            wire.tell("STAT */*/nothing*", "NOOP")
            answered = 0
            while b"\r\n200 " not in wire.come():
                other.say("NOOP") >> 200
                answered += 1
            assert answered > 2
            assert len((wire.hear() >> 213).lines) == 2
            wire.hear() >> 200


# During a transfer --------------------------------------------------------------------------------------------


def test_stat_is_answered_while_data_flows(wire: Wire) -> None:
    with wire.extended() as data:
        wire.say("STOR flow") >> 150
        data.sendall(b"x")
        wire.say("STAT") >> 211
        wire.say(IP + DM + b"STAT") >> 211
        data.sendall(b"y")
    wire.hear() >> 226
    assert (wire.say("SIZE flow") >> 213).text == "2"
    wire.say("DELE flow") >> 250


def test_an_abor_in_the_same_breath_as_its_transfer(wire: Wire) -> None:
    wire.say("EPSV") >> 229
    wire.tell("STOR never", "ABOR", "NOOP")
    assert [wire.hear().code for _ in range(3)] == [425, 226, 200]
    with wire.extended():
        wire.tell("STOR never", "NOOP", "ABOR")
        codes = [wire.hear().code]
        while codes[-1] != 226:
            codes.append(wire.hear().code)
    # The data connection may be accepted after the commands were read.
    assert codes in ([150, 426, 200, 226], [425, 200, 226])


def test_an_abor_after_the_end_aborts_nothing(wire: Wire) -> None:
    wire.store("STOR done", b"x") >> 226
    wire.say("ABOR") >> 226
    with wire.extended() as data:
        wire.tell("ABOR", "RETR done")
        wire.hear() >> 226
        wire.hear() >> 150
        assert everything(data) == b"x"
    wire.hear() >> 226
    wire.say("DELE done") >> 250


def test_quit_waits_for_the_transfer(wire: Wire) -> None:
    with wire.extended() as data:
        wire.say("STOR quitting") >> 150
        wire.tell("QUIT")
        data.sendall(b"x" * 1000)
    wire.hear() >> 226
    wire.hear() >> 221
    assert wire.hear_end() == b""


# Clocks -------------------------------------------------------------------------------------------------------


def test_who_does_not_log_in_is_sent_away_however_busy(tmp_path: Path) -> None:
    with impatient(tmp_path, login_seconds=1) as service:
        with Wire.greeted(service) as wire:
            while (heard := wire.say("NOOP")).code == 200:
                pass
            heard >> 421
            wire.lost()
        with Wire.greeted(service) as wire:
            while (heard := wire.say("REIN")).code == 220:
                pass
            heard >> 421


def test_the_login_clock_stops_with_the_login(tmp_path: Path) -> None:
    with impatient(tmp_path, login_seconds=1, idle_seconds=3) as service:
        service.add_user("ada")
        with Wire.greeted(service) as silent, Wire.member(service, "ada") as wire:
            silent.hear() >> 421
            wire.say("NOOP") >> 200
            assert "No command" in (wire.hear() >> 421).text
            assert wire.hear_end() == b""


def test_a_data_connection_that_never_comes(tmp_path: Path) -> None:
    with impatient(tmp_path, data_seconds=1) as service:
        home = service.add_user("ada")
        with Wire.member(service, "ada") as wire:
            (home / "file").write_bytes(b"old")
            for line in ("RETR file", "STOR file", "STOR new", "LIST"):
                wire.say("EPSV") >> 229
                assert "there was no data connection" in (wire.say(line) >> 425).text
            _, port = wire.passive()
            wire.say("RETR file") >> 425
            with wire.join(port) as late:
                assert everything(late) == b"", "it is nobody's"
            wire.say("RETR file") >> 425
            wire.say("NOOP") >> 200
            assert os.listdir(home) == ["file"]
            assert (home / "file").read_bytes() == b"old"
            assert wire.fetch("RETR file") == b"old"


def test_data_that_stalls(tmp_path: Path) -> None:
    with impatient(tmp_path, data_seconds=1) as service:
        home = service.add_user("ada")
        with Wire.member(service, "ada") as wire:
            (home / "big").write_bytes(b"x" * 50_000_000)
            with wire.extended() as data:
                wire.say("STOR new") >> 150
                data.sendall(b"begun")
                wire.hear() >> 426
            assert (home / "new").read_bytes() == b"begun"
            with wire.extended():
                wire.say("RETR big") >> 150
                wire.hear() >> 426
            wire.say("NOOP") >> 200


# Ends ---------------------------------------------------------------------------------------------------------


def test_ends_of_every_kind_release_the_session(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"limits": {"sessions": 1}, "log": {"level": "debug"}}) as service:
        service.add_user("ada")
        for end in (Wire.close, Wire.reset, Wire.half_close, lambda wire: wire.say("QUIT") >> 221):
            with Wire(service.addresses[0]) as wire:
                while wire.hear().code == 421:  # the one before is not gone yet
                    wire.close()
                    wire.__init__(service.addresses[0])  # type: ignore[misc]
                wire.login("ada")
                end(wire)
                if end is Wire.half_close:
                    assert wire.hear_end() == b""


def test_a_reset_at_any_moment_hurts_nobody(shared: Service) -> None:
    with Wire.member(shared, "ada") as other:
        (shared.home("ada") / "some").write_bytes(b"x" * 100_000)
        for line in ("RETR some", "LIST", "STOR half", "STAT /", "MLSD", "PWD"):
            for _ in range(5):
                wire = Wire.member(shared, "ada")
                with wire.extended():
                    wire.tell(line)
                    wire.reset()
            other.say("NOOP") >> 200
        other.say("DELE some") >> 250
        other.say("DELE half")


def test_a_term_signal_says_421_to_all_and_426_to_a_transfer_first(tmp_path: Path) -> None:
    service = Service(tmp_path / "service")
    home = service.add_user("ada")
    with service, Wire.greeted(service) as visitor, Wire.member(service, "ada") as idle:
        with Wire.member(service, "ada") as up, Wire.member(service, "ada") as down:
            (home / "big").write_bytes(b"x" * 50_000_000)
            (home / "old").write_bytes(b"old")
            with up.extended() as sending, down.extended():
                up.say("STOR old") >> 150
                sending.sendall(b"new")
                down.say("RETR big") >> 150
                assert service.process is not None
                service.process.send_signal(signal.SIGTERM)
                for transferring in (up, down):
                    transferring.hear() >> 426
                    transferring.hear() >> 421
                    assert transferring.hear_end() == b""
            for wire in (visitor, idle):
                wire.hear() >> 421
                assert wire.hear_end() == b""
        assert (home / "old").read_bytes() == b"old"
        # leaving the block asserts the exit code 0 and a clean log


def test_no_password_and_no_control_character_reaches_the_log(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"log": {"level": "debug"}}) as service:
        service.add_user("ada")
        with Wire.greeted(service) as wire:
            wire.say("USER ada\x1b[2J\u202e") >> 331
            wire.say("PASS hunter2-mistyped") >> 530
            wire.say("ACCT hunter2-account") >> 202
            wire.say(b"pass hunter2-lower") >> 503
            wire.login("ada")
            wire.say("MKD x\x1b[2J") >> 257
            wire.say("QUIT") >> 221
            assert wire.hear_end() == b""
        service.wait_for_log("closed")
        assert "hunter2" not in service.log
        assert "\x1b" not in service.log
        assert "\u202e" not in service.log

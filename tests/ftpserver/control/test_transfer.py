"""Transfers over real data connections: what arrives, what is said, what stays on disk however it ends."""

import os
import random
import signal
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import Service
from tests.wire import Wire, everything, reset

IP, DM = b"\xff\xf4", b"\xff\xf2"
BIG = 40_000_000  # more than every buffer on the way


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("transfer") / "service") as service:
        service.add_user("ada")
        with (service.home("ada") / "big").open("wb") as big:
            big.truncate(BIG)
        yield service


@pytest.fixture
def home(shared: Service, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The home of ada, everything in it but "big" removed at the end."""
    home = shared.home("ada")
    yield home
    for path in home.iterdir():
        if path.name != "big":
            path.unlink()


@pytest.fixture
def wire(shared: Service, home: Path) -> Iterator[Wire]:
    with Wire.member(shared, "ada") as wire:
        yield wire


@pytest.fixture(scope="module")
def service6(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    folder = tmp_path_factory.mktemp("transfer6") / "service"
    with Service(folder, {"listen": [{"host": "::1", "port": 0}]}) as service:
        service.add_user("ada")
        yield service


# What arrives ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 4096, 1_000_003, 5_000_000])
def test_a_file_comes_back_as_it_went(wire: Wire, home: Path, size: int) -> None:
    content = random.Random(size).randbytes(size)
    wire.store("STOR file", content) >> 226
    assert (home / "file").read_bytes() == content
    assert wire.fetch("RETR file") == content


def test_type_a_converts_both_ways(wire: Wire, home: Path) -> None:
    wire.say("TYPE A") >> 200
    wire.store("STOR text", b"one\r\ntwo\r\n\rthree\r\r\nfour\r") >> 226
    assert (home / "text").read_bytes() == b"one\ntwo\n\rthree\r\nfour\r"
    (home / "unix").write_bytes(b"one\ntwo\r\n\nthree")
    assert wire.fetch("RETR unix") == b"one\r\ntwo\r\n\r\nthree"
    wire.say("TYPE I") >> 200
    assert wire.fetch("RETR unix") == b"one\ntwo\r\n\nthree"
    wire.store("STOR text", b"one\r\n") >> 226
    assert (home / "text").read_bytes() == b"one\r\n"


def test_type_a_does_not_care_where_the_network_cuts(wire: Wire, home: Path) -> None:
    wire.say("TYPE A") >> 200
    with wire.extended() as data:
        data.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.say("STOR text") >> 150
        for part in (b"a\r", b"\nb", b"\r", b"\r\n", b"c\r", b"d"):
            data.sendall(part)
    wire.hear() >> 226
    assert (home / "text").read_bytes() == b"a\nb\r\nc\rd"
    lines = b"x\n" * 400_000
    (home / "long").write_bytes(lines)
    assert wire.fetch("RETR long") == lines.replace(b"\n", b"\r\n")


def test_mode_z_is_judged_by_the_file_and_not_by_the_bytes_on_the_network(wire: Wire, home: Path) -> None:
    wire.say("MODE Z") >> 200
    content = b"much the same " * 10_000
    wire.say(f"ALLO {len(content)}") >> 200
    wire.store("STOR file", zlib.compress(content)) >> 226
    assert (home / "file").read_bytes() == content
    assert zlib.decompress(wire.fetch("RETR file")) == content
    assert b"file" in zlib.decompress(wire.fetch("NLST"))


def test_restarts_over_the_network(wire: Wire, home: Path) -> None:
    (home / "file").write_bytes(b"0123456789")
    wire.say("REST 4") >> 350
    assert wire.fetch("RETR file") == b"456789"
    wire.say("REST 8") >> 350
    wire.store("STOR file", b"abc") >> 226
    assert (home / "file").read_bytes() == b"01234567abc"
    wire.say("REST 12") >> 350
    wire.say("EPSV") >> 229
    wire.say("RETR file") >> 554
    wire.say("REST 4") >> 350
    wire.say("NOOP") >> 200
    assert wire.fetch("RETR file") == b"4567abc"
    wire.say("TYPE A") >> 200
    (home / "text").write_bytes(b"a\nb\nc\n")
    wire.say("REST 3") >> 350
    assert wire.fetch("RETR text") == b"b\r\nc\r\n"
    wire.say("REST 2") >> 350
    assert wire.fetch("RETR text") == b"\nb\r\nc\r\n"


def test_append(wire: Wire, home: Path) -> None:
    wire.store("APPE log", b"one\n") >> 226
    wire.store("APPE log", b"two\n") >> 226
    assert (home / "log").read_bytes() == b"one\ntwo\n"


def test_stou_names_its_file_twice(wire: Wire, home: Path) -> None:
    names = set()
    for line in ("STOU", "STOU", "STOU mine"):
        with wire.extended() as data:
            name = (wire.say(line) >> 150).text.removeprefix("FILE: ")
            data.sendall(b"content")
        assert (wire.hear() >> 226).text.endswith(name)
        assert (home / name).read_bytes() == b"content"
        names.add(name)
    assert len(names) == 3


def test_a_listing_of_a_large_directory_is_complete(wire: Wire, home: Path) -> None:
    names = {f"file number {i:04}" for i in range(1500)}
    for name in names:
        (home / name).touch()
    assert set(wire.fetch("NLST").decode().splitlines()) == names | {"big"}
    assert len(wire.fetch("LIST").splitlines()) == 1501
    assert len(wire.fetch("MLSD").splitlines()) == 1501
    assert len(wire.fetch("LIST -a -l -R").splitlines()) == 1502
    assert len(wire.fetch("NLST file number 1*").splitlines()) == 500


def test_an_empty_listing_is_empty(wire: Wire) -> None:
    assert wire.fetch("LIST nothing*") == b""


# Ways to connect ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["PORT", "EPRT"])
def test_active(wire: Wire, home: Path, verb: str) -> None:
    with wire.active(verb) as listening:
        wire.tell("STOR file")
        data, _ = listening.accept()
        wire.hear() >> 150
        with data:
            data.sendall(b"content")
        wire.hear() >> 226
        wire.say("STOR again") >> 425
    with wire.active(verb) as listening:
        wire.tell("RETR file")
        data, _ = listening.accept()
        with data:
            assert everything(data) == b"content"
        wire.hear() >> 150
        wire.hear() >> 226


def test_pasv_tells_address_and_port(wire: Wire, home: Path) -> None:
    (home / "file").write_bytes(b"content")
    host, port = wire.passive()
    assert host == "127.0.0.1"
    with wire.join(port) as data:
        wire.say("RETR file") >> 150
        assert everything(data) == b"content"
    wire.hear() >> 226


def test_the_connection_may_come_after_the_command(wire: Wire, home: Path) -> None:
    (home / "file").write_bytes(b"content")
    _, port = wire.passive()
    wire.tell("RETR file")
    with wire.join(port) as data:
        wire.hear() >> 150
        assert everything(data) == b"content"
    wire.hear() >> 226


@pytest.mark.parametrize("name", ["EPSV", "EPSV 2", "EPRT"])
def test_ipv6(service6: Service, name: str) -> None:
    with Wire.member(service6, "ada") as wire:
        if name == "EPRT":
            with wire.active("EPRT") as listening:
                wire.tell("STOR file")
                data, _ = listening.accept()
                with data:
                    data.sendall(b"content")
                wire.hear() >> 150
                wire.hear() >> 226
        else:
            wire.store("STOR file", b"content") >> 226
        assert wire.fetch("RETR file") == b"content"
        wire.say("PASV") >> 522
        wire.say("EPSV 1") >> 522
        wire.say("EPRT |1|127.0.0.1|50000|") >> 501


def test_epsv_all_leaves_epsv_only(wire: Wire, home: Path) -> None:
    wire.say("EPSV ALL") >> 200
    wire.say("PASV") >> 501
    wire.say("PORT 127,0,0,1,200,1") >> 501
    wire.store("STOR file", b"content") >> 226


def test_without_any_of_them_there_is_no_transfer(wire: Wire, home: Path) -> None:
    (home / "old").write_bytes(b"old")
    for line in ("STOR old", "STOR new", "APPE old", "RETR old", "LIST"):
        wire.say(line) >> 425
    assert (home / "old").read_bytes() == b"old"
    assert not (home / "new").exists()


def test_a_data_connection_serves_one_transfer(wire: Wire, home: Path) -> None:
    (home / "file").write_bytes(b"content")
    assert wire.fetch("RETR file") == b"content"
    wire.say("RETR file") >> 425


def test_a_port_nobody_listens_on(wire: Wire) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        wire.say(f"EPRT |1|127.0.0.1|{port}|") >> 200
        wire.say("LIST") >> 425
    wire.say("NOOP") >> 200


def test_a_new_arrangement_closes_the_connection_of_the_one_before(wire: Wire, home: Path) -> None:
    (home / "file").write_bytes(b"content")
    with wire.extended() as stale:
        with wire.extended() as fresh:
            wire.say("RETR file") >> 150
            assert everything(fresh) == b"content"
        wire.hear() >> 226
        assert everything(stale) == b""


# Who may not connect --------------------------------------------------------------------------------------


def test_a_thief_from_another_address_gets_nothing(wire: Wire, home: Path) -> None:
    (home / "secret").write_bytes(b"content")
    _, port = wire.passive()
    for when in ("before", "after"):
        if when == "after":
            wire.tell("RETR secret")
        with wire.join(port, source="127.0.0.2") as thief:
            assert everything(thief) == b"", when
    with wire.join(port) as data:
        wire.hear() >> 150
        assert everything(data) == b"content"
    wire.hear() >> 226


def test_a_second_connection_is_closed_at_once(wire: Wire, home: Path) -> None:
    (home / "file").write_bytes(b"content")
    _, port = wire.passive()
    with wire.join(port) as first, wire.join(port) as second:
        wire.say("RETR file") >> 150
        assert everything(first) == b"content"
        assert everything(second) == b""
    wire.hear() >> 226


def test_two_sessions_of_one_address_do_not_mix_their_data(shared: Service, home: Path) -> None:
    with Wire.member(shared, "ada") as one, Wire.member(shared, "ada") as two:
        (home / "one").write_bytes(b"1")
        (home / "two").write_bytes(b"2")
        _, first = one.passive()
        _, second = two.passive()
        with two.join(second) as data2, one.join(first) as data1:
            one.say("RETR one") >> 150
            two.say("RETR two") >> 150
            assert (everything(data1), everything(data2)) == (b"1", b"2")


# Ends that are none ---------------------------------------------------------------------------------------


def test_abor_of_a_download_with_telnet_and_urgent_data(wire: Wire, home: Path) -> None:
    (home / "file").write_bytes(b"content")
    with wire.extended() as data:
        wire.say("RETR big") >> 150
        assert data.recv(1)
        wire.send(IP)
        wire.send_urgent(b"\xff")
        wire.send(b"\xf2ABOR\r\n")
        wire.hear() >> 426
        wire.hear() >> 226
        with pytest.raises(ConnectionResetError):
            everything(data)
    assert wire.fetch("RETR file") == b"content"


def test_abor_of_an_upload_keeps_what_was_there(wire: Wire, home: Path) -> None:
    (home / "old").write_bytes(b"old")
    for name, left in (("old", b"old"), ("new", b"half")):
        with wire.extended() as data:
            wire.say(f"STOR {name}") >> 150
            data.sendall(b"half")
            while (wire.say("STAT") >> 211) and not came(data):
                pass
            wire.send(IP + DM)
            wire.tell("ABOR")
            wire.hear() >> 426
            wire.hear() >> 226
        assert (home / name).read_bytes() == left
    wire.say("REST 4") >> 350
    wire.store("STOR new", b" and the rest") >> 226
    assert (home / "new").read_bytes() == b"half and the rest"


def came(data: socket.socket) -> bool:
    """Whether the other end has taken from its socket all that was sent: nothing is unacknowledged or unread."""
    import fcntl
    import struct

    waiting = struct.unpack("i", fcntl.ioctl(data, 0x5411, b"\0\0\0\0"))[0]  # SIOCOUTQ
    return bool(waiting == 0)


def test_abor_of_a_listing_that_is_being_made(wire: Wire, home: Path) -> None:
    for i in range(1000):
        (home / f"f{i}").touch()
    for line in ("MLSD", "LIST", "LIST -R", "NLST f*") * 5:
        with wire.extended():
            wire.say(line) >> 150
            wire.tell("ABOR")
            assert wire.hear().code in (426, 226)
            wire.hear() >> 226
    assert len(wire.fetch("NLST").splitlines()) == 1001


def test_a_client_that_closes_a_download_early_is_told_426(wire: Wire) -> None:
    with wire.extended() as data:
        wire.say("RETR big") >> 150
        assert data.recv(1)
    wire.hear() >> 426
    wire.say("NOOP") >> 200


@pytest.mark.parametrize(
    "how", ["reset of the data", "reset of the control", "close of the control", "death"]
)
def test_a_client_that_vanishes_in_an_upload_damages_nothing(shared: Service, home: Path, how: str) -> None:
    (home / "old").write_bytes(b"old")
    for name in ("old", "new"):
        wire = Wire.member(shared, "ada")
        data = wire.extended()
        wire.say(f"STOR {name}") >> 150
        data.sendall(b"half")
        while not came(data):
            pass
        wire.say("STAT") >> 211  # what came before it has been read by now, or is read before the end is seen
        if how == "reset of the data":
            reset(data)
            wire.hear() >> 426
            wire.close()
        elif how == "reset of the control":
            wire.reset()
        elif how == "close of the control":
            wire.close()
        else:
            wire.reset()
            reset(data)
        with Wire.member(shared, "ada") as other:
            while not (home / name).exists():
                other.say("NOOP") >> 200
            assert (home / name).read_bytes() == (b"old" if name == "old" else b"half")
        data.close()
    assert sorted(os.listdir(home)) == ["big", "new", "old"], "nothing else is left"


def test_a_client_that_ended_both_connections_has_not_finished_its_upload(
    shared: Service, home: Path
) -> None:
    """The data ends in good order, but whoever would hear the 226 has gone: nobody knows whether it was all."""
    (home / "old").write_bytes(b"old")
    assert shared.process is not None
    with Wire.member(shared, "ada") as wire, Wire.member(shared, "ada") as other:
        with wire.extended() as data:
            wire.say("STOR old") >> 150
            shared.process.send_signal(signal.SIGSTOP)  # so that it sees all of this at once
            try:
                data.sendall(b"half")
                data.close()
                wire.close()
            finally:
                shared.process.send_signal(signal.SIGCONT)
        shared.wait_for_log("upload .*path=/old .*fate=dropped")
        other.say("NOOP") >> 200
    assert (home / "old").read_bytes() == b"old"


def test_an_upload_shorter_than_allo_said_is_cut(wire: Wire, home: Path) -> None:
    (home / "old").write_bytes(b"old")
    wire.say("ALLO 10") >> 200
    assert "10" in (wire.store("STOR old", b"short") >> 426).text
    assert (home / "old").read_bytes() == b"old"
    wire.say("ALLO 10") >> 200
    wire.store("STOR old", b"0123456789") >> 226


@pytest.mark.parametrize("said", [10, 6])
@pytest.mark.parametrize("verb", ["STOR", "APPE"])
def test_allo_before_the_rest_of_a_file_may_mean_the_rest_or_the_whole(
    wire: Wire, home: Path, verb: str, said: int
) -> None:
    (home / "file").write_bytes(b"0123")
    wire.say(f"ALLO {said}") >> 200
    if verb == "STOR":
        wire.say("REST 4") >> 350
    wire.store(f"{verb} file", b"456789") >> 226
    assert (home / "file").read_bytes() == b"0123456789"


def test_the_rest_of_a_file_is_cut_when_it_ends_before_what_allo_said(wire: Wire, home: Path) -> None:
    (home / "file").write_bytes(b"0123")
    wire.say("ALLO 10") >> 200
    wire.say("REST 4") >> 350
    assert "10" in (wire.store("STOR file", b"45678") >> 426).text
    assert (home / "file").read_bytes() == b"012345678"


def test_a_file_may_be_continued_up_to_the_quota_though_allo_says_all_of_it(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        home = service.add_user("ada", quota={"bytes": "1MiB"})
        with Wire.member(service, "ada") as wire:
            wire.store("STOR file", b"x" * 600_000) >> 226
            wire.say("ALLO 1000000") >> 200
            wire.say("REST 600000") >> 350
            wire.store("STOR file", b"y" * 400_000) >> 226
        assert (home / "file").stat().st_size == 1_000_000


def test_a_refused_upload_is_read_to_its_end_and_told_552(tmp_path: Path) -> None:
    with Service(tmp_path / "service") as service:
        home = service.add_user("ada", quota={"bytes": "1MiB"})
        with Wire.member(service, "ada") as wire:
            heard = wire.store("STOR file", b"x" * 10_000_000) >> 552
            assert "Quota exceeded" in heard.text
            assert os.listdir(home) == []
            wire.store("STOR file", b"x" * 1_000_000) >> 226


def test_interrupted_uploads_may_be_dropped(tmp_path: Path) -> None:
    with Service(tmp_path / "service", {"uploads": {"interrupted": "discard"}}) as service:
        home = service.add_user("ada")
        with Wire.member(service, "ada") as wire:
            with wire.extended() as data:
                wire.say("STOR new") >> 150
                data.sendall(b"half")
                wire.say("ABOR") >> 426
                wire.hear() >> 226
            assert os.listdir(home) == []


def test_a_file_that_changes_while_it_is_sent(wire: Wire, home: Path) -> None:
    """The size is that of the beginning; who grows a file sends no more, who cuts it sends less, and nothing hangs."""
    for change in (BIG + 10, 1000):
        with (home / "moving").open("wb") as file:
            file.truncate(BIG)
        with wire.extended() as data:
            wire.say("RETR moving") >> 150
            assert data.recv(1)
            os.truncate(home / "moving", change)
            rest = 1
            try:
                while part := data.recv(1 << 20):
                    rest += len(part)
            except ConnectionResetError:
                pass
        code = wire.hear().code
        if change > BIG:
            assert (rest, code) == (BIG, 226)
        else:
            assert rest < BIG
            assert code in (426, 451), "a file cut short is no complete transfer"


def test_many_transfers_at_once(shared: Service, home: Path) -> None:
    wires = [Wire.member(shared, "ada") for _ in range(20)]
    datas = [wire.extended() for wire in wires]
    for i, wire in enumerate(wires):
        wire.say(f"STOR many{i}") >> 150
    for i, data in enumerate(datas):
        data.sendall(bytes((i,)) * 100_000)
        data.close()
    for i, wire in enumerate(wires):
        wire.hear() >> 226
        assert (home / f"many{i}").read_bytes() == bytes((i,)) * 100_000
        wire.close()

"""Cameras, scanners, printers, controllers: what they say, as it was reported, and what stops them.

None of these devices can be had here, so each profile is a dialogue from a report in a server's tracker. What they have
in common: they read nothing but the code, give up at the first one they do not expect, and nobody can update them.
"""

import socket
from pathlib import Path

import pytest

from tests.service import Service
from tests.wire import Wire, everything

PICTURE = b"\xff\xd8\xff" + bytes(range(256)) * 300


@pytest.fixture
def home(service: Service) -> Path:
    """The home of the device's user, with a quota as a careful administrator gives it."""
    service.add_user("cam", quota={"bytes": "10MiB", "files": 1000})
    return service.home("cam")


@pytest.fixture
def device(service: Service, home: Path) -> Wire:
    wire = Wire.greeted(service)
    wire.login("cam")
    return wire


def stored(wire: Wire, name: str, content: bytes = PICTURE) -> None:
    """STOR over the port that PASV told."""
    with wire.join(wire.passive()[1]) as data:
        wire.say(f"STOR {name}") >> 150
        data.sendall(content)
    wire.hear() >> 226


def test_a_camera_that_wants_200_for_allo(device: Wire, home: Path) -> None:
    """Dahua: on 202, which RFC 959 allows as well, it asks again for ever (app-ftp#245)."""
    with device:
        device.say("TYPE I") >> 200
        for number in range(3):
            device.say(f"ALLO {len(PICTURE)}") >> 200
            stored(device, f"{number}.jpg")
        device.say("ALLO 4096 R 512") >> 200
        stored(device, "with records.jpg", PICTURE[:4096])
    assert (home / "2.jpg").read_bytes() == PICTURE


def test_a_camera_that_makes_its_directories_level_by_level(device: Wire, home: Path) -> None:
    """Hikvision and Dahua: CWD, and only on 550 MKD and CWD again; then a temporary name and a rename."""
    with device:
        device.say("TYPE I") >> 200
        for number in range(2):  # the second time they are there
            device.say("CWD /") >> 250
            for part in ("CAM-01", "2026-11-22", "12"):
                heard = device.say(f"CWD {part}")
                if heard.code != 250:
                    heard >> 550
                    device.say(f"MKD {part}") >> 257
                    device.say(f"CWD {part}") >> 250
            stored(device, f"{number}.jpg_")
            device.say(f"RNFR {number}.jpg_") >> 350
            device.say(f"RNTO {number}.jpg") >> 250
    assert sorted(path.name for path in (home / "CAM-01/2026-11-22/12").iterdir()) == ["0.jpg", "1.jpg"]


def test_a_camera_that_overwrites_one_picture_for_ever(service: Service) -> None:
    """Its home holds a little more than one picture: what is replaced pays for what replaces it."""
    service.add_user("door", quota={"bytes": len(PICTURE) + 100, "files": 1})
    with Wire.member(service, "door") as wire:
        for number in range(5):
            stored(wire, "current.jpg", PICTURE[:-1] + bytes([number]))
    assert (service.home("door") / "current.jpg").read_bytes() == PICTURE[:-1] + b"\4"


def test_a_camera_that_never_says_quit(service: Service, home: Path) -> None:
    for number in range(5):
        wire = Wire.member(service, "cam")
        stored(wire, f"{number}.jpg")
        if number % 2:
            wire.reset()
        else:
            wire.close()
    assert len(list(home.iterdir())) == 5


@pytest.mark.parametrize(
    "verb", ["STRU", "MODE", "STOU", "HELP", "REIN", "ACCT", "ALLO", "SYST", "NOOP", "STAT"]
)
def test_verbs_of_rfc_959_that_are_never_502(device: Wire, verb: str) -> None:
    """A device that moved here from vsftpd gave up at 502 for STRU (sftpgo#1997), another for MODE (fs#451)."""
    arguments = {"STRU": "F", "MODE": "S", "STOU": "", "ACCT": "cam", "ALLO": "100"}
    with device:
        with device.extended() as data:
            heard = device.say(f"{verb} {arguments.get(verb, '')}".rstrip())
        assert heard.code not in (500, 502), heard
        assert heard.code < 400, heard
        if heard.code == 150:
            device.hear() >> 226
        data.close()
        device.say("NOOP") >> 200


@pytest.mark.parametrize("line", ["STRU R", "STRU P", "MODE B", "MODE C", "TYPE E", "SMNT x"])
def test_what_we_do_not_have_is_refused_in_a_way_that_lets_a_device_go_on(device: Wire, line: str) -> None:
    """504 means: this parameter not; a device falls back to what RFC 959 makes the default."""
    with device:
        assert device.say(line).code in (504, 502 if line.startswith("SMNT") else 504)
        device.say("TYPE I") >> 200
        stored(device, "after.jpg")


def test_a_scanner_that_says_everything_before_it_stores(device: Wire, home: Path) -> None:
    """Multi-function printers walk through the whole of RFC 959 section 5.3.2's defaults."""
    with device:
        for line, code in (
            ("ACCT", 202),
            ("SYST", 215),
            ("TYPE A N", 200),
            ("STRU F", 200),
            ("MODE S", 200),
            ("TYPE I", 200),
            ("CWD /", 250),
            ("NOOP", 200),
        ):
            device.say(line) >> code
        with device.active("PORT") as listening:
            device.say("STOR scan 001.pdf") >> 150
            data, _ = listening.accept()
            with data:
                data.sendall(PICTURE)
        device.hear() >> 226
    assert (home / "scan 001.pdf").read_bytes() == PICTURE


def test_a_scanner_that_lets_the_server_name_the_file(device: Wire, home: Path) -> None:
    with device:
        device.say("TYPE I") >> 200
        names = []
        for _ in range(2):
            with device.join(device.passive()[1]) as data:
                opening = device.say("STOU") >> 150
                data.sendall(PICTURE)
            device.hear() >> 226
            names.append(opening.text.removeprefix("FILE: "))
    assert sorted(path.name for path in home.iterdir()) == sorted(names)
    assert len(set(names)) == 2


def test_a_controller_that_says_rest_0_and_type_a(device: Wire, home: Path) -> None:
    """PLCs send REST 0 before every transfer, also in ASCII, where some servers refuse REST (fs#659)."""
    with device:
        for kind in ("A", "I"):
            device.say(f"TYPE {kind}") >> 200
            device.say("REST 0") >> 350
            stored(device, f"log-{kind}", b"1;2;3\r\n" * 100)
            device.say("REST 0") >> 350
            with device.join(device.passive()[1]) as data:
                device.say(f"RETR log-{kind}") >> 150
                assert everything(data) == b"1;2;3\r\n" * 100
            device.hear() >> 226
            device.say("REST 0") >> 350
            with device.join(device.passive()[1]) as data:
                device.say("NLST") >> 150
                assert b"log-A" in everything(data)
            device.hear() >> 226
    assert (home / "log-I").read_bytes() == b"1;2;3\r\n" * 100


def test_a_controller_that_appends_a_line_every_time(service: Service, home: Path) -> None:
    with Wire.member(service, "cam") as wire:
        for number in range(10):
            wire.store("APPE trend.csv", b"%d\r\n" % number) >> 226
    assert (home / "trend.csv").read_bytes() == b"".join(b"%d\r\n" % number for number in range(10))


def test_a_device_from_before_rfc_959(device: Wire, home: Path) -> None:
    """RFC 775's verbs, which RFC 1123 asks to keep; vsftpd's XCUP is missed elsewhere."""
    with device:
        device.say("XMKD old") >> 257
        device.say("XCWD old") >> 250
        assert '"/old"' in (device.say("XPWD") >> 257).text
        device.say("XCUP") >> 250
        device.say("XRMD old") >> 250
    assert list(home.iterdir()) == []


def test_a_device_that_changes_its_user(service: Service, device: Wire) -> None:
    service.add_user("second")
    with device:
        device.say("REIN") >> 220
        device.say("PWD") >> 530
        device.login("second")
        device.say("USER cam") >> 331
        device.say("PASS correct horse 7") >> 230


@pytest.mark.parametrize(
    "lines",
    [
        b"user cam\r\npass correct horse 7\r\ntype i\r\n",
        b"USER cam\nPASS correct horse 7\nTYPE I\n",
        b"User cam\r\nPass correct horse 7\r\nTYPE I \r\n",
        b"USER cam\r\nPASS correct horse 7\r\nTYPE  I\r\n",
    ],
)
def test_devices_that_spell_in_their_own_way(service: Service, home: Path, lines: bytes) -> None:
    with Wire.greeted(service) as wire:
        wire.send(lines)
        for code in (331, 230, 200):
            wire.hear() >> code
        wire.say("pasv ") >> 227
        wire.say("NOOP again") >> 200
        wire.say("CDUP ..") >> 250
        wire.say("PWD .") >> 257


def test_a_device_that_connects_before_it_says_what_it_wants(device: Wire, home: Path) -> None:
    """It sends the data, closes, and only then says STOR; the connection was made for that."""
    with device:
        device.say("TYPE I") >> 200
        with device.join(device.passive()[1]) as data:
            data.sendall(b"early")
        device.say("STOR early.txt") >> 150
        device.hear() >> 226
    assert (home / "early.txt").read_bytes() == b"early"


def test_a_device_that_asks_for_one_port_per_picture_and_uses_few(device: Wire, home: Path) -> None:
    with device:
        device.say("TYPE I") >> 200
        for _ in range(300):
            device.passive()
        stored(device, "a.jpg")


def test_a_device_that_keeps_the_data_connection_half_open(device: Wire, home: Path) -> None:
    with device:
        device.say("TYPE I") >> 200
        data = device.join(device.passive()[1])
        device.say("STOR half.jpg") >> 150
        data.sendall(PICTURE)
        data.shutdown(socket.SHUT_WR)
        device.hear() >> 226
        data.close()
    assert (home / "half.jpg").read_bytes() == PICTURE

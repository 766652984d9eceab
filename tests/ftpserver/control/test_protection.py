"""TLS on the running service: what is private, what is refused, what an attacker tries, what a broken client gets.

Everything here goes over real sockets with Python's ssl at the other end; other people's clients are in tests/foreign.
"""

import contextlib
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import make_pair
from tests.ftpserver.test_balancer import free_ports
from tests.secure_wire import SecureWire, client_context, implicit
from tests.service import Service
from tests.wire import Wire, everything, reset

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
CONTENT = bytes(range(256)) * 5000
LISTEN = [{"host": "127.0.0.1", "port": 0}, {"host": "127.0.0.1", "port": 0, "tls": "implicit"}]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """TLS is optional on one listener and implicit on the other."""
    settings = {"listen": LISTEN, "log": {"level": "debug"}}
    with Service(tmp_path_factory.mktemp("shared") / "service", settings, tls="optional") as running:
        running.add_user("carol", tls="required")
        yield running


@pytest.fixture
def ada(shared: Service, request: pytest.FixtureRequest) -> str:
    """A user of this test's own with one file."""
    name = re.sub(r"\W", "", request.node.name)[-40:]
    shared.add_user(name)
    (shared.home(name) / "file").write_bytes(CONTENT)
    return name


def strict(folder: Path, **tls: Any) -> Service:
    """A server of its own; `tls` is laid over the section."""
    return Service(folder / "service", {"tls": tls, "listen": LISTEN}, tls=tls.get("mode", "optional"))


# -- what is private -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_files_and_listings_travel_in_private(shared: Service, ada: str, version: ssl.TLSVersion) -> None:
    with SecureWire.member_over(shared, ada, version) as wire:
        assert isinstance(wire.socket, ssl.SSLSocket)
        assert wire.socket.version() == version.name.replace("v1_", "v1.")
        assert wire.fetch("RETR file") == CONTENT
        wire.store("STOR up", CONTENT) >> 226
        assert (shared.home(ada) / "up").read_bytes() == CONTENT
        assert wire.fetch("NLST").split() == [b"file", b"up"]
        wire.store("APPE up", b"tail") >> 226
        assert (shared.home(ada) / "up").read_bytes() == CONTENT + b"tail"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_implicit_listener_greets_in_private_and_protects_data(
    shared: Service, ada: str, version: ssl.TLSVersion
) -> None:
    with implicit(shared, 1, version) as wire:
        wire.hear() >> 220
        wire.login(ada)
        wire.say("TYPE I") >> 200
        assert wire.fetch("RETR file") == CONTENT  # no PROT was said
        wire.say("AUTH TLS") >> 503
        wire.say("PROT C") >> 200
        assert Wire.fetch(wire, "RETR file") == CONTENT


def test_prot_c_leaves_data_in_clear(shared: Service, ada: str) -> None:
    with SecureWire.opened(shared) as wire:
        wire.login(ada)
        wire.say("TYPE I") >> 200
        assert Wire.fetch(wire, "RETR file") == CONTENT
        wire.protect()
        assert wire.fetch("RETR file") == CONTENT
        wire.say("PROT C") >> 200
        assert Wire.fetch(wire, "RETR file") == CONTENT


@pytest.mark.parametrize(("mechanism", "private"), [("TLS-C", False), ("SSL", True), ("TLS-P", True)])
def test_old_names_of_auth(shared: Service, ada: str, mechanism: str, private: bool) -> None:
    with SecureWire(shared.addresses[0]) as wire:
        wire.hear() >> 220
        wire.say(f"AUTH {mechanism}") >> 234
        wire.shake(client_context(shared))
        wire.login(ada)
        wire.say("TYPE I") >> 200
        fetch = wire.fetch if private else lambda line: Wire.fetch(wire, line)
        assert fetch("RETR file") == CONTENT


def test_active_data_connections_are_private_too(shared: Service, ada: str) -> None:
    with SecureWire.member_over(shared, ada) as wire:
        for verb in ("PORT", "EPRT"):
            with wire.active(verb) as listening:
                wire.say("RETR file") >> 150
                data, _ = listening.accept()
                with wire.private(data) as private:
                    assert everything(private) == CONTENT
                wire.hear() >> 226


def test_a_rein_forgets_the_login_and_keeps_tls(shared: Service, ada: str) -> None:
    with SecureWire.member_over(shared, ada) as wire:
        wire.say("REIN") >> 220
        wire.say("PWD") >> 530
        wire.login(ada)
        assert wire.fetch("NLST") == b"file\r\n"


def test_auth_forgets_the_login(shared: Service, ada: str) -> None:
    with SecureWire(shared.addresses[0]) as wire:
        wire.hear() >> 220
        wire.login(ada)
        wire.say("AUTH TLS") >> 234
        wire.shake(client_context(shared))
        wire.say("PWD") >> 530
        wire.login(ada)


# -- what is refused -----------------------------------------------------------------------------------------


def test_required_means_no_login_and_no_data_in_clear(tmp_path: Path) -> None:
    with strict(tmp_path, mode="required") as service:
        service.add_user("ada")
        with Wire.greeted(service) as wire:
            wire.say("USER ada") >> 530
            wire.say("PASS whatever") >> 503
            wire.say("SYST") >> 215
        with SecureWire.opened(service) as wire:
            wire.login("ada")
            data = wire.extended()
            assert "PROT P" in (wire.say("NLST") >> 521).text
            data.close()
            wire.say("PBSZ 0") >> 200
            wire.say("PROT C") >> 534
            wire.say("CCC") >> 534
            wire.protect()
            assert wire.fetch("NLST") == b""


def test_an_account_may_require_tls_for_itself(shared: Service, ada: str) -> None:
    with Wire.greeted(shared) as wire:
        wire.say("USER carol") >> 530
        wire.login(ada)
    with SecureWire.opened(shared) as wire:
        wire.login("carol")
        data = wire.extended()
        wire.say("NLST") >> 521
        data.close()
        wire.say("CCC") >> 534
        wire.protect()
        assert wire.fetch("NLST") == b""


def test_off_has_no_tls(service: Service) -> None:
    with Wire.greeted(service) as wire:
        wire.say("AUTH TLS") >> 431
        assert "AUTH" not in wire.say("FEAT").text


def scan(service: Service, listener: int, *options: str) -> subprocess.CompletedProcess[str]:
    """One handshake of openssl's own client."""
    host, port = service.addresses[listener]
    start = [] if listener else ["-starttls", "ftp"]
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"{host}:{port}", *start, *options],
        input="QUIT\r\n",
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("listener", [0, 1])
@pytest.mark.parametrize(
    "options",
    [
        ["-tls1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384:@SECLEVEL=0"],  # no forward secrecy
        ["-tls1_2", "-cipher", "ECDHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0"],  # CBC
        ["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "DHE:@SECLEVEL=0"],
    ],
)
def test_nothing_weak_is_spoken(shared: Service, listener: int, options: list[str]) -> None:
    done = scan(shared, listener, *options)
    assert "Cipher is (NONE)" in done.stdout, done.stdout + done.stderr
    assert done.returncode != 0


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_what_is_spoken_has_no_compression_and_no_renegotiation(shared: Service, version: str) -> None:
    said = scan(shared, 0, version, "-CAfile", str(shared.certificate)).stdout
    assert "Verification: OK" in said
    assert "Compression: NONE" in said
    assert re.search(r"Cipher is (ECDHE-\w+-(AES\d+-GCM|CHACHA20)|TLS_(AES|CHACHA20))", said)


def test_a_client_cannot_renegotiate(shared: Service) -> None:
    process = subprocess.Popen(
        [
            *("openssl", "s_client", "-starttls", "ftp", "-tls1_2"),
            *("-connect", "{}:{}".format(*shared.addresses[0])),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    said, _ = process.communicate(b"R\n", timeout=30)
    assert b"no renegotiation" in said.lower(), said
    with Wire.greeted(shared) as wire:
        wire.say("NOOP") >> 200


# -- what an attacker tries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("member", [False, True])
def test_what_was_said_before_the_handshake_is_never_carried_out(
    shared: Service, ada: str, member: bool
) -> None:
    """CVE-2011-1575: an attacker on the way puts commands behind AUTH TLS in its packet."""
    with SecureWire(shared.addresses[0]) as wire:
        wire.hear() >> 220
        if member:
            wire.login(ada)
        wire.tell("AUTH TLS", "NOOP", f"USER {ada}", "PASS correct horse 7", "DELE file", "SYST")
        wire.hear() >> 234
        wire.shake(client_context(shared))
        wire.say("PWD") >> 530  # and no reply of another command stands before it
        wire.login(ada)
        assert (shared.home(ada) / "file").exists()


def test_half_a_command_before_the_handshake_joins_nothing_after_it(shared: Service, ada: str) -> None:
    with SecureWire(shared.addresses[0]) as wire:
        wire.hear() >> 220
        wire.send(b"AUTH TLS\r\nUSER mallory")
        wire.hear() >> 234
        wire.shake(client_context(shared))
        assert "mallory" not in (wire.say("NOOP") >> 200).text
        wire.login(ada)


def test_commands_in_a_packet_after_auth_are_no_handshake(shared: Service) -> None:
    with Wire.greeted(shared) as wire:
        wire.say("AUTH TLS") >> 234
        wire.tell("SYST", "NOOP")
        assert b"215" not in tolerant_end(wire.socket)


def tolerant_end(connection: socket.socket) -> bytes:
    """Everything until the end, whatever kind of end."""
    got = b""
    try:
        while data := connection.recv(65536):
            got += data
    except (ConnectionResetError, ssl.SSLEOFError):
        pass
    return got


@pytest.mark.parametrize(
    "noise",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nUSER ada\r\n",
        b"USER ada\r\nPASS x\r\n",
        b"\x16\x03\x01\x02\x00" + b"\0" * 600,
        bytes(range(256)) * 2,
        b"\r\n" * 200,
    ],
)
def test_who_speaks_no_tls_to_an_implicit_port_is_cut_off(shared: Service, noise: bytes) -> None:
    with socket.create_connection(shared.addresses[1], 30) as connection:
        connection.sendall(noise)
        with contextlib.suppress(OSError):  # it may have been cut off already
            connection.shutdown(socket.SHUT_WR)
        said = tolerant_end(connection)
    assert not re.match(rb"[0-9]{3}[ -]", said)  # at most a TLS alert
    assert len(said) < 20
    with implicit(shared, 1) as wire:
        wire.hear() >> 220


def test_http_over_tls_is_cut_off_too(shared: Service) -> None:
    """ALPACA: a browser that was sent to the FTP port gets nothing that it could take for a page."""
    with implicit(shared, 1) as wire:
        wire.hear() >> 220
        wire.tell("GET /<script>alert(1)</script> HTTP/1.1", "Host: x", "")
        assert b"script" not in tolerant_end(wire.socket)


def test_tls_on_the_plain_port_is_cut_off(shared: Service) -> None:
    with (
        socket.create_connection(shared.addresses[0], 30) as connection,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        client_context(shared).wrap_socket(connection, server_hostname="localhost")


def test_a_handshake_that_never_ends_is_ended(tmp_path: Path) -> None:
    settings = {"listen": LISTEN, "limits": {"login_seconds": 0.5, "data_seconds": 0.5}}
    with Service(tmp_path / "service", settings, tls="optional") as service:
        service.add_user("ada")
        with socket.create_connection(service.addresses[1], 30) as silent:
            assert not re.match(rb"2", tolerant_end(silent))
        with Wire.greeted(service) as wire:
            wire.say("AUTH TLS") >> 234
            wire.send(b"\x16\x03\x01\x02\x00\x01")
            tolerant_end(wire.socket)
        with SecureWire.member_over(service, "ada") as member:
            data = member.extended()
            member.say("NLST") >> 150
            assert (member.hear()).code in (426, 522)  # and the session goes on
            data.close()
            assert member.fetch("NLST") == b""


# -- data connections: resumption ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reuse", ["off", "prefer", "require"])
def test_data_connections_with_and_without_resumption(
    tmp_path: Path, reuse: str, version: ssl.TLSVersion
) -> None:
    with strict(tmp_path, data_session_reuse=reuse) as service:
        service.add_user("ada")
        (service.home("ada") / "file").write_bytes(CONTENT)
        with SecureWire.member_over(service, "ada", version) as wire:
            data = wire.extended()
            wire.say("RETR file") >> 150
            with wire.private(data) as private:
                assert everything(private) == CONTENT
                assert bool(private.session_reused) is (reuse != "off")
            wire.hear() >> 226
            for name in (
                "a",
                "b",
            ):  # a TLS 1.3 upload gives no new ticket; the next transfers work all the same
                wire.store(f"STOR {name}", CONTENT) >> 226
                assert wire.fetch(f"RETR {name}") == CONTENT
            wire.resume = False
            if reuse != "require":
                assert wire.fetch("RETR file") == CONTENT
                wire.store("STOR c", b"c") >> 226
                return
            for line in ("RETR file", "NLST", "STOR file"):
                data = wire.extended()
                wire.say(line) >> 150
                with contextlib.suppress(OSError), wire.private(data) as private:
                    if "STOR" in line:
                        private.sendall(b"thief" * 99)
                    else:
                        assert tolerant_end(private) == b""
                assert "tls.data_session_reuse" in (wire.hear() >> 522).text
            assert (service.home("ada") / "file").read_bytes() == CONTENT
            wire.resume = True
            assert wire.fetch("RETR file") == CONTENT


@pytest.mark.parametrize("version", VERSIONS)
def test_a_thief_with_a_session_of_his_own_gets_nothing(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """He has an account, the victim's address and the port; what he lacks is the victim's session."""
    with strict(tmp_path, data_session_reuse="require") as service:
        service.add_user("ada")
        service.add_user("mallory")
        (service.home("ada") / "secret").write_bytes(CONTENT)
        with (
            SecureWire.member_over(service, "ada", version) as victim,
            SecureWire.member_over(service, "mallory", version) as thief,
        ):
            assert thief.fetch("NLST") == b""  # with TLS 1.3 he has his tickets now
            stolen = victim.extended()
            victim.say("RETR secret") >> 150
            thief.context.check_hostname = False
            with contextlib.suppress(OSError), thief.private(stolen) as private:
                assert tolerant_end(private) == b""
            victim.hear() >> 522
            assert victim.fetch("RETR secret") == CONTENT


@pytest.mark.parametrize("version", VERSIONS)
def test_a_thief_who_tries_twice_gets_nothing_either(tmp_path: Path, version: ssl.TLSVersion) -> None:
    """What he was refused did not use up the victim's ticket."""
    with strict(tmp_path, data_session_reuse="require") as service:
        service.add_user("ada")
        with SecureWire.member_over(service, "ada", version) as victim:
            victim.resume = False
            for _ in range(2):
                assert b"thief" not in victim.store("STOR file", b"thief").text.encode()
                victim.say("SIZE file") >> 550
            victim.resume = True
            victim.store("STOR file", CONTENT) >> 226


# -- data connections: a handshake before the command --------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reuse", ["off", "prefer", "require"])
def test_a_client_may_wait_for_the_handshake_before_its_command(
    tmp_path: Path, reuse: str, version: ssl.TLSVersion
) -> None:
    with strict(tmp_path, data_session_reuse=reuse) as service:
        service.add_user("ada")
        with SecureWire.member_over(service, "ada", version) as wire:
            for name in ("a", "b"):
                with wire.private(wire.extended()) as private:
                    wire.say(f"STOR {name}") >> 150
                    private.sendall(CONTENT)
                    private.unwrap()
                wire.hear() >> 226
                for line in (f"RETR {name}", f"RETR {name}"):
                    with wire.private(wire.extended()) as private:
                        wire.say(line) >> 150
                        assert everything(private) == CONTENT
                        if version is ssl.TLSVersion.TLSv1_3:
                            assert bool(private.session_reused) is (reuse != "off")
                    wire.hear() >> 226
                assert wire.fetch(f"RETR {name}") == CONTENT  # by turns with the usual order
            assert (service.home("ada") / "b").read_bytes() == CONTENT


@pytest.mark.parametrize("version", VERSIONS)
def test_who_shakes_hands_before_his_command_must_resume_too(tmp_path: Path, version: ssl.TLSVersion) -> None:
    with strict(tmp_path, data_session_reuse="require") as service:
        service.add_user("ada")
        (service.home("ada") / "file").write_bytes(CONTENT)
        with SecureWire.member_over(service, "ada", version) as wire:
            for line in ("RETR file", "RETR file", "STOR file", "STOR file"):
                wire.resume = False
                with contextlib.suppress(OSError), wire.private(wire.extended()) as private:
                    wire.say(line) >> 150
                    if "STOR" in line:
                        private.sendall(b"thief" * 99)
                    else:
                        assert tolerant_end(private) == b""
                assert "tls.data_session_reuse" in (wire.hear() >> 522).text
                wire.resume = True
                with wire.private(wire.extended()) as private:
                    wire.say("RETR file") >> 150
                    assert everything(private) == CONTENT
                wire.hear() >> 226


def test_an_upload_whose_handshake_was_early_is_whole_although_nothing_of_ours_is_read(
    tmp_path: Path,
) -> None:
    """Go's TLS leaves a ticket unread, so that its kernel resets the connection under what is on the way."""
    content = bytes(10_000_000)
    with strict(tmp_path) as service:
        service.add_user("ada")
        with SecureWire.member_over(service, "ada", ssl.TLSVersion.TLSv1_3) as wire:
            for number in range(5):
                with wire.private(wire.extended()) as private:
                    wire.say(f"STOR {number}") >> 150
                    private.sendall(content)
                wire.hear() >> 226
        sizes = [file.stat().st_size for file in service.home("ada").iterdir()]
        assert sizes == [len(content)] * 5


def test_the_next_after_an_upload_need_not_resume_whenever_the_handshake_was(tmp_path: Path) -> None:
    """A client that uses a ticket once (curl) may not have taken the one that came with an early handshake."""
    with strict(tmp_path, data_session_reuse="require") as service:
        service.add_user("ada")
        with SecureWire.member_over(service, "ada", ssl.TLSVersion.TLSv1_3) as wire:
            with wire.private(wire.extended()) as private:
                wire.say("STOR file") >> 150
                private.sendall(CONTENT)
                private.unwrap()
            wire.hear() >> 226
            wire.resume = False
            assert wire.fetch("RETR file") == CONTENT


def descriptors(service: Service) -> int:
    assert service.process is not None
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("how", ["EPSV", "REIN", "PORT 127,0,0,1,200,1", "QUIT", "the end"])
def test_a_handshake_whose_command_never_comes_is_dropped(tmp_path: Path, how: str, whole: bool) -> None:
    (port,) = free_ports(1)
    settings = {"passive": {"ports": f"{port}-{port}"}}
    with Service(tmp_path / "service", settings, tls="optional") as service:
        service.add_user("ada")
        with Wire.member(service, "ada") as other:
            with SecureWire.member_over(service, "ada") as first:
                assert first.fetch("NLST") == b""
                before = descriptors(service)
            wire = SecureWire.member_over(service, "ada")
            data = wire.extended()
            if whole:
                data = wire.private(data)
            else:
                data.sendall(b"\x16\x03\x01\x02\x00\x01")
            wire.say("ABOR") >> 226
            if how == "the end":
                wire.reset()
            else:
                wire.tell(how)
            assert tolerant_end(data) == b""
            data.close()
            while descriptors(service) > before:
                other.say("NOOP") >> 200
            wire.close()


def test_prot_c_after_a_handshake_leaves_no_data_connection(shared: Service, ada: str) -> None:
    with SecureWire.member_over(shared, ada) as wire:
        with wire.private(wire.extended()) as private:
            wire.say("PROT C") >> 200
            assert "TLS" in (wire.say("RETR file") >> 425).text
            assert tolerant_end(private) == b""
        assert Wire.fetch(wire, "RETR file") == CONTENT


def test_a_handshake_before_the_command_that_never_ends_is_ended(tmp_path: Path) -> None:
    settings = {"limits": {"data_seconds": 0.5}}
    with Service(tmp_path / "service", settings, tls="optional") as service:
        service.add_user("ada")
        with SecureWire.member_over(service, "ada") as wire:
            with wire.private(wire.extended()) as known:  # from now on its handshakes begin at once
                wire.say("NLST") >> 150
                assert everything(known) == b""
            wire.hear() >> 226
            data = wire.extended()
            data.sendall(b"\x16\x03\x01\x02\x00\x01")
            wire.say("NOOP") >> 200
            wire.say("NLST") >> 150
            assert wire.hear().code in (426, 522)
            tolerant_end(data)
            data.close()
            assert wire.fetch("NLST") == b""


# -- data connections: their end -----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cut_upload_is_told_from_a_complete_one_where_the_client_says_its_end(
    shared: Service, ada: str, version: ssl.TLSVersion
) -> None:
    with SecureWire.member_over(shared, ada, version) as wire:
        wire.close_notify = False
        wire.store("STOR first", CONTENT) >> 226  # it may be a client that never says it
        wire.close_notify = True
        wire.store("STOR second", CONTENT) >> 226
        wire.close_notify = False
        wire.store("STOR file", b"cut") >> 426
        assert (shared.home(ada) / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("polite", [False, True])
def test_a_client_that_is_killed_in_an_upload_damages_nothing(
    shared: Service, ada: str, version: ssl.TLSVersion, polite: bool
) -> None:
    """The kernel closes what a killed client had open, in order; the data's end looks like that of the file."""
    wire = SecureWire.member_over(shared, ada, version)
    data = wire.extended()
    wire.say("STOR file") >> 150
    private = wire.private(data)
    private.sendall(b"cut" * 1000)
    if polite:
        wire.socket.settimeout(0)
        with contextlib.suppress(ssl.SSLWantReadError):
            wire.unshake()
    wire.close()
    private.close()
    shared.wait_for_log(
        rf"closed session=\d+ .*during a transfer|upload .*user={ada} .*control connection was closed"
    )
    with SecureWire.member_over(shared, ada, version) as after:
        assert after.fetch("RETR file") == CONTENT


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cut_mode_z_upload_needs_no_close_notify_to_be_known(
    shared: Service, ada: str, version: ssl.TLSVersion
) -> None:
    packed = zlib.compress(CONTENT)
    with SecureWire.member_over(shared, ada, version) as wire:
        wire.close_notify = False
        wire.say("MODE Z") >> 200
        wire.store("STOR file", packed[: len(packed) // 2]) >> 426
        assert (shared.home(ada) / "file").read_bytes() == CONTENT
        wire.store("STOR file", packed) >> 226
        wire.say("MODE S") >> 200
        wire.say("TYPE A") >> 200
        wire.store("STOR text", b"one\r\ntwo\r") >> 226
        assert (shared.home(ada) / "text").read_bytes() == b"one\ntwo\r"  # the CR that was held back too


@pytest.mark.parametrize("version", VERSIONS)
def test_a_refused_upload_ends_as_tls_wants_it_and_is_told_why(
    shared: Service, ada: str, version: ssl.TLSVersion
) -> None:
    shared.add_user(ada, quota={"bytes": len(CONTENT) + 1000})
    with SecureWire.member_over(shared, ada, version) as wire:
        wire.store("STOR up", CONTENT) >> 552  # its farewell was answered, else `unwrap` had raised
        assert wire.fetch("NLST") == b"file\r\n"


@pytest.mark.parametrize("version", VERSIONS)
def test_mode_z_over_tls_both_ways(shared: Service, ada: str, version: ssl.TLSVersion) -> None:
    with SecureWire.member_over(shared, ada, version) as wire:
        wire.say("MODE Z") >> 200
        assert zlib.decompress(wire.fetch("RETR file")) == CONTENT
        wire.store("STOR up", zlib.compress(CONTENT)) >> 226
        assert zlib.decompress(wire.fetch("NLST")) == b"file\r\nup\r\n"
    assert (shared.home(ada) / "up").read_bytes() == CONTENT


def test_a_client_that_leaves_its_data_connection_hurts_nobody(shared: Service, ada: str) -> None:
    with SecureWire.member_over(shared, ada) as wire:
        for line in ("RETR file", "STOR file", "NLST"):
            reset(wire.extended())
            heard = wire.say(line)
            assert (wire.hear() if heard.code == 150 else heard).code in (425, 426, 522)
            data = wire.extended()
            wire.say(line) >> 150
            reset(wire.private(data))
            # What is sent may all be on its way before the reset comes; what is received never is.
            assert wire.hear().code in ((426,) if line == "STOR file" else (226, 426))
        assert wire.fetch("RETR file") == CONTENT


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_an_upload_that_is_reset_is_never_taken_for_a_complete_one(
    shared: Service, ada: str, version: ssl.TLSVersion, size: int
) -> None:
    """Python's ssl tells a reset and an end without close_notify by the same error."""
    with SecureWire.member_over(shared, ada, version) as wire:
        data = wire.extended()
        wire.say("STOR file") >> 150
        private = wire.private(data)
        private.sendall(CONTENT[:size])
        reset(private)
        wire.hear() >> 426
        assert (shared.home(ada) / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("version", VERSIONS)
def test_a_download_that_nobody_reads_is_given_up_and_the_session_goes_on(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with Service(tmp_path / "service", {"limits": {"data_seconds": 0.5}}, tls="optional") as service:
        service.add_user("ada")
        (service.home("ada") / "file").write_bytes(CONTENT * 10)
        with SecureWire.member_over(service, "ada", version) as wire:
            data = wire.extended()
            wire.say("RETR file") >> 150
            with wire.private(data) as private:
                wire.hear() >> 426
                with pytest.raises(OSError, match=r"reset|EOF"):
                    everything(private)
            wire.say("NOOP") >> 200


@pytest.mark.parametrize("member", [False, True])
def test_who_vanishes_at_auth_leaves_no_session_behind(tmp_path: Path, member: bool) -> None:
    settings = {
        "listen": LISTEN,
        "limits": {"sessions_per_user": 1, "sessions": 2},
        "log": {"level": "debug"},
    }
    with Service(tmp_path / "service", settings, tls="optional") as service:
        service.add_user("ada")
        for number in range(1, 9, 2):
            wire = Wire.greeted(service)
            if member:
                wire.login("ada")
            wire.send(b"AUTH TLS\r\n")
            wire.reset()
            service.wait_for_log(rf"closed session={number}\b")
            with socket.create_connection(service.addresses[1]) as gone:
                reset(gone)
            service.wait_for_log(rf"closed session={number + 1}\b")
        with Wire.member(service, "ada"), Wire.greeted(service) as second:
            second.say("USER ada") >> 331
            second.say("PASS correct horse 7") >> 530  # the first one still counts as one


def test_the_end_of_the_service_is_said_in_private(tmp_path: Path) -> None:
    with strict(tmp_path) as service:
        service.add_user("ada")
        wire = SecureWire.member_over(service, "ada")
        assert service.process is not None
        service.process.send_signal(signal.SIGTERM)
        wire.hear() >> 421
        assert isinstance(wire.socket, ssl.SSLSocket)
        assert wire.hear_end() == b""
        wire.close()


# -- CCC -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_after_ccc_commands_are_clear_and_data_stays_private(
    shared: Service, ada: str, version: ssl.TLSVersion
) -> None:
    with SecureWire.member_over(shared, ada, version) as wire:
        session = wire.session
        wire.say("CCC") >> 200
        wire.unshake()
        wire.say("PWD") >> 257
        data = wire.extended()
        wire.say("RETR file") >> 150
        with wire.private(data, session) as private:
            assert everything(private) == CONTENT
        wire.hear() >> 226
        wire.say("CCC") >> 533
        wire.say("PROT C") >> 503  # protection is no longer to be had
        wire.say("AUTH TLS") >> 234
        wire.shake(client_context(shared, version))
        wire.login(ada)
        wire.protect()
        assert wire.fetch("RETR file") == CONTENT


def test_what_is_said_in_one_breath_with_ccc_is_dropped(shared: Service, ada: str) -> None:
    with SecureWire.member_over(shared, ada) as wire:
        wire.tell("CCC", "DELE file", "NOOP")
        wire.hear() >> 200
        wire.unshake()
        wire.say("PWD") >> 257
        assert (shared.home(ada) / "file").exists()


def test_who_says_ccc_and_does_not_end_tls_is_cut_off(shared: Service, ada: str) -> None:
    with SecureWire.member_over(shared, ada) as wire:
        wire.say("CCC") >> 200
        raw = socket.socket(fileno=os.dup(wire.socket.fileno()))
        with raw:
            raw.sendall(b"NOOP\r\n" * 10)
            raw.settimeout(30)
            tolerant_end(raw)


# -- certificates --------------------------------------------------------------------------------------------


def certificate_of(service: Service) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with SecureWire.opened(service, context=context) as wire:
        assert isinstance(wire.socket, ssl.SSLSocket)
        found = wire.socket.getpeercert(binary_form=True)
        assert found is not None
        return found


@pytest.mark.parametrize("reuse", ["prefer", "require"])
def test_a_changed_certificate_is_used_and_nobody_is_dropped(tmp_path: Path, reuse: str) -> None:
    with strict(tmp_path, data_session_reuse=reuse) as service:
        service.add_user("ada")
        (service.home("ada") / "file").write_bytes(CONTENT * 4)
        old = certificate_of(service)
        with SecureWire.member_over(service, "ada") as wire:
            data = wire.extended()
            wire.say("RETR file") >> 150
            running = wire.private(data)
            assert running.recv(1) == CONTENT[:1]
            new = make_pair(tmp_path, "new")
            key = service.certificate.with_suffix(".key")
            os.replace(new.private_key, key)
            os.replace(new.certificate, service.certificate)
            assert service.process is not None
            service.process.send_signal(signal.SIGHUP)
            service.wait_for_log("the certificate was read anew")
            assert len(everything(running)) == len(CONTENT) * 4 - 1
            running.close()
            wire.hear() >> 226
            assert certificate_of(service) != old
            assert wire.fetch("RETR file") == CONTENT * 4  # of the old connection, under the old certificate
            key.write_text("broken")
            service.process.send_signal(signal.SIGHUP)
            service.wait_for_log("the changed certificate is not used")
            assert certificate_of(service) != old
            assert wire.fetch("NLST") == b"file\r\n"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("reuse", ["off", "prefer", "require"])
def test_client_certificates(tmp_path: Path, version: ssl.TLSVersion, reuse: str) -> None:
    mine, stranger = make_pair(tmp_path, "mine"), make_pair(tmp_path, "stranger")
    with strict(
        tmp_path, mode="required", client_ca=str(mine.certificate), data_session_reuse=reuse
    ) as service:
        service.add_user("ada")
        for shown in (None, stranger):
            context = client_context(service, version)
            if shown is not None:
                context.load_cert_chain(shown.certificate, shown.private_key)
            with (
                pytest.raises((OSError, AssertionError)),  # TLS 1.3 tells it at the first read
                SecureWire.opened(service, context=context) as wire,
            ):
                wire.say("NOOP")
        context = client_context(service, version)
        context.load_cert_chain(mine.certificate, mine.private_key)
        with SecureWire.opened(service, context=context) as wire:
            wire.login("ada")
            wire.protect()
            wire.store("STOR a", CONTENT) >> 226
            assert wire.fetch("RETR a") == CONTENT
            assert wire.fetch("NLST") == b"a\r\n"


def test_many_at_once(shared: Service, ada: str) -> None:
    failures: list[BaseException] = []

    def life(number: int) -> None:
        try:
            version = VERSIONS[number % 2]
            with SecureWire.member_over(shared, ada, version) as wire:
                for turn in range(5):
                    wire.store(f"STOR {number}-{turn}", CONTENT[: 100_000 * turn]) >> 226
                    assert wire.fetch(f"RETR {number}-{turn}") == CONTENT[: 100_000 * turn]
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=life, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []

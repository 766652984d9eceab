"""Opening data connections: towards the right peer, in the way that both sides know, resumed under TLS."""

import io
import socket
import ssl
import time

import pytest

from ftpclient.errors import FtpError, ProtocolFault, TlsFailed, TransferCut
from ftpclient.session import Settings
from tests.ftpclient.peers import Join, Script, Visit


def test_epsv_comes_first_and_pasv_when_it_is_unknown(script: Script, join: Join) -> None:
    script.files["f"] = b"abc"
    script.answers["EPSV"] = lambda visit, _: visit.say("500 what?")

    def pasv(visit: Visit, _: str) -> None:
        port = visit.listen()
        # 192.0.2.1 is nobody: the address in the reply must not be used.
        visit.say(f"227 Entering (192,0,2,1,{port >> 8},{port & 255})")

    script.answers["PASV"] = pasv
    client = join()
    for _ in range(2):
        into = io.BytesIO()
        client.retrieve("f", into)
        assert into.getvalue() == b"abc"
    assert script.heard.count("EPSV") == 1
    assert script.heard.count("PASV") == 2


@pytest.mark.parametrize("reply", ["229 nonsense", "229 (|||0|)", "229 (|||99999|)"])
def test_a_nonsense_port_is_a_protocol_fault(script: Script, join: Join, reply: str) -> None:
    script.answers["EPSV"] = lambda visit, _: visit.say(reply)
    with pytest.raises(ProtocolFault):
        join().retrieve("f", io.BytesIO())


def test_a_port_nobody_listens_at_cuts_the_transfer_only(script: Script, join: Join) -> None:
    script.files["f"] = b"abc"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    script.answers["EPSV"] = lambda visit, _: visit.say(f"229 (|||{port}|)")
    client = join()
    with pytest.raises(TransferCut):
        client.retrieve("f", io.BytesIO())
    del script.answers["EPSV"]
    assert client.retrieve("f", io.BytesIO()) == 3


def test_a_refused_offset_is_not_ignored(script: Script, join: Join) -> None:
    script.files["f"] = b"0123456789"
    script.answers["REST"] = lambda visit, _: visit.say("502 no REST")
    with pytest.raises(FtpError):
        join().retrieve("f", io.BytesIO(), offset=5)
    assert "RETR f" not in script.heard


def test_active_mode_takes_the_server_only(script: Script, join: Join) -> None:
    def port(visit: Visit, argument: str) -> None:
        numbers = [int(number) for number in argument.split(",")]
        visit.target = (".".join(map(str, numbers[:4])), numbers[4] << 8 | numbers[5])
        visit.say("200 ok")

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        # A stranger (another loopback address) is faster than the server.
        with socket.create_connection(visit.target, 10, source_address=("127.0.0.2", 0)) as stranger:
            stranger.sendall(b"forged")
        with socket.create_connection(visit.target, 10) as channel:
            channel.sendall(b"true")
        visit.say("226 done")

    script.answers |= {"PORT": port, "RETR": retr}
    into = io.BytesIO()
    join(Settings(active=True, timeout=10)).retrieve("f", into)
    assert into.getvalue() == b"true"


def test_active_mode_hears_that_the_server_cannot_reach_us(script: Script, join: Join) -> None:
    script.answers["PORT"] = lambda visit, _: visit.say("200 ok")

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        visit.say("425 cannot open the data connection")

    script.answers["RETR"] = retr
    client = join(Settings(active=True, timeout=30))
    started = time.monotonic()
    with pytest.raises(TransferCut, match="cannot open"):
        client.retrieve("f", io.BytesIO())
    assert time.monotonic() - started < 15  # it waited for the time-out once
    script.files["f"] = b"abc"
    assert client.size("f") == 3  # the session goes on


def test_tls_data_resumes_the_session_of_the_control_connection(
    script: Script, join: Join, server_context: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    script.context = server_context
    reused: list[bool | None] = []

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            assert isinstance(channel, ssl.SSLSocket)
            reused.append(channel.session_reused)
            channel.sendall(b"abc")
            channel.unwrap()
        visit.say("226 done")

    script.answers["RETR"] = retr
    client = join(Settings(context=trusting, timeout=10))
    for _ in range(5):
        client.retrieve("f", io.BytesIO())
    assert reused == [True] * 5


def test_a_server_that_wants_reuse_says_so(
    script: Script, join: Join, server_context: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    script.context = server_context

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        assert visit.listener
        visit.listener.accept()[0].close()
        visit.say("522 session not resumed")

    script.answers["RETR"] = retr
    with pytest.raises(TlsFailed):
        join(Settings(context=trusting, timeout=10)).retrieve("f", io.BytesIO())

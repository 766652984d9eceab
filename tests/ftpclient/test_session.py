"""Connecting, encrypting and logging in."""

import io
import ssl

import pytest

from ftpclient.client import Client
from ftpclient.errors import ConnectionLost, LoginRefused, ProtocolFault, Refused, TlsFailed
from ftpclient.session import Settings
from ftpclient.trust import Tls, make_context
from tests.ftpclient.peers import Join, Script


@pytest.fixture
def secure(script: Script, server_context: ssl.SSLContext) -> Script:
    script.context = server_context
    return script


def test_tls_is_used_when_the_server_offers_it(secure: Script, join: Join, trusting: ssl.SSLContext) -> None:
    secure.files["f"] = b"secret content"
    client = join(Settings(context=trusting, timeout=10))
    assert client.encrypted
    into = io.BytesIO()
    client.retrieve("f", into)
    assert into.getvalue() == b"secret content"
    client.store("g", io.BytesIO(b"x" * 100_000))
    assert secure.files["g"] == b"x" * 100_000
    client.quit()
    assert secure.heard[:2] == ["AUTH TLS", "USER ada"]
    assert "PROT P" in secure.heard


def test_without_an_offer_the_session_is_clear(script: Script, join: Join) -> None:
    assert not join().encrypted


def test_required_tls_is_not_talked_away(script: Script, join: Join) -> None:
    with pytest.raises(TlsFailed):
        join(Settings(Tls.REQUIRE, timeout=10))
    assert not [line for line in script.heard if line.startswith(("USER", "PASS"))]


def test_off_means_off(secure: Script, join: Join) -> None:
    assert not join(Settings(Tls.OFF, timeout=10)).encrypted
    assert "AUTH TLS" not in secure.heard


def test_an_unknown_certificate_ends_it_before_the_password(secure: Script, join: Join) -> None:
    with pytest.raises(TlsFailed, match="not trusted"):
        join()
    assert secure.heard == ["AUTH TLS"]


def test_insecure_is_spelled_plainly(secure: Script, join: Join) -> None:
    assert join(Settings(context=make_context(insecure=True), timeout=10)).encrypted


def test_a_server_that_encrypts_logins_only_is_refused(
    secure: Script, join: Join, trusting: ssl.SSLContext
) -> None:
    secure.answers["PROT"] = lambda visit, _: visit.say("536 no")
    with pytest.raises(TlsFailed, match="data connections"):
        join(Settings(context=trusting, timeout=10))


@pytest.mark.parametrize("line", ["421 full house", "530 go away", "hello", "500 what"])
def test_an_unfriendly_greeting(line: str) -> None:
    import socket
    import threading

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.sendall(line.encode() + b"\r\n")
                sock.recv(100)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises((ConnectionLost, LoginRefused, ProtocolFault, Refused)):
            Client.connect("127.0.0.1", listener.getsockname()[1], Settings(timeout=5))
        thread.join(5)


def test_a_login_without_password(script: Script, join: Join) -> None:
    script.answers["USER"] = lambda visit, _: visit.say("230 come in")
    join()
    assert not [line for line in script.heard if line.startswith("PASS")]


def test_a_refused_user_is_a_refused_login(script: Script, join: Join) -> None:
    script.answers["PASS"] = lambda visit, _: visit.say("550 not you")
    with pytest.raises(LoginRefused):
        join()


def test_a_server_without_features_is_used_all_the_same(script: Script, join: Join) -> None:
    script.answers["FEAT"] = lambda visit, _: visit.say("502 what?")
    client = join()
    assert client.features == {}


def test_the_working_directory_is_unquoted(script: Script, join: Join) -> None:
    script.answers["PWD"] = lambda visit, _: visit.say('257 "/a ""b"" c" is it')
    assert join().pwd() == '/a "b" c'


def test_a_lost_server_is_no_error_at_the_goodbye(script: Script, join: Join) -> None:
    script.answers["QUIT"] = lambda visit, _: visit.sock.close()
    with join():
        pass

"""Data connections: opened towards the right peer, ended in the right way, cut and overtaken."""

import io
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ftpclient.errors import FtpError, Full, ProtocolFault, TimedOut, TlsFailed, TransferCut
from ftpclient.session import Settings
from tests.ftpclient.peers import Join, Script, Visit
from tests.ftpclient.test_shell import environment


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


def test_no_226_is_no_success(script: Script, join: Join) -> None:
    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            channel.sendall(b"half of it")
        visit.say("426 disk trouble")

    script.answers["RETR"] = retr
    with pytest.raises(TransferCut, match="disk trouble"):
        join().retrieve("f", io.BytesIO())


def test_a_reset_download_is_cut(script: Script, join: Join) -> None:
    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            channel.sendall(b"half of it")
            channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        visit.say("226 done (it says)")

    script.answers["RETR"] = retr
    with pytest.raises(TransferCut):
        join().retrieve("f", io.BytesIO())


@pytest.mark.parametrize("regular", [True, False])
def test_a_full_quota_ends_the_upload_with_the_servers_words(
    script: Script, join: Join, regular: bool, tmp_path: Path
) -> None:
    def stor(visit: Visit, _: str) -> None:
        visit.say("150 send")
        channel = visit.accept()
        channel.recv(1000)
        # The server reads no further and keeps the connection open: only its reply can end the upload.
        visit.say("552 need 700 KiB, 424 KiB free")
        assert visit.hear() == "NOOP"
        channel.close()
        visit.say("200 still here")

    script.answers["STOR"] = stor
    client = join()
    big = tmp_path / "big"
    big.write_bytes(bytes(30_000_000))
    with big.open("rb") as file, pytest.raises(Full, match="need 700 KiB, 424 KiB free"):
        client.store("f", file if regular else io.BytesIO(file.read()))
    assert client._control.ask("NOOP").text == "still here"


def test_an_upload_given_up_is_reset_not_ended(script: Script, join: Join) -> None:
    seen: list[str] = []
    done = threading.Event()

    def stor(visit: Visit, _: str) -> None:
        visit.say("150 send")
        try:
            with visit.accept() as channel:
                while channel.recv(65536):
                    pass
            seen.append("complete")
            visit.say("226 stored")
        except ConnectionResetError:
            seen.append("reset")
            visit.say("426 cut")
        done.set()

    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError("the local disk broke")
            return super().read(10)

    script.answers["STOR"] = stor
    client = join()
    with pytest.raises(OSError, match="the local disk broke"):
        client.store("f", Breaks(b"0123456789abcdef"))
    assert done.wait(10)
    assert seen == ["reset"]
    client.make_directory("d")  # the 426 was read off, the session goes on


def test_a_killed_client_never_looks_like_a_complete_upload(script: Script, tmp_path: Path) -> None:
    seen: list[str] = []
    begun, done = threading.Event(), threading.Event()

    def stor(visit: Visit, _: str) -> None:
        visit.say("150 send")
        with visit.accept() as channel:
            channel.recv(10)
            begun.set()
            try:
                while channel.recv(65536):
                    pass
                seen.append("complete")
            except ConnectionResetError:
                seen.append("reset")
        done.set()

    script.answers["STOR"] = stor
    code = (
        "import sys; from ftpclient.client import Client\n"
        f"client = Client.connect('127.0.0.1', {script.port}); client.login('ada', 'x')\n"
        "client.store('f', sys.stdin.buffer)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, env=environment()) as process:
        assert process.stdin
        process.stdin.write(bytes(600_000))  # one block and a little of the next, then nothing more
        process.stdin.flush()
        assert begun.wait(30)
        process.kill()
    assert done.wait(10)
    assert seen == ["reset"]


def test_a_stalled_download_times_out(script: Script, join: Join) -> None:
    release = threading.Event()

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            channel.sendall(b"some")
            release.wait(10)

    script.answers["RETR"] = retr
    client = join(Settings(timeout=0.2))
    with pytest.raises(TimedOut):
        client.retrieve("f", io.BytesIO())
    release.set()


def test_the_final_reply_may_overtake_the_data(script: Script, join: Join) -> None:
    def retr_slowly(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            visit.say("226 done")
            channel.sendall(b"a" * 500_000)

    script.answers["RETR"] = retr_slowly
    assert join().retrieve("f", io.BytesIO()) == 500_000


def test_a_refusal_overtakes_a_download_that_hangs(script: Script, join: Join) -> None:
    release = threading.Event()

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            channel.sendall(b"a")
            visit.say("451 I/O error")
            release.wait(10)

    script.answers["RETR"] = retr
    with pytest.raises(FtpError, match="I/O error"):
        join().retrieve("f", io.BytesIO())
    release.set()


def test_a_refused_offset_is_not_ignored(script: Script, join: Join) -> None:
    script.files["f"] = b"0123456789"
    script.answers["REST"] = lambda visit, _: visit.say("502 no REST")
    with pytest.raises(FtpError):
        join().retrieve("f", io.BytesIO(), offset=5)
    assert "RETR f" not in script.heard


def test_an_empty_answer_without_data_is_an_empty_file(script: Script, join: Join) -> None:
    script.answers["RETR"] = lambda visit, _: visit.say("226 nothing in it")
    assert join().retrieve("f", io.BytesIO()) == 0


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


def test_tls_data_without_its_end_is_cut(
    script: Script, join: Join, server_context: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    script.context = server_context

    def retr(visit: Visit, _: str) -> None:
        visit.say("150 here")
        with visit.accept() as channel:
            channel.sendall(b"abc")
            # closed without close_notify: an attacker's FIN looks just like this
        visit.say("226 done")

    script.answers["RETR"] = retr
    with pytest.raises(TlsFailed, match="cut"):
        join(Settings(context=trusting, timeout=10)).retrieve("f", io.BytesIO())


def test_tls_moves_large_files_whole(
    script: Script, join: Join, server_context: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    script.context = server_context
    content = os.urandom(3_000_001)
    client = join(Settings(context=trusting, timeout=10))
    assert client.store("f", io.BytesIO(content)) == len(content)
    into = io.BytesIO()
    assert client.retrieve("f", into, offset=1) == len(content) - 1
    assert into.getvalue() == content[1:]


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

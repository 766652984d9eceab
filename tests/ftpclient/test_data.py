"""Open data connections: ended in the right way, cut and overtaken."""

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

from ftpclient.errors import FtpError, Full, TimedOut, TlsFailed, TransferCut
from ftpclient.session import Settings
from tests.ftpclient.peers import Join, Script, Visit
from tests.ftpclient.test_shell import environment


def test_no_226_is_no_success(script: Script, join: Join) -> None:
    script.answers["RETR"] = lambda visit, _: visit.send_data(b"half of it", "426 disk trouble")
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


def test_an_empty_answer_without_data_is_an_empty_file(script: Script, join: Join) -> None:
    script.answers["RETR"] = lambda visit, _: visit.say("226 nothing in it")
    assert join().retrieve("f", io.BytesIO()) == 0


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

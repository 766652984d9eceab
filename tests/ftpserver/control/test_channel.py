"""A control channel on a real socket pair: lines in, replies out, TLS begun and ended, and its end."""

import asyncio
import select
import socket
import ssl
import struct
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from ftpserver.config.settings import Tls
from ftpserver.control.channel import ControlChannel, Lines
from ftpserver.data.watch import WatchingLoop
from ftpserver.tls import TlsService
from tests.certificates import pair as certificate
from tests.ftpserver.data.conftest import Pair, loop, pair, read_all, turn, until  # noqa: F401 - two are fixtures
from tests.wire import reset

Loop = asyncio.AbstractEventLoop
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class End:
    """One channel, what it told and the client's socket."""

    def __init__(self, loop: Loop, ours: socket.socket, client: socket.socket) -> None:  # noqa: F811
        self.loop = loop
        self.watching = WatchingLoop(loop)  # type: ignore[abstract]  # as the service has one
        self.ours = ours
        self.client: socket.socket = client
        self.lines: Lines = []
        self.ends: list[str] = []
        self.sent = 0
        self.channel = ControlChannel(
            self.watching, ours, self._take_lines, self.ends.append, self._count_sent
        )

    def _take_lines(self, lines: Lines) -> None:
        self.lines.extend(lines)

    def _count_sent(self) -> None:
        self.sent += 1

    def until(self, condition: Callable[[], object]) -> None:
        until(self.loop, condition)

    def secured(self, version: ssl.TLSVersion | None = None) -> None:
        """TLS on both sides."""
        done: list[bool] = []
        self.channel.begin_tls(wrap, lambda: done.append(True))
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.hello, version)
            self.until(lambda: done or self.ends)
            assert done, self.ends
            self.client = coming.result()

    def hello(self, version: ssl.TLSVersion | None = None) -> ssl.SSLSocket:
        """The client's handshake."""
        context = certificate().client(version)
        return context.wrap_socket(self.client, server_hostname="localhost", suppress_ragged_eofs=False)


def wrap(connection: socket.socket) -> ssl.SSLSocket:
    """As the service does."""
    files = certificate()
    tls = TlsService(Tls(mode="optional", certificate=files.certificate, private_key=files.private_key))
    return tls.wrap_control(connection)


@pytest.fixture
def end(loop: Loop, pair: Pair) -> Iterator[End]:  # noqa: F811
    made = End(loop, *pair())
    yield made
    made.channel.close()
    made.client.close()
    made.watching.stop_watching()


def test_lines_come_whole_and_in_order(end: End) -> None:
    end.channel.resume()
    for piece in (b"US", b"ER ada\r", b"\nPASS x\r\nNO"):
        end.client.sendall(piece)
        turn(end.loop)
    assert end.lines == [b"USER ada", b"PASS x"]
    end.client.sendall(b"OP\r\n" + b"x" * 9000 + b"\r\n")
    end.until(lambda: len(end.lines) == 4)
    assert end.lines[2:] == [b"NOOP", None]


def test_what_is_not_resumed_is_not_read_and_what_is_paused_waits(end: End) -> None:
    end.client.sendall(b"ONE\r\n")
    turn(end.loop)
    assert end.lines == []
    end.channel.resume()
    end.until(lambda: end.lines)
    end.channel.pause()
    end.client.sendall(b"TWO\r\n")
    turn(end.loop)
    assert end.lines == [b"ONE"]
    end.channel.resume()
    end.until(lambda: end.lines == [b"ONE", b"TWO"])


def test_replies_go_out_with_a_flush(end: End) -> None:
    end.channel.write(b"200 one\r\n")
    end.channel.write(b"200 two\r\n")
    assert select.select([end.client], [], [], 0)[0] == []
    end.channel.flush()
    assert end.client.recv(100) == b"200 one\r\n200 two\r\n"
    assert end.channel.unsent == 0


@pytest.mark.parametrize("version", [None, *VERSIONS])
def test_what_the_client_does_not_take_follows_in_order(end: End, version: ssl.TLSVersion | None) -> None:
    if version is not None:
        end.secured(version)
    wanted = bytearray()
    number = 0
    while not end.channel.unsent:
        reply = b"200 %d\r\n" % number + b"x" * 50_000
        end.channel.write(reply)
        end.channel.flush()
        wanted += reply
        number += 1
    end.channel.write(b"200 late\r\n")
    end.channel.flush()
    wanted += b"200 late\r\n"
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_exactly, end.client, len(wanted))
        end.until(reading.done)
        assert reading.result() == wanted
    assert end.channel.unsent == 0
    assert end.sent == 1


def read_exactly(connection: socket.socket, count: int) -> bytearray:
    got = bytearray()
    while len(got) < count and (data := connection.recv(1 << 16)):
        got += data
    return got


def test_the_client_s_end_is_told_once(end: End) -> None:
    end.channel.resume()
    end.client.sendall(b"NOOP\r\nnot a line")
    end.client.shutdown(socket.SHUT_WR)
    end.until(lambda: end.ends)
    turn(end.loop)
    assert end.lines == [b"NOOP"]
    assert end.ends == [""]
    assert end.channel.ended
    end.channel.resume()
    turn(end.loop)
    assert end.ends == [""]


def test_a_reset_is_told_with_a_reason(end: End) -> None:
    end.channel.resume()
    reset(end.client)
    end.until(lambda: end.ends)
    assert end.ends[0]


def test_alive_until_the_client_has_gone(end: End) -> None:
    assert end.channel.alive()
    end.client.sendall(b"x")
    assert end.channel.alive()
    end.ours.recv(1)
    end.client.close()
    end.until(lambda: not end.channel.alive())
    end.channel.close()
    assert not end.channel.alive()


@pytest.mark.parametrize("version", VERSIONS)
def test_alive_in_private_until_the_client_has_gone(end: End, version: ssl.TLSVersion) -> None:
    end.secured(version)
    end.channel.pause()
    end.client.sendall(b"NOOP\r\n")
    assert end.channel.alive()
    end.client.settimeout(0)
    assert isinstance(end.client, ssl.SSLSocket)
    with pytest.raises(ssl.SSLWantReadError):
        end.client.unwrap()  # its farewell can be read, and is no sign of life
    end.client.close()
    end.until(lambda: not end.channel.alive())


def test_end_reads_nothing_more_and_the_last_reply_arrives(end: End) -> None:
    end.channel.resume()
    end.channel.end()
    end.client.sendall(b"NOOP\r\n" * 100)
    turn(end.loop)
    assert end.lines == []
    end.channel.write(b"221 Goodbye.\r\n")
    end.channel.close()
    assert read_all(end.client) == b"221 Goodbye.\r\n"  # with unread bytes a plain close would be a reset
    end.channel.close()


# -- TLS -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_after_the_handshake_lines_and_replies_are_private(end: End, version: ssl.TLSVersion) -> None:
    assert end.channel.tls_context is None
    end.secured(version)
    assert end.channel.tls_context is not None
    end.client.sendall(b"USER ada\r\nPASS x\r\n")
    end.until(lambda: len(end.lines) == 2)
    assert end.lines == [b"USER ada", b"PASS x"]
    end.channel.write(b"230 Welcome.\r\n")
    end.channel.flush()
    assert end.client.recv(100) == b"230 Welcome.\r\n"
    assert end.channel.alive()


def test_a_record_with_more_lines_than_one_read_takes_is_read_whole(end: End) -> None:
    end.secured()
    end.client.sendall(b"NOOP\r\n" * 40_000)
    end.until(lambda: len(end.lines) == 40_000)


def test_bytes_that_tls_has_already_are_not_forgotten_by_a_pause(end: End) -> None:
    """The loop sees nothing on the socket any more: what is decrypted must be read by the resume itself."""
    end.secured()
    took = end._take_lines

    def pausing(lines: Lines) -> None:
        took(lines)
        end.channel.pause()

    end.channel._on_lines = pausing
    end.client.sendall(b"NOOP\r\n" * 2000)
    count = -1
    while count != len(end.lines):
        count = len(end.lines)
        end.channel.resume()
        turn(end.loop)
    assert len(end.lines) == 2000


def test_half_a_line_said_in_clear_does_not_begin_one_said_in_private(end: End) -> None:
    """CVE-2011-1575's kind: what an attacker prefixed must not become part of what the client says."""
    end.channel.resume()
    end.client.sendall(b"AUTH TLS\r\nDELE ")
    end.until(lambda: end.lines)
    end.secured()
    end.client.sendall(b"NOOP\r\n")
    end.until(lambda: len(end.lines) == 2)
    assert end.lines == [b"AUTH TLS", b"NOOP"]


def test_nothing_is_read_as_a_line_while_hands_are_shaken(end: End) -> None:
    end.channel.begin_tls(wrap, lambda: None)
    end.channel.resume()
    end.client.sendall(b"DELE everything\r\n")
    end.until(lambda: end.ends)
    assert end.lines == []
    assert end.ends == ["the TLS handshake failed"]


@pytest.mark.parametrize("how", [socket.socket.close, reset])
def test_a_client_that_leaves_in_its_handshake_is_told_as_an_end(end: End, how: Callable[..., None]) -> None:
    end.channel.begin_tls(wrap, lambda: None)
    turn(end.loop)
    how(end.client)
    end.until(lambda: end.ends)
    assert end.ends == ["the TLS handshake failed"]


@pytest.mark.parametrize("unread", [b"", b"unread"])
def test_a_client_that_was_gone_before_its_handshake_is_told_as_an_end(end: End, unread: bytes) -> None:
    end.client.sendall(unread)
    reset(end.client)
    end.channel.begin_tls(wrap, lambda: None)
    assert end.ends == ["the client was gone before the TLS handshake"]


def test_close_in_the_middle_of_a_handshake_touches_nothing_any_more(end: End) -> None:
    end.channel.begin_tls(wrap, lambda: None)
    end.channel.close()
    turn(end.loop)
    assert end.ends == []
    assert end.client.recv(1) == b""


@pytest.mark.parametrize("version", VERSIONS)
def test_close_says_close_notify(end: End, version: ssl.TLSVersion) -> None:
    end.secured(version)
    end.channel.write(b"221 Goodbye.\r\n")
    end.channel.close()
    assert read_all(end.client) == b"221 Goodbye.\r\n"  # raises when the end was not said


@pytest.mark.parametrize("version", VERSIONS)
def test_tls_ends_and_what_follows_is_clear(end: End, version: ssl.TLSVersion) -> None:
    end.secured(version)
    end.channel.end_tls()
    assert isinstance(end.client, ssl.SSLSocket)
    with ThreadPoolExecutor(1) as pool:
        parting = pool.submit(end.client.unwrap)
        end.until(parting.done)
        end.client = parting.result()
    end.client.sendall(b"NOOP\r\n")
    end.until(lambda: end.lines)
    assert end.lines == [b"NOOP"]
    assert end.channel.tls_context is None
    end.channel.write(b"200 ok\r\n")
    end.channel.flush()
    assert end.client.recv(100) == b"200 ok\r\n"
    end.secured(version)  # and once more
    end.client.sendall(b"QUIT\r\n")
    end.until(lambda: len(end.lines) == 2)


def test_tls_that_the_client_does_not_end_as_it_asked_is_lost(end: End) -> None:
    end.secured()
    end.channel.end_tls()
    reset(end.client)
    end.until(lambda: end.ends)
    assert end.ends == ["the client did not end TLS as it had asked"]


def test_ending_tls_that_never_began_changes_nothing(end: End) -> None:
    end.channel.resume()
    end.channel.end_tls()
    end.client.sendall(b"NOOP\r\n")
    end.until(lambda: end.lines)


def test_a_client_that_reads_no_reply_gets_no_handshake(end: End) -> None:
    """Replies that wait in clear would stand in the middle of the handshake."""
    while not end.channel.unsent:
        end.channel.write(b"x" * 100_000)
        end.channel.flush()
    end.channel.begin_tls(wrap, partial(pytest.fail, "there was a handshake"))
    assert len(end.ends) == 1


def test_a_reset_that_comes_together_with_a_line_is_seen(end: End) -> None:
    """Both are one event; what is left of it is told again (data/watch.py)."""
    end.channel.resume()
    end.client.sendall(b"NOOP\r\n")
    reset(end.client)
    end.until(lambda: end.ends)
    assert end.lines == [b"NOOP"]
    assert end.ends == ["the connection was lost"]


def test_the_last_reply_and_the_end_are_one_packet(end: End) -> None:
    before = packets(end.client)
    end.channel.write(b"221 Goodbye.\r\n")
    end.channel.flush(last=True)
    end.channel.close()
    assert read_all(end.client) == b"221 Goodbye.\r\n"
    assert packets(end.client) == before + 1


def packets(connection: socket.socket) -> int:
    """How many have come (tcpi_segs_in)."""
    facts = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 144)
    count: int = struct.unpack_from("=I", facts, 140)[0]
    return count


def test_a_closed_channel_keeps_nobody(loop: Loop, pair: Pair) -> None:  # noqa: F811
    """What belongs to a connection goes with it, and does not wait for a search for cycles."""
    end = End(loop, *pair())
    end.channel.resume()
    end.channel.close()
    end.watching.stop_watching()
    gone = weakref.ref(end)
    del end
    assert gone() is None

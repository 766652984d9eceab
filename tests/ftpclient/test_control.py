"""The control connection: order, batches, ends, lies, and the line between clear text and TLS."""

import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from ftpclient.control import WINDOW, Control
from ftpclient.errors import (
    BadName,
    CannotConnect,
    ConnectionLost,
    NotFound,
    ProtocolFault,
    TimedOut,
    TlsFailed,
)
from ftpwire.command import Command

Pair = tuple[Control, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A control connection and the server's end of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        control = Control.connect("127.0.0.1", listener.getsockname()[1], 5)
        server, _ = listener.accept()
    with server:
        yield control, server
    control.close()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(CannotConnect):
        Control.connect("127.0.0.1", port, 5)
    with pytest.raises(CannotConnect):
        Control.connect("no-such-host.invalid", 21, 5)


def test_replies_answer_commands_in_order(pair: Pair) -> None:
    control, server = pair
    server.sendall(b"200 one\r\n550-two\r\n more\r\n550 end\r\n150 wait\r\n226 three\r\n")
    replies = control.exchange([Command("A", ""), Command("B", "x"), Command("C", "")])
    assert [(reply.code, reply.text) for reply in replies] == [
        (200, "one"),
        (550, "two\nmore\nend"),
        (226, "three"),
    ]
    assert server.recv(100) == b"A\r\nB x\r\nC\r\n"


def test_a_batch_waits_after_each_window(pair: Pair) -> None:
    control, server = pair
    counts: list[int] = []

    def serve() -> None:
        seen = 0
        while seen < 200:
            lines = server.recv(65536).count(b"\n")
            counts.append(lines)
            seen += lines
            server.sendall(b"200 ok\r\n" * lines)

    thread = threading.Thread(target=serve)
    thread.start()
    assert len(control.exchange([Command("NOOP", "")] * 200)) == 200
    thread.join(5)
    assert max(counts) <= WINDOW


def test_an_unread_answer_is_read_off_before_the_next_command(pair: Pair) -> None:
    control, server = pair
    control.send(Command("RETR", "x"))
    server.sendall(b"150 here\r\n426 cut\r\n200 yes\r\n")
    assert control.ask("NOOP").text == "yes"


def test_a_bad_name_sends_nothing_at_all(pair: Pair) -> None:
    control, server = pair
    with pytest.raises(BadName):
        control.exchange([Command("DELE", "a"), Command("DELE", "b\r\nDELE c")])
    server.sendall(b"200 ok\r\n")
    control.ask("NOOP")
    assert server.recv(100) == b"NOOP\r\n"


def test_a_refusal_is_raised_with_its_path(pair: Pair) -> None:
    control, server = pair
    server.sendall(b"550 no such file\r\n")
    with pytest.raises(NotFound) as refused:
        control.need("DELE", "a", "a")
    assert refused.value.path == "a"


def test_421_ends_the_session(pair: Pair) -> None:
    control, server = pair
    server.sendall(b"421 too long idle\r\n")
    with pytest.raises(ConnectionLost) as lost:
        control.ask("NOOP")
    assert lost.value.code == 421
    assert control.closed
    with pytest.raises(ConnectionLost):
        control.ask("NOOP")


def test_the_last_words_are_heard_when_sending_fails(pair: Pair) -> None:
    control, server = pair
    server.sendall(b"421 out\r\n")
    server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    server.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionLost) as lost:
        _send_until_refused(control)
    assert lost.value.code == 421


def _send_until_refused(control: Control) -> None:
    while True:
        control.send(Command("NOOP", ""))


def test_an_ended_connection_is_lost(pair: Pair) -> None:
    control, server = pair
    server.shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionLost):
        control.ask("NOOP")
    assert control.closed


def test_a_silent_server_is_timed_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        control = Control.connect("127.0.0.1", listener.getsockname()[1], 0.05)
        with pytest.raises(TimedOut):
            control.greeting()
        assert control.closed


@pytest.mark.parametrize(
    "noise", [b"HTTP/1.1 400 Bad Request\r\n", b"\xff\x00garbage\r\n", b"220-x\r\n" * 200_000]
)
def test_what_is_not_ftp_is_a_protocol_fault(pair: Pair, noise: bytes) -> None:
    control, server = pair
    thread = threading.Thread(target=_send, args=(server, noise))
    thread.start()
    with pytest.raises(ProtocolFault):
        control.greeting()
    thread.join(5)


def _send(server: socket.socket, data: bytes) -> None:
    try:
        server.sendall(data)
    except OSError:
        return  # the client has left, as it should


def test_a_reply_to_nothing_is_a_protocol_fault(pair: Pair) -> None:
    control, server = pair
    server.sendall(b"200 one\r\n200 two\r\n")
    control.ask("NOOP")
    with pytest.raises(ProtocolFault):
        control.reply()


def test_an_overtaking_reply_is_seen_without_waiting(pair: Pair) -> None:
    control, server = pair
    control.send(Command("STOR", "x"))
    assert control.overtaking() is None
    server.sendall(b"150 go\r\n552 full\r\n")
    while (reply := control.overtaking()) is None:
        pass
    assert reply.code == 552
    assert control.final().code == 552


def test_secrets_are_masked_in_the_trace() -> None:
    lines: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        control = Control.connect("127.0.0.1", listener.getsockname()[1], 5, lines.append)
        server, _ = listener.accept()
        with server:
            server.sendall(b"230 hello\r\n")
            control.ask("PASS", "hunter2")
        control.close()
    assert lines == ["-> PASS ****", "<- 230 hello"]


def test_words_before_the_handshake_are_not_believed_after_it(pair: Pair, trusting: ssl.SSLContext) -> None:
    control, server = pair
    server.sendall(b"234 go\r\n230 logged in\r\n")
    assert control.ask("AUTH", "TLS").code == 234
    with pytest.raises(TlsFailed, match="sent more before"):
        control.start_tls(trusting)
    assert control.closed


def test_half_a_line_before_the_handshake_is_not_believed_either(
    pair: Pair, trusting: ssl.SSLContext
) -> None:
    control, server = pair
    server.sendall(b"234 go\r\n23")
    assert control.ask("AUTH", "TLS").code == 234
    with pytest.raises(TlsFailed, match="sent more before"):
        control.start_tls(trusting)

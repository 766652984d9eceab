"""ftpserver.data.listening: what is accepted is what socket.accept gives, and never blocks."""

import asyncio
import socket

import pytest
import uvloop

from ftpserver.data.listening import Acceptor, ListeningSocket, RawAddress


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_an_accepted_socket_is_whole_and_does_not_block(family: socket.AddressFamily, host: str) -> None:
    with ListeningSocket(family) as listening:
        listening.bind((host, 0))
        listening.listen()
        with pytest.raises(BlockingIOError):
            listening.take()
        with socket.create_connection(listening.getsockname()[:2]) as client:
            accepted, peer = listening.take()
            with accepted:
                assert peer == client.getsockname() == accepted.getpeername()
                assert (accepted.family, accepted.type, accepted.proto) == (
                    family,
                    socket.SOCK_STREAM,
                    socket.IPPROTO_TCP,
                )
                assert not accepted.getblocking()
                assert not accepted.get_inheritable()
                with pytest.raises(BlockingIOError):
                    accepted.recv(1)
                client.sendall(b"x")
                client.shutdown(socket.SHUT_WR)
                accepted.setblocking(True)
                assert accepted.recv(10) == b"x"


def test_what_is_closed_takes_nothing() -> None:
    listening = ListeningSocket(socket.AF_INET)
    listening.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        listening.take()


def test_an_acceptor_rests_and_goes_on_and_ends_with_its_socket() -> None:
    loop = uvloop.new_event_loop()
    listening = ListeningSocket(socket.AF_INET)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    taken: list[tuple[socket.socket, RawAddress] | None] = []
    acceptor: Acceptor = Acceptor(loop, listening, lambda: taken.append(acceptor.take()), "a connection", 0.1)
    assert acceptor.take() is None
    assert not acceptor.awaited()
    with socket.create_connection(listening.getsockname()) as client:
        acceptor.pause()
        loop.run_until_complete(asyncio.sleep(0.01))
        assert taken == []
        assert acceptor.awaited()
        assert acceptor.resume()
        loop.run_until_complete(asyncio.sleep(0.01))
        assert [None if one is None else one[1] for one in taken] == [client.getsockname()]
        for one in taken:
            if one is not None:
                one[0].close()
    acceptor.close()
    assert not acceptor.resume()
    assert not acceptor.awaited()
    loop.close()

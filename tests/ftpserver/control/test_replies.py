"""ftpserver.control.replies: encoded, collected, and long answers that wait for their reader."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ftpserver.control.channel import ControlChannel
from ftpserver.control.replies import Replies
from ftpserver.outcome import Recite
from ftpserver.session import Link
from ftpwire.charset import Charset
from ftpwire.reply import Reply
from tests.ftpserver.data.conftest import Pair, loop, pair, until  # noqa: F401 - two are fixtures


class End:
    """Replies on a real socket pair."""

    def __init__(self, loop: asyncio.AbstractEventLoop, pair: Pair, pool: ThreadPoolExecutor) -> None:  # noqa: F811
        self.loop = loop
        ours, self.client = pair()
        self.link = Link(1, ("127.0.0.1", 1), ("127.0.0.1", 2))
        self.channel = ControlChannel(
            loop, ours, lambda lines: None, lambda why: None, lambda: self.replies.go_on()
        )
        self.recited = 0
        self.replies = Replies(loop, pool, self.channel, self.link)
        self.heard = b""

    def _count(self) -> None:
        self.recited += 1

    def hear(self) -> bytes:
        """What has arrived by now, with what was heard before."""
        self.client.setblocking(False)
        try:
            while data := self.client.recv(65536):
                self.heard += data
        except BlockingIOError:
            pass
        return self.heard


@pytest.fixture
def end(loop: asyncio.AbstractEventLoop, pair: Pair) -> Iterator[End]:  # noqa: F811
    with ThreadPoolExecutor(1) as pool:
        made = End(loop, pair, pool)
        yield made
        made.channel.close()


def test_what_is_written_goes_out_in_one_piece(end: End) -> None:
    end.replies.write(Reply.of(200, "one"))
    end.replies.write(Reply.of(200, "two"))
    assert end.hear() == b""
    end.channel.flush()
    assert end.hear() == b"200 one\r\n200 two\r\n"


def test_what_is_said_goes_out_at_once(end: End) -> None:
    end.replies.say(Reply.of(150, "now"))
    assert end.hear() == b"150 now\r\n"


def test_a_client_without_utf8_reads_its_own_encoding(end: End) -> None:
    end.link.charset = Charset("latin-1")
    end.replies.say(Reply.of(257, "é"))
    assert end.hear() == b"257 \xe9\r\n"


def test_a_letter_that_telnet_wants_doubled_is(end: End) -> None:
    end.link.charset = Charset("latin-1")
    end.replies.say(Reply.of(257, "ÿ"))
    assert end.hear() == b"257 \xff\xff\r\n"


def test_a_recital_is_one_reply_however_long(end: End) -> None:
    names = [f"name {i}" for i in range(1000)]
    end.replies.recite(Recite(213, "begins", iter(names), "ends"), end._count)
    assert end.replies.reciting
    until(end.loop, lambda: end.recited)
    lines = end.hear().decode().split("\r\n")
    assert lines[0] == "213-begins"
    assert lines[1:-2] == names
    assert lines[-2:] == ["213 ends", ""]
    assert not end.replies.reciting


def test_no_line_can_look_like_the_last(end: End) -> None:
    end.replies.recite(Recite(213, "begins", iter(["213 forged", "5 lines"]), "ends"), end._count)
    until(end.loop, lambda: end.recited)
    assert end.hear() == b"213-begins\r\n 213 forged\r\n 5 lines\r\n213 ends\r\n"


def test_a_recital_that_breaks_off_still_ends(end: End, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Iterator[str]:
        yield "first"
        raise OSError(5, "the disk is gone")

    end.replies.recite(Recite(213, "begins", broken(), "ends"), end._count)
    until(end.loop, lambda: end.recited)
    assert end.hear().endswith(b"213 ends\r\n")
    assert "broke off" in caplog.text


def test_lines_are_made_only_as_they_are_read(end: End) -> None:
    made = 0

    def endless() -> Iterator[str]:
        nonlocal made
        while True:
            made += 1
            yield "x" * 1000

    end.replies.recite(Recite(213, "begins", endless(), "ends"), end._count)
    until(end.loop, lambda: end.channel.unsent)
    reached = made
    until(end.loop, lambda: end.hear() and made > reached)
    end.channel.close()

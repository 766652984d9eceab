"""ftpwire.reply: what we say is one well-formed reply; what we hear is read leniently and within limits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpwire.errors import LocalError, RemoteError
from ftpwire.reply import Reply, ReplyReader

CODES = st.integers(100, 699)
TEXTS = (
    st.binary(max_size=30)
    .map(lambda raw: raw.decode("utf-8", "surrogateescape"))
    .filter(lambda text: not any((c < " " and c != "\t") or "\x7f" <= c <= "\x9f" for c in text))
)
REPLIES = st.builds(Reply, CODES, st.lists(TEXTS, min_size=1, max_size=5).map(tuple))


def read(data: bytes) -> list[Reply]:
    return ReplyReader().feed(data)


def test_encode_one_line() -> None:
    assert Reply.of(226, "Transfer complete.").encode() == b"226 Transfer complete.\r\n"
    assert Reply.of(200, "").encode() == b"200 \r\n"
    assert Reply(200, ()).encode() == b"200 \r\n"


def test_encode_several_lines() -> None:
    reply = Reply.of(211, "Features:", "UTF8", "211 not the end", "End")
    assert reply.encode() == b"211-Features:\r\n UTF8\r\n 211 not the end\r\n211 End\r\n"
    assert Reply.of(211, "a", "b").encode() == b"211-a\r\n211 b\r\n"


def test_a_name_cannot_end_a_reply_or_steer_a_terminal() -> None:
    reply = Reply.of(257, '"/a\r\n226 Done\x1b[2J\x9b\x7f\0"')
    assert reply.encode() == b'257 "/a??226 Done?[2J???"\r\n'
    assert Reply.of(250, "a\r\n226 b").encode() == b"250 a??226 b\r\n"
    assert Reply.of(213, "x", "a\r\n213 End", "y").encode().count(b"\n") == 3


def test_undecodable_bytes_go_out_as_they_came_and_iac_is_doubled() -> None:
    assert Reply.of(257, "\udcfe\udcff").encode() == b"257 \xfe\xff\xff\r\n"
    assert Reply.of(257, "a", "ÿ").encode("latin-1") == b"257-a\r\n257 \xff\xff\r\n"


def test_what_the_encoding_lacks_becomes_a_question_mark() -> None:
    assert Reply.of(257, "é日\udce9").encode("latin-1") == b"257 \xe9?\xe9\r\n"
    assert Reply.of(257, "\ud800").encode() == b"257 ?\r\n"


@pytest.mark.parametrize("code", [-226, 0, 99, 700, 1000])
@pytest.mark.parametrize("lines", [("a",), ("a", "b"), ()])
def test_a_code_that_is_none_is_refused(code: int, lines: tuple[str, ...]) -> None:
    with pytest.raises(LocalError):
        Reply(code, lines).encode()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (150, "preliminary"),
        (226, "completion"),
        (331, "intermediate"),
        (450, "transient"),
        (550, "permanent"),
    ],
)
def test_the_first_digit_is_the_kind(code: int, kind: str) -> None:
    kinds = ("preliminary", "completion", "intermediate", "transient", "permanent")
    reply = Reply.of(code, "x")
    assert [name for name in kinds if getattr(reply, name)] == [kind]


def test_text_joins_the_lines() -> None:
    assert Reply.of(211, "a", "b").text == "a\nb"


@given(REPLIES)
def test_round_trip(reply: Reply) -> None:
    assert read(reply.encode()) == [reply]


@given(st.lists(REPLIES, max_size=4), st.randoms(use_true_random=False))
def test_round_trip_in_any_chunks(replies: list[Reply], dice: random.Random) -> None:
    data = b"".join(reply.encode() for reply in replies)
    reader, found, at = ReplyReader(), [], 0
    while at < len(data):
        size = dice.randint(1, 7)
        found += reader.feed(data[at : at + size])
        at += size
    assert found == replies
    assert reader.pending == 0


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"220 ready\n", Reply.of(220, "ready")),
        (b"220\r\n", Reply.of(220, "")),
        (b"\r\n220 ready\r\n", Reply.of(220, "ready")),
        (b"220-\r\n220 \r\n", Reply.of(220, "", "")),
        (b"211-F\r\n211-UTF8\r\n211 End\r\n", Reply.of(211, "F", "UTF8", "End")),
        (b"211-F\r\nUTF8\n  two\r\n\r\n211 End\r\n", Reply.of(211, "F", "UTF8", " two", "", "End")),
        (
            b"211-F\r\n 211-x\r\n211xyz\r\n226 x\r\n211\r\n",
            Reply.of(211, "F", "211-x", "211xyz", "226 x", ""),
        ),
        (b"257 \xe9\r\n", Reply.of(257, "\udce9")),
        (b"220 a\rb\r\n", Reply.of(220, "a\rb")),
        (b"\xff\xfd\x18220 telnet\r\n", Reply.of(220, "telnet")),
        (b"631 protected\r\n", Reply.of(631, "protected")),
    ],
)
def test_lenient_reading(data: bytes, reply: Reply) -> None:
    assert read(data) == [reply]


def test_reading_in_another_encoding() -> None:
    assert ReplyReader(encoding="latin-1").feed(b"257 \xe9\r\n") == [Reply.of(257, "é")]


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b"22 x",
        b"2200 x",
        b"220x",
        b" 220 x",
        b"099 x",
        b"700 x",
        b"HTTP/1.1 400",
        b"-20 x",
        "\uff122\uff10 x".encode(),
    ],
)
def test_garbage_is_refused_and_stays_refused_until_cleared(line: bytes) -> None:
    reader = ReplyReader()
    for data in (line + b"\r\n", b"220 ready\r\n", b""):
        with pytest.raises(RemoteError):
            reader.feed(data)
    reader.clear()
    assert reader.feed(b"220 ready\r\n") == [Reply.of(220, "ready")]


def test_replies_before_garbage_are_not_lost() -> None:
    reader = ReplyReader()
    assert reader.feed(b"226 done\r\nnonsense\r\n221 bye\r\n") == [Reply.of(226, "done")]
    with pytest.raises(RemoteError):
        reader.feed(b"")


@pytest.mark.parametrize(
    "endless",
    [b"x", b"220 x", b"220-x\r\n", b"220-\r\n\r\n", b"220-\r\n" + b"\n" * 50, b"220-\r\n 220 \n"],
)
def test_an_endless_reply_is_refused(endless: bytes) -> None:
    reader = ReplyReader(limit=1000)
    replies: list[Reply] = []

    def feed_on() -> None:
        for _ in range(1100):
            replies.extend(reader.feed(endless))

    with pytest.raises(RemoteError, match="too long"):
        feed_on()
    assert replies == []
    assert reader.pending == 0


def test_empty_lines_count_too() -> None:
    reader = ReplyReader(limit=1000)
    assert reader.feed(b"220-\r\n") == []
    with pytest.raises(RemoteError, match="too long"):
        reader.feed(b"\n" * 1000)


def test_the_limit_is_of_one_reply() -> None:
    reader = ReplyReader(limit=20)
    for _ in range(10):
        assert reader.feed(b"200 fifteen bytes\r\n") == [Reply.of(200, "fifteen bytes")]


def test_pending_counts_what_is_held() -> None:
    reader = ReplyReader()
    reader.feed(b"211-ab\r\n")
    held = reader.pending
    assert held > 0
    reader.feed(b"cd")
    assert reader.pending == held + 2
    reader.clear()
    assert reader.pending == 0


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        replies = read(data)
    except RemoteError:
        return
    assert all(100 <= reply.code <= 699 and reply.lines for reply in replies)

"""The log: one safe line an event, and a caller that never waits."""

import contextlib
import io
import json
import logging
import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpserver import log
from ftpserver.log import LogOutput, change_logging, escape, event, log_directly, start_logging

LOGGER = logging.getLogger("ftpserver.tests.log")


class Gate(io.StringIO):
    """A destination that stands still until it is opened; `reached` tells that a write waits."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        self.opened.wait(60)
        return super().write(text)


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


def lines(*, format: str = "text", level: str = "info", **constant: object) -> tuple[LogOutput, io.StringIO]:
    stream = io.StringIO()
    return start_logging(level, format, stream=stream, **constant), stream  # type: ignore[arg-type]


def test_text_lines() -> None:
    output, stream = lines(worker=2)
    event(
        LOGGER, logging.INFO, "login refused", user="ada", address="::1", session=12, reason="wrong password"
    )
    event(LOGGER, logging.WARNING, "odd", quote='a"b', equals="a=b", empty="", none=None, flag=True)
    output.stop()
    first, second = stream.getvalue().splitlines()
    stamp, rest = first.split(" ", 1)
    assert stamp.startswith("time=20")
    assert stamp.endswith("Z")
    assert rest == (
        'level=info event="login refused" worker=2 user=ada address=::1 session=12 reason="wrong password"'
    )
    assert second.split(" ", 1)[1] == (
        'level=warning event=odd worker=2 quote="a\\"b" equals="a=b" empty="" flag=True'
    )


def test_json_lines() -> None:
    output, stream = lines(format="json", worker=2)
    event(LOGGER, logging.ERROR, "upload cut", size=3, rate=1.5, done=False, name="a b\n\udcffü")
    output.stop()
    found = json.loads(stream.getvalue())
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "error", "event": "upload cut", "worker": 2,
        "size": 3, "rate": 1.5, "done": False, "name": "a b\n\\xffü",
    }  # fmt: skip
    assert stream.getvalue().isascii()


@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        ("plain ü 日本", "plain ü 日本"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x7f\x85\x9b", "\\x7f\\x85\\x9b"),
        ("\udcff\ud800", "\\xff\\ud800"),
        ("\u202e\u2028\u200b", "\\u202e\\u2028\\u200b"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_escaping(raw: str, safe: str) -> None:
    assert escape(raw) == safe


@given(st.text(st.characters()), st.sampled_from(["text", "json"]))
def test_no_value_can_forge_a_line(text: str, format: str) -> None:
    formatter = log.JsonFormatter(constant=text) if format == "json" else log.TextFormatter(constant=text)
    record = logging.makeLogRecord({"msg": text, "levelname": "INFO", "fields": {"name": text}})
    line = formatter.format(record)
    assert line.isprintable()
    line.encode()
    if format == "json":
        json.loads(line)


def test_an_ordinary_message_and_an_exception_are_one_line_each() -> None:
    output, stream = lines()
    LOGGER.warning("from %s\n%d", "elsewhere", 3)
    try:
        raise RuntimeError("two\nlines")
    except RuntimeError:
        LOGGER.exception("broke")
    output.stop()
    first, second = stream.getvalue().splitlines()
    assert first.endswith('event="from elsewhere\\n3"')
    assert "RuntimeError: two\\nlines" in second


def test_secrets_are_masked() -> None:
    output, stream = lines()
    event(LOGGER, logging.INFO, "x", password="hunter2", hash="$2b$")
    output.stop()
    assert "hunter2" not in stream.getvalue()
    assert "$2b$" not in stream.getvalue()


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_levels(level: str) -> None:
    output, stream = lines(level=level)
    for each in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        event(LOGGER, each, "x")
    output.stop()
    assert len(stream.getvalue().splitlines()) == 4 - ["debug", "info", "warning", "error"].index(level)


def test_a_blocked_destination_drops_and_counts_and_never_blocks_the_caller() -> None:
    stream = Gate()
    output = start_logging("info", "text", stream=stream, limit=10)
    event(LOGGER, logging.INFO, "first")
    assert stream.reached.wait(60)  # the writer holds "first" and waits; the queue is empty
    for number in range(25):
        event(LOGGER, logging.INFO, "more", number=number)
    assert output.dropped == 15
    stream.opened.set()
    output.stop()
    written = stream.getvalue().splitlines()
    assert len(written) == 1 + 1 + 10
    assert 'event="log lines dropped" count=15' in written[1]
    assert written[-1].endswith("event=more number=9")


def test_stopping_gives_up_on_a_blocked_destination(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "STOP_SECONDS", 0.05)
    stream = Gate()
    output = start_logging("info", "text", stream=stream)
    event(LOGGER, logging.INFO, "first")
    output.stop()
    assert stream.getvalue() == ""
    stream.opened.set()


def test_a_destination_that_fails_disturbs_nobody() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    output = start_logging("info", "text", stream=stream)
    for _ in range(3):
        event(LOGGER, logging.INFO, "x")
    output.stop()
    with contextlib.suppress(BrokenPipeError):  # what it may still hold
        stream.close()


def test_what_was_logged_before_the_stop_is_written_and_after_it_nothing() -> None:
    output, stream = lines()
    for number in range(1000):
        event(LOGGER, logging.INFO, "x", number=number)
    output.stop()
    event(LOGGER, logging.INFO, "late")
    output.stop()
    assert len(stream.getvalue().splitlines()) == 1000
    assert output.dropped == 0


def test_starting_again_moves_the_log() -> None:
    first, old = lines()
    second, new = lines()
    event(LOGGER, logging.INFO, "x")
    first.stop()
    second.stop()
    assert old.getvalue() == ""
    assert len(new.getvalue().splitlines()) == 1


def test_a_process_that_forks_logs_without_a_thread() -> None:
    before, stream = threading.active_count(), io.StringIO()
    log_directly(stream=stream)
    event(logging.getLogger("x"), logging.INFO, "worker died", worker=2)
    assert threading.active_count() == before
    assert stream.getvalue().endswith('level=info event="worker died" worker=2\n')
    log_directly("error", "json", again := io.StringIO())
    logging.getLogger("x").info("no error")
    logging.getLogger("x").error("an error")
    assert json.loads(again.getvalue())["event"] == "an error"
    output, third = lines(worker=None)  # and the child does not write twice
    logging.getLogger("x").info("once")
    output.stop()
    assert "once" not in again.getvalue()
    assert third.getvalue().endswith("level=info event=once\n")


def test_a_running_log_goes_on_in_another_way() -> None:
    output, stream = lines(level="error", worker=3)
    LOGGER.info("not yet")
    change_logging("info", "json")
    LOGGER.info("now")
    output.stop()
    assert json.loads(stream.getvalue())["event"] == "now"
    assert json.loads(stream.getvalue())["worker"] == 3

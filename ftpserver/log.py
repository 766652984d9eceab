"""The log of the service: one line an event on standard error, text or JSON, never blocking the caller.

Rules: a caller only puts a record into a bounded queue; a thread of its own formats and writes. When the
reader of standard error stalls, the queue fills and further records are counted and dropped; the count is
logged when the way is free again. Every value is escaped, so that neither a name nor an error text can forge
a line or drive a terminal. A field called after a secret is masked; passwords are not to be given at all.

The thread and the loop share one interpreter lock: a thread that wakes for every line takes it from the loop at every
line. So a line is written at once after a pause, and what follows within `GATHER_SECONDS` goes out in one piece.
"""

import contextlib
import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from functools import lru_cache
from logging.handlers import QueueHandler, QueueListener
from queue import Empty, SimpleQueue
from typing import Literal, TextIO

QUEUE_LINES = 10_000
STOP_SECONDS = 2.0
GATHER_SECONDS = 0.02
_AT_ONCE = 16  # lines formatted before the loop has its turn

_FIELDS = "fields"
_BARE = re.compile('[^ "=]+')
_SECRET = frozenset({"password", "passwd", "secret", "hash"})
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def event(logger: logging.Logger, level: int, name: str, /, **fields: object) -> None:
    """Log that something happened, with its facts: event(log, logging.INFO, "banned", address="::1")."""
    if logger.isEnabledFor(level):
        record = logging.LogRecord(logger.name, level, "", 0, name, None, None)
        record.fields = fields  # what `extra` does, without the search for the caller, which no line names
        logger.handle(record)


def escape(text: str) -> str:
    r"""Return text in which nothing but printable characters is left; others stand as \n, \x1b, \u202e.

    Bytes that were no UTF-8 (surrogateescape) stand as \xff.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_escape_character(character) for character in text)


def _escape_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if character.isprintable():
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def _facts(record: logging.LogRecord, constant: Mapping[str, object]) -> dict[str, object]:
    facts: dict[str, object] = dict(constant)
    given = getattr(record, _FIELDS, None)
    if isinstance(given, Mapping):
        facts |= {
            key: "***" if key in _SECRET else value for key, value in given.items() if value is not None
        }
    if record.exc_info:
        facts["exception"] = logging.Formatter().formatException(record.exc_info)
    return facts


@lru_cache(maxsize=2)
def _stamp_second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _stamp(record: logging.LogRecord) -> str:
    return f"{_stamp_second(int(record.created))}.{int(record.msecs):03d}Z"


class TextFormatter(logging.Formatter):
    """time=... level=info event="login refused" user=alice."""

    def __init__(self, **constant: object) -> None:
        super().__init__()
        self.constant = constant

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without its end."""
        head = {"time": _stamp(record), "level": record.levelname.lower(), "event": record.getMessage()}
        facts = {**head, **_facts(record, self.constant)}
        return " ".join(f"{escape(key)}={_text_value(value)}" for key, value in facts.items())


def _text_value(value: object) -> str:
    text = escape(_plain(value))
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace('"', '\\"') + '"'


class JsonFormatter(logging.Formatter):
    """{"time": ..., "level": "info", "event": "login refused", "user": "alice"}; ASCII only."""

    def __init__(self, **constant: object) -> None:
        super().__init__()
        self.constant = constant

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, without its end."""
        facts: dict[str, object] = {
            "time": _stamp(record),
            "level": record.levelname.lower(),
            "event": _json_text(record.getMessage()),
        }
        for key, value in _facts(record, self.constant).items():
            facts[key] = value if isinstance(value, bool | int | float) else _json_text(_plain(value))
        return json.dumps(facts)


def _json_text(text: str) -> str:
    # JSON escapes control characters itself; a lone surrogate would be no valid text for the reader.
    return (
        text
        if text.isascii()
        else "".join(_escape_character(c) if "\ud800" <= c <= "\udfff" else c for c in text)
    )


def _plain(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


class _Intake(QueueHandler):
    """Puts records into the queue, or counts them when it is full."""

    def __init__(
        self, queue: "SimpleQueue[logging.LogRecord | None]", limit: int, writer: logging.Handler
    ) -> None:
        super().__init__(queue)
        self._limit = limit
        self.writer = writer
        self.dropped = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        # Arguments may change before the thread formats them; everything else is formatted there.
        record.msg, record.args = record.getMessage(), None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        # handle() holds the handler's lock here, so the count is exact.
        if self.queue.qsize() < self._limit:  # type: ignore[attr-defined]
            self.queue.put_nowait(record)
        else:
            self.dropped += 1


class _Writer(logging.StreamHandler[TextIO]):
    """Writes lines; a destination that fails loses lines, it does not disturb the service."""

    def write(self, records: list[logging.LogRecord]) -> None:
        """Write several in one piece."""
        lines = []
        for count, record in enumerate(records, 1):
            try:
                lines.append(self.format(record) + self.terminator)
            except Exception:  # one that cannot be formatted must not cost the others
                self.handleError(record)
            if not count % _AT_ONCE:
                time.sleep(0)
        with contextlib.suppress(OSError, ValueError):
            self.stream.write("".join(lines))
            self.flush()

    def handleError(self, record: logging.LogRecord) -> None:
        """Keep silent: there is nowhere left to say it."""


class LogOutput(QueueListener):
    """The running log: the queue, the thread that writes, and the count of lines it had to drop."""

    def __init__(self, stream: TextIO, formatter: logging.Formatter, limit: int) -> None:
        self._writer = _Writer(stream)
        self._writer.setFormatter(formatter)
        self._queue: SimpleQueue[logging.LogRecord | None] = SimpleQueue()
        super().__init__(self._queue, self._writer)
        self.intake = _Intake(self._queue, limit, self._writer)
        self._reported = 0

    @property
    def dropped(self) -> int:
        """The number of records dropped since the start."""
        return self.intake.dropped

    def _monitor(self) -> None:
        """The thread: gather, write, until the sentinel comes."""
        running, written = True, -GATHER_SECONDS
        while running:
            gathered = [self._queue.get()]
            if time.monotonic() < written + GATHER_SECONDS:
                time.sleep(GATHER_SECONDS)
            with contextlib.suppress(Empty):
                while gathered[-1] is not None:
                    gathered.append(self._queue.get_nowait())
            running = gathered[-1] is not None
            self._writer.write(self._report_dropped() + [record for record in gathered if record is not None])
            written = time.monotonic()

    def _report_dropped(self) -> list[logging.LogRecord]:
        """How many records were dropped since the last such line, as a record."""
        dropped = self.intake.dropped
        if dropped == self._reported:
            return []
        lost, self._reported = dropped - self._reported, dropped
        report = logging.makeLogRecord(
            {"levelno": logging.WARNING, "levelname": "WARNING", "msg": "log lines dropped"}
        )
        setattr(report, _FIELDS, {"count": lost})
        return [report]

    def stop(self) -> None:
        """Write what is queued and end; give up soon when the destination is blocked. Idempotent."""
        logging.getLogger().removeHandler(self.intake)
        thread, self._thread = self._thread, None
        if thread is not None:
            self.enqueue_sentinel()
            thread.join(STOP_SECONDS)

    def enqueue_sentinel(self) -> None:
        """Tell the thread to end after what is queued now."""
        self._queue.put(None)


def start_logging(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["text", "json"] = "text",
    stream: TextIO | None = None,
    limit: int = QUEUE_LINES,
    **constant: object,
) -> LogOutput:
    """Send all logging of this process to `stream` (standard error); the output is to be stopped at the end.

    `constant` fields stand in every line (worker=2). Call it again in each process after a fork: threads do
    not survive one.
    """
    output = LogOutput(stream if stream is not None else sys.stderr, _formatter(format, constant), limit)
    _log_through(output.intake, level)
    output.start()
    return output


def log_directly(
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["text", "json"] = "text",
    stream: TextIO | None = None,
) -> None:
    """Send all logging of this process to `stream` (standard error) without a thread.

    For a process that may have none, as it forks, and that has next to nothing to say: a reader that stalls stops it.
    """
    writer = _Writer(stream if stream is not None else sys.stderr)
    writer.setFormatter(_formatter(format, {}))
    _log_through(writer, level)


def announcement(text: str, format: Literal["text", "json"]) -> str:
    """Return the line that tells what is said whatever the level of the log is."""
    if format == "text":
        return text
    record = logging.makeLogRecord({"levelno": logging.INFO, "levelname": "INFO", "msg": text})
    return JsonFormatter().format(record)


def change_logging(
    level: Literal["debug", "info", "warning", "error"], format: Literal["text", "json"]
) -> None:
    """Let the log that was started go on in another way; what is queued may be written in either format."""
    root = logging.getLogger()
    for handler in root.handlers:
        if isinstance(handler, _Intake | _Writer):
            writer = handler.writer if isinstance(handler, _Intake) else handler
            writer.setFormatter(_formatter(format, getattr(writer.formatter, "constant", {})))
    root.setLevel(_LEVELS[level])


def _formatter(format: Literal["text", "json"], constant: Mapping[str, object]) -> logging.Formatter:
    known = {key: value for key, value in constant.items() if value is not None}
    return JsonFormatter(**known) if format == "json" else TextFormatter(**known)


def _log_through(handler: logging.Handler, level: str) -> None:
    """Make this the one handler of ours."""
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line names them
    root = logging.getLogger()
    for other in list(root.handlers):
        if isinstance(other, _Intake | _Writer):
            root.removeHandler(other)
    root.addHandler(handler)
    root.setLevel(_LEVELS[level])

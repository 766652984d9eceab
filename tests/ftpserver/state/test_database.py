"""The shared SQLite file, whoever owns it: its names, its faults, what becomes of a corrupt one.

That writers of all threads and processes take turns is shown with the ledger, tests/ftpserver/quota/test_database.py.
"""

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ftpserver.state import database as module
from ftpserver.state.database import Database
from tests.service import ROOT

SCHEMA = "CREATE TABLE IF NOT EXISTS thing (name TEXT NOT NULL);"


class Broken(Exception):
    pass


def open_things(state: Path) -> Database:
    return Database(state, "things", SCHEMA, Broken, "the things are lost")


@pytest.fixture
def things(tmp_path: Path) -> Iterator[Database]:
    opened = open_things(tmp_path / "state")
    yield opened
    opened.close()


def names(database: Database) -> list[str]:
    return [row[0] for row in database.execute("SELECT name FROM thing ORDER BY name").fetchall()]


def test_the_files_have_the_owners_name_and_are_his_alone(things: Database, tmp_path: Path) -> None:
    found = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    assert found.items() >= {"things.sqlite3": 0o600, "things.lock": 0o600, "things.users": 0o600}.items()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_two_that_share_it_see_what_the_other_has_written(things: Database, tmp_path: Path) -> None:
    other = open_things(tmp_path / "state")
    with things.writing:
        things.execute("INSERT INTO thing VALUES ('a')")
    with other.writing:
        other.execute("INSERT INTO thing VALUES ('b')")
    assert names(things) == names(other) == ["a", "b"]
    other.close()


def test_errors_are_the_owners_faults_and_leave_nothing(things: Database) -> None:
    def fail() -> None:
        with things.writing:
            things.execute("INSERT INTO thing VALUES ('a')")
            things.execute("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(Broken):
        fail()
    assert names(things) == []


def test_an_error_that_is_not_of_sqlite_comes_out_as_it_is(things: Database) -> None:
    def fail() -> None:
        with things.writing:
            things.execute("INSERT INTO thing VALUES ('a')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert names(things) == []
    with things.writing:
        pass


def test_a_corrupt_file_is_moved_aside_and_the_log_says_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "things.sqlite3").write_bytes(b"nothing of the kind " * 500)
    with caplog.at_level(logging.ERROR):
        healed = open_things(state)
    assert "the things is corrupt" in caplog.text
    assert "the things are lost" in caplog.text
    assert names(healed) == []
    healed.close()
    assert len([path for path in state.iterdir() if ".corrupt-" in path.name]) == 1


def test_a_file_that_others_have_open_is_not_begun_anew(things: Database, tmp_path: Path) -> None:
    things.path.unlink()
    with pytest.raises(Broken, match="was removed"):
        open_things(tmp_path / "state")


def test_another_programs_lock_is_a_fault_and_not_waited_for_again_and_again(
    things: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TROUBLE_HOLDS", 3600.0)
    shell = sqlite3.connect(things.path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(Broken, match="locked"), things.writing:
        pytest.fail("two at once")
    asked: list[str] = []
    things.connection.set_trace_callback(asked.append)
    for lock in (things.writing, things.locked(), things.writing):
        with pytest.raises(Broken, match="locked"), lock:
            pytest.fail("two at once")
    assert asked == [], "SQLite was asked, and perhaps waited"
    assert names(things) == []
    assert things.execute("PRAGMA busy_timeout").fetchone() == (0,)
    things._try_again_at = 0.0
    with pytest.raises(Broken, match="locked"), things.writing:
        pytest.fail("two at once")
    assert "BEGIN IMMEDIATE" in asked
    shell.close()
    things._try_again_at = 0.0
    with things.writing:
        things.execute("INSERT INTO thing VALUES ('a')")
    assert things.trouble is None
    assert things.execute("PRAGMA busy_timeout").fetchone() == (100,)


def test_an_error_in_a_statement_is_no_trouble_of_the_file(things: Database) -> None:
    with pytest.raises(Broken), things.writing:
        things.execute("INSERT INTO nowhere VALUES (1)")
    assert things.trouble is None
    with things.writing:
        pass


def test_a_checkpoint_moves_the_log_into_the_file(things: Database) -> None:
    with things.writing:
        things.execute("INSERT INTO thing VALUES ('found in the file')")
    assert b"found in the file" not in things.path.read_bytes()
    things.checkpoint()
    assert b"found in the file" in things.path.read_bytes()


def test_a_failed_opening_leaves_no_descriptor(tmp_path: Path) -> None:
    (tmp_path / "state" / "things.sqlite3").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Broken):
        open_things(tmp_path / "state")
    assert len(os.listdir("/proc/self/fd")) == before


# Another file under the name ------------------------------------------------------------------------------------

_OTHER = """
import sys
import threading
from pathlib import Path
from tests.ftpserver.state.test_database import open_things
opened = open_things(Path(sys.argv[1]))
print("open", opened.sound, flush=True)
for line in sys.stdin:
    with opened.writing:
        opened.execute("INSERT INTO thing VALUES (?)", (line.strip(),))
    print("written", opened.sound, flush=True)
opened.close()
"""


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the file open, and writes a name for each line that it is told."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(tmp_path / "state")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open True\n"
        yield process
        process.kill()


def replace(state: Path) -> None:
    """What `cp backup ledger.new; mv ledger.new ledger` does."""
    file = state / "things.sqlite3"
    with closing(sqlite3.connect(file)) as shell, closing(sqlite3.connect(state / "new")) as copy:
        shell.backup(copy)
    (state / "new").rename(file)


def test_a_file_that_replaces_one_in_use_is_refused_until_nobody_has_that_open(
    other: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Two files would each promise what there is once."""
    state = tmp_path / "state"
    ours = open_things(state)
    replace(state)
    assert not ours.sound
    for _ in range(2):
        with pytest.raises(Broken, match="it was replaced, and another process has the one before open"):
            open_things(state)
    ours.close()
    with pytest.raises(Broken, match="replaced"):
        open_things(state)
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write("late\n")
    other.stdin.flush()
    assert other.stdout.readline() == "written False\n"
    other.stdin.close()
    other.wait()
    fresh = open_things(state)
    assert fresh.replaced
    with closing(open_things(state)) as second:
        assert second.sound
        assert not second.replaced
    fresh.close()
    with closing(open_things(state)) as again:
        assert not again.replaced


def test_a_dead_process_has_no_file_open(other: subprocess.Popen[str], tmp_path: Path) -> None:
    state = tmp_path / "state"
    replace(state)
    with pytest.raises(Broken):
        open_things(state)
    other.kill()
    other.wait()
    open_things(state).close()


def test_a_refusal_leaves_no_descriptor(other: subprocess.Popen[str], tmp_path: Path) -> None:
    replace(tmp_path / "state")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(Broken):
        open_things(tmp_path / "state")
    assert len(os.listdir("/proc/self/fd")) == before


_WRITER = """
import sys
import threading
from pathlib import Path
from tests.ftpserver.state.test_database import open_things
database = open_things(Path({state!r}))
print("writing", flush=True)
while True:
    with database.writing:
        database.execute("UPDATE thing SET name = name")
        database.execute("INSERT INTO thing VALUES ('theirs')")
        database.execute("DELETE FROM thing WHERE name = 'theirs'")
"""


def test_who_reads_on_a_thread_keeps_nobody_from_writing(things: Database, tmp_path: Path) -> None:
    """SQLite takes a write for one that began with the reading, and refuses it when another process has written."""
    with things.writing:
        things.execute("INSERT INTO thing VALUES ('ours')")
    command = [sys.executable, "-c", _WRITER.format(state=str(tmp_path / "state"))]
    other = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert other.stdout is not None
    assert other.stdout.readline() == "writing\n"
    ended = threading.Event()
    seen = []

    def read() -> None:
        while not ended.is_set():
            seen.append(things.read("SELECT name FROM thing WHERE name = ?", ("ours",)))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(3000):
            with things.writing:
                things.execute("INSERT INTO thing VALUES ('more')")
                things.execute("DELETE FROM thing WHERE name = 'more'")
    finally:
        ended.set()
        reader.join()
        other.kill()
        other.communicate()
    assert seen[0] == [("ours",)]

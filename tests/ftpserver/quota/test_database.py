"""The ledger's file: who may write, and what happens when it cannot be read."""

import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.quota.base import LedgerFault
from ftpserver.quota.database import FILE_NAME, LOCK_NAME, USERS_NAME, Database


@pytest.fixture
def database(state: Path) -> Iterator[Database]:
    opened = Database(state)
    yield opened
    opened.close()


def _usages(database: Database) -> list[tuple[str, int]]:
    return database.execute("SELECT path, bytes FROM usage ORDER BY path").fetchall()


def test_the_file_is_ours_alone_and_in_wal_mode(database: Database, state: Path) -> None:
    assert state.stat().st_mode & 0o777 == 0o700
    for name in (FILE_NAME, LOCK_NAME, USERS_NAME):
        assert (state / name).stat().st_mode & 0o777 == 0o600
    assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert database.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)


def test_what_is_written_is_there_after_opening_again(state: Path) -> None:
    first = Database(state)
    with first.writing:
        first.execute("INSERT INTO usage (path, bytes) VALUES ('/h', 5)")
    first.close()
    again = Database(state)
    assert _usages(again) == [("/h", 5)]
    again.close()


def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.writing:
            database.execute("INSERT INTO usage (path) VALUES ('/h')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _usages(database) == []
    with database.writing:  # and the locks are free
        database.execute("INSERT INTO usage (path) VALUES ('/h')")


def test_an_error_of_sqlite_comes_out_as_a_fault(database: Database) -> None:
    with pytest.raises(LedgerFault), database.writing:
        database.execute("INSERT INTO usage (path) VALUES (NULL)")
    with pytest.raises(LedgerFault), database.writing:
        database.execute("INSERT INTO nowhere VALUES (1)")
    assert _usages(database) == []


def test_writers_of_all_threads_take_turns(database: Database) -> None:
    with database.writing:
        database.execute("INSERT INTO usage (path) VALUES ('/h')")

    def work() -> None:
        for _ in range(200):
            with database.writing:
                (seen,) = database.execute("SELECT bytes FROM usage").fetchone()
                database.execute("UPDATE usage SET bytes = ?", (seen + 1,))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _usages(database) == [("/h", 800)]


_WRITER = """
import sys
from pathlib import Path
from ftpserver.quota.database import Database
database = Database(Path(sys.argv[1]))
for _ in range(300):
    with database.writing:
        seen, = database.execute("SELECT bytes FROM usage").fetchone()
        database.execute("UPDATE usage SET bytes = ?", (seen + 1,))
database.close()
"""


def test_writers_of_all_processes_take_turns(database: Database, state: Path) -> None:
    with database.writing:
        database.execute("INSERT INTO usage (path) VALUES ('/h')")
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(state)]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert _usages(database) == [("/h", 900)]


def test_a_writer_that_is_killed_within_a_transaction_leaves_nothing_and_no_lock(
    database: Database, state: Path
) -> None:
    source = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom ftpserver.quota.database import Database\n"
        "database = Database(Path(sys.argv[1]))\nwith database.writing:\n"
        "    database.execute(\"INSERT INTO usage (path) VALUES ('/h')\")\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", source, str(state)], check=False)
    assert killed.returncode == -9
    assert _usages(database) == []
    with database.writing:
        database.execute("INSERT INTO usage (path) VALUES ('/i')")
    assert _usages(database) == [("/i", 0)]


@pytest.mark.parametrize(
    "damage",
    [
        b"this is no database, but long enough to be looked at" * 100,
        b"SQLite format 3\0" + b"\xff" * 8192,
    ],
)
def test_a_corrupt_file_is_moved_aside_and_begun_anew(
    state: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    state.mkdir()
    (state / FILE_NAME).write_bytes(damage)
    with caplog.at_level(logging.ERROR):
        database = Database(state)
    assert "corrupt" in caplog.text
    assert _usages(database) == []
    database.close()
    (aside,) = [path for path in state.iterdir() if ".corrupt-" in path.name]
    assert aside.read_bytes() == damage


def test_a_corrupt_page_is_found_when_it_is_opened(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(state)
    with database.writing:
        for i in range(500):
            database.execute("INSERT INTO usage (path) VALUES (?)", (f"/home/{i:0100}",))
    database.checkpoint()
    database.close()
    data = bytearray((state / FILE_NAME).read_bytes())
    assert len(data) > 40_000
    data[-20_000:] = b"\xa5" * 20_000
    (state / FILE_NAME).write_bytes(data)
    again = Database(state)
    assert _usages(again) == []
    assert "corrupt" in caplog.text
    again.close()


def test_a_corrupt_file_that_others_have_open_is_left_to_them(database: Database, state: Path) -> None:
    os.truncate(state / FILE_NAME, 0)
    for suffix in ("-wal", "-shm"):
        (state / f"{FILE_NAME}{suffix}").unlink()
    (state / FILE_NAME).write_bytes(b"damage" * 2000)
    with pytest.raises(LedgerFault, match="another process has it open"):
        Database(state)
    assert [path.name for path in state.iterdir() if ".corrupt-" in path.name] == []


def test_a_file_that_was_removed_below_others_is_not_begun_a_second_time(
    database: Database, state: Path
) -> None:
    (state / FILE_NAME).unlink()
    with pytest.raises(LedgerFault, match="was removed"):
        Database(state)
    assert not (state / FILE_NAME).exists()


def test_a_state_that_is_no_directory_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(LedgerFault):
        Database(tmp_path / "state")


def test_a_ledger_that_is_a_directory_is_a_fault(state: Path) -> None:
    (state / FILE_NAME).mkdir(parents=True)
    with pytest.raises(LedgerFault):
        Database(state)


def test_a_file_that_another_program_locks_is_a_fault_and_later_is_not(
    database: Database, state: Path
) -> None:
    shell = sqlite3.connect(state / FILE_NAME, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerFault, match="locked"), database.writing:
        pytest.fail("two at once")
    shell.execute("ROLLBACK")
    shell.close()
    with database.writing:
        database.execute("INSERT INTO usage (path) VALUES ('/h')")


def test_a_checkpoint_moves_the_log_into_the_file_while_it_is_used(database: Database, state: Path) -> None:
    with database.writing:
        database.execute("INSERT INTO usage (path) VALUES ('/checkpointed')")
    assert b"/checkpointed" not in (state / FILE_NAME).read_bytes()
    database.checkpoint()
    assert b"/checkpointed" in (state / FILE_NAME).read_bytes()
    assert _usages(database) == [("/checkpointed", 0)]


def test_a_checkpoint_that_fails_is_only_logged(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database.path = tmp_path / "gone" / FILE_NAME
    database.checkpoint()
    assert "could not be checkpointed" in caplog.text


def test_a_failed_opening_leaves_no_descriptor(state: Path) -> None:
    (state / FILE_NAME).mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(LedgerFault):
        Database(state)
    assert len(os.listdir("/proc/self/fd")) == before

"""The shared SQLite file, whoever owns it: its names, its faults, what becomes of a corrupt one.

That writers of all threads and processes take turns is shown with the ledger, tests/ftpserver/quota/test_database.py.
"""

import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.state.database import Database

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


def test_another_programs_lock_is_a_fault(things: Database) -> None:
    shell = sqlite3.connect(things.path, isolation_level=None)
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(Broken, match="locked"), things.writing:
        pytest.fail("two at once")
    shell.close()
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

"""ftpserver.quota.schema: the tables, and that they may be made again over those that are there."""

import sqlite3
from contextlib import closing

import pytest

from ftpserver.quota.schema import SCHEMA


def test_it_may_be_run_again_and_keeps_what_is_there() -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        connection.execute("INSERT INTO usage (path, bytes) VALUES ('/h', 7)")
        connection.executescript(SCHEMA)
        assert connection.execute("SELECT path, bytes, files, counted FROM usage").fetchall() == [
            ("/h", 7, 0, 0)
        ]


@pytest.mark.parametrize(
    "twice",
    [
        "INSERT INTO usage (path) VALUES ('/h')",
        "INSERT INTO holding (home, process) VALUES (1, 2)",
        "INSERT INTO loan (home, device, inode, process, bytes) VALUES (1, 2, 3, 4, 5)",
        "INSERT INTO traffic (owner, period) VALUES ('user ada upload', '2026-01')",
    ],
)
def test_each_thing_has_one_row(twice: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        connection.execute(twice)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(twice)


def test_a_process_number_is_never_used_again() -> None:
    """A holding of a dead process must not become that of a new one."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        first = connection.execute("INSERT INTO process (token) VALUES ('a') RETURNING id").fetchone()[0]
        connection.execute("DELETE FROM process")
        second = connection.execute("INSERT INTO process (token) VALUES ('b') RETURNING id").fetchone()[0]
        assert second > first

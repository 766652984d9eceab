"""Failures and bans in the file that all processes share."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

import ftpserver.auth.bans as bans_module
from ftpserver.auth.bans import (
    FOREVER,
    TOO_MANY,
    Ban,
    SharedMemory,
    add,
    banned_until,
    bans,
    count_failure,
    forget_the_past,
    remove,
)
from ftpserver.auth.memory import Key
from ftpserver.state.database import Database
from ftpserver.state.presence import Presence, open_presence

ADA: Key = ("192.0.2.1", "ada")
NOW = 1_800_000_000.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_presence(tmp_path / "state")
    yield opened
    opened.close()


def fail(database: Database, key: Key = ADA, times: int = 1, now: float = NOW) -> list[bool]:
    return [count_failure(database, key, now, 60, 3, now + 900) for _ in range(times)]


def counted(database: Database) -> int:
    found: int = database.execute("SELECT count(*) FROM attempt").fetchone()[0]
    return found


def test_so_many_failures_are_a_ban(database: Database) -> None:
    assert fail(database, times=3) == [False, False, True]
    assert bans(database, NOW) == [Ban(*ADA, NOW + 900, TOO_MANY)]
    assert banned_until(database, (ADA, (ADA[0], None)), NOW) == NOW + 900
    assert banned_until(database, ((ADA[0], None),), NOW) == 0
    assert counted(database) == 0


def test_old_failures_do_not_count(database: Database) -> None:
    assert [fail(database, now=NOW + i * 31)[0] for i in range(4)] == [False] * 4


def test_a_ban_ends(database: Database) -> None:
    fail(database, times=3)
    assert bans(database, NOW + 900) == []
    assert banned_until(database, (ADA,), NOW + 900) == 0


@pytest.mark.parametrize("name", ["", None, "\udcff\udc80", "n" * 300, "\u00e4", "="])
def test_whatever_a_client_may_say_is_a_name(database: Database, name: str | None) -> None:
    key = ("192.0.2.1", name)
    fail(database, key, 3)
    assert banned_until(database, (key,), NOW) == NOW + 900
    others = {("192.0.2.1", other) for other in ("", None, "ada", "=")} - {key}
    assert banned_until(database, tuple(others), NOW) == 0
    if name is None or len(name) < 256:
        assert [ban.name for ban in bans(database, NOW)] == [name]
    assert remove(database, *key)


def test_a_persons_ban_is_not_shortened_by_failures(database: Database) -> None:
    add(database, Ban(*ADA, FOREVER, "a nuisance"))
    fail(database, times=3)
    assert bans(database, NOW) == [Ban(*ADA, math.inf, "a nuisance")]
    add(database, Ban(*ADA, NOW + 5, "less of one"))
    assert bans(database, NOW) == [Ban(*ADA, NOW + 5, "less of one")]


def test_who_is_let_in_again_begins_anew(database: Database) -> None:
    fail(database, times=3)
    fail(database, times=2)
    assert remove(database, *ADA)
    assert not remove(database, *ADA)
    assert fail(database, times=2) == [False, False]


def test_the_past_is_forgotten(database: Database) -> None:
    fail(database, times=3)
    fail(database, ("192.0.2.1", "bob"), 2)
    add(database, Ban("192.0.2.9", None, FOREVER, "x"))
    forget_the_past(database, NOW + 30, 60)
    assert (len(bans(database, 0)), counted(database)) == (2, 2)
    forget_the_past(database, NOW + 901, 60)
    assert (len(bans(database, 0)), counted(database)) == (1, 0)


def test_it_is_bounded_and_keeps_what_a_person_said(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bans_module, "_CAPACITY", 10)
    add(database, Ban("198.51.100.7", None, FOREVER, "a person's"))
    for i in range(100):
        fail(database, (f"198.51.100.{i}", "ada"), 3 if i % 2 else 1)
    assert counted(database) <= 11
    kept = bans(database, NOW)
    assert len(kept) <= 11
    assert {"198.51.100.99", "198.51.100.7"} <= {ban.address for ban in kept}


# The throttle's memory ----------------------------------------------------------------------------------------------


class Counting(SharedMemory):
    """Counts how often it has to look into the tables."""

    def __init__(self, presence: Presence) -> None:
        super().__init__(presence)
        self.statements: list[str] = []
        presence.use(lambda database: database.connection.set_trace_callback(self.statements.append), None)


@pytest.fixture
def presence(tmp_path: Path) -> Iterator[Presence]:
    opened = Presence(tmp_path / "state")
    yield opened
    opened.close()


def test_without_bans_a_login_costs_one_look_at_the_change_counter(
    presence: Presence, database: Database
) -> None:
    memory = Counting(presence)
    memory.banned_until((ADA,), NOW)
    memory.succeeded(ADA)
    memory.statements.clear()
    for _ in range(5):
        assert memory.banned_until((ADA,), NOW) == 0
        memory.succeeded(ADA)
    assert memory.statements == ["PRAGMA data_version"] * 5
    add(database, Ban(*ADA, NOW + 900, "x"))  # by another process
    assert memory.banned_until((ADA,), NOW) == NOW + 900


def test_processes_count_together_and_a_restart_forgets_nothing(tmp_path: Path, presence: Presence) -> None:
    other = Presence(tmp_path / "state")
    one, two = SharedMemory(presence), SharedMemory(other)
    assert not one.failed(ADA, NOW, 60, 3, NOW + 900)
    assert not two.failed(ADA, NOW, 60, 3, NOW + 900)
    other.close()
    again = Presence(tmp_path / "state")
    three = SharedMemory(again)
    assert three.failed(ADA, NOW, 60, 3, NOW + 900)
    assert one.banned_until((ADA,), NOW) == three.banned_until((ADA,), NOW) == NOW + 900
    again.close()


def test_a_success_forgets_failures_of_all_processes(presence: Presence, database: Database) -> None:
    memory = SharedMemory(presence)
    fail(database, times=2)
    assert memory.banned_until((ADA,), NOW) == 0
    memory.succeeded(ADA)
    assert counted(database) == 0


def test_what_is_over_is_tidied_away(presence: Presence, database: Database) -> None:
    memory = Counting(presence)
    fail(database, times=4)
    assert memory.banned_until((ADA,), NOW) == NOW + 900
    memory.tidy(NOW + 901, 60)
    assert memory.banned_until((ADA,), NOW + 901) == 0
    memory.statements.clear()
    memory.tidy(NOW + 902, 60)
    assert memory.statements == []  # nothing is there: nothing is looked for


def test_without_a_file_the_process_remembers_for_itself(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "presence.sqlite3").mkdir()
    broken = Presence(tmp_path / "state")
    memory = SharedMemory(broken)
    assert [memory.failed(ADA, NOW, 60, 3, NOW + 900) for _ in range(3)] == [False, False, True]
    assert memory.banned_until((ADA,), NOW) == NOW + 900
    memory.succeeded(ADA)
    memory.tidy(NOW, 60)
    broken.close()

"""Passwords that were right a moment ago."""

import pytest

import ftpserver.auth.remembered as module
from ftpserver.auth.remembered import LIFE, LONGEST, RememberedPasswords
from tests.ftpserver.auth.conftest import Clock

HASH = "$2b$04$hash"


@pytest.fixture
def remembered(clock: Clock) -> RememberedPasswords:
    made = RememberedPasswords(clock)
    made.remember("ada", HASH, b"secret")
    return made


@pytest.mark.parametrize(
    ("name", "hashed", "password", "known"),
    [
        ("ada", HASH, b"secret", True),
        ("ada", HASH, b"secret ", False),
        ("ada", HASH, b"", False),
        ("ada", "$2b$04$another", b"secret", False),
        ("bob", HASH, b"secret", False),
        ("Ada", HASH, b"secret", False),
    ],
)
def test_only_this_password_of_this_hash_of_this_name(
    remembered: RememberedPasswords, name: str, hashed: str, password: bytes, known: bool
) -> None:
    assert remembered.knows(name, hashed, password) is known


def test_where_a_part_ends_counts(clock: Clock) -> None:
    remembered = RememberedPasswords(clock)
    remembered.remember("ada", HASH + "x", b"y")
    assert not remembered.knows("ada", HASH, b"xy")


def test_a_wrong_one_does_not_forget_the_right_one(remembered: RememberedPasswords) -> None:
    assert not remembered.knows("ada", HASH, b"wrong")
    assert remembered.knows("ada", HASH, b"secret")


def test_it_is_forgotten_after_its_last_use(remembered: RememberedPasswords, clock: Clock) -> None:
    clock.now += LIFE
    assert remembered.knows("ada", HASH, b"secret")
    clock.now += LIFE
    assert remembered.knows("ada", HASH, b"secret")
    clock.now += LIFE + 0.001
    assert not remembered.knows("ada", HASH, b"secret")
    clock.now -= LIFE
    assert not remembered.knows("ada", HASH, b"secret")


def test_a_wrong_try_does_not_prolong_it(remembered: RememberedPasswords, clock: Clock) -> None:
    clock.now += LIFE
    remembered.knows("ada", HASH, b"wrong")
    clock.now += 1
    assert not remembered.knows("ada", HASH, b"secret")


def test_from_time_to_time_it_is_checked_again(remembered: RememberedPasswords, clock: Clock) -> None:
    for _ in range(int(LONGEST / 30)):
        clock.now += 30
        assert remembered.knows("ada", HASH, b"secret")
    clock.now += 1
    assert not remembered.knows("ada", HASH, b"secret")


def test_there_are_not_too_many(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CAPACITY", 3)
    remembered = RememberedPasswords(clock)
    for i in range(5):
        remembered.remember(f"user{i}", HASH, b"x")
    assert [remembered.knows(f"user{i}", HASH, b"x") for i in range(5)] == [False, False, True, True, True]


def test_no_password_is_kept(remembered: RememberedPasswords) -> None:
    assert b"secret" not in repr(remembered._entries).encode()


def test_names_that_are_not_utf8(clock: Clock) -> None:
    remembered = RememberedPasswords(clock)
    remembered.remember("a\udcff", HASH, b"\xff\0")
    assert remembered.knows("a\udcff", HASH, b"\xff\0")

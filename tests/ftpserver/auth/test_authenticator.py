"""Logins against real account files: one answer for every reason why not."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import bcrypt
import pytest

from ftpserver.accounts.account import Account
from ftpserver.accounts.store import AccountStore
from ftpserver.auth.authenticator import Authenticator, Refused
from ftpserver.auth.password import PasswordChecker
from ftpserver.auth.remembered import LIFE
from ftpserver.auth.throttle import Throttle
from tests.ftpserver.auth.conftest import Clock

HERE = "192.0.2.1"
HASH = "$2b$04$atS79e8L22NT9UmzueruOuNTzQPc1kURvkE.tjXhIewe/6Yw5yavy"  # of "secret"
OTHER = "$2b$04$HqubfR8/KSSFgQnHP1bFf.yiuEn4Vk3s1/qCeLb8rMMf/WDiaZzJq"  # of "changed"


class Door:
    """An authenticator and the account files it reads."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.folder = folder
        self.checks: list[str | None] = []
        self.checker = PasswordChecker(threads=1)
        self.checker._usual_cost = 4
        self.throttle = Throttle(clock, failures=3, within=60, ban=900)
        self.authenticator = Authenticator(AccountStore(folder), self.checker, self.throttle, clock)

    def write(self, name: str = "ada", password: str = HASH, more: str = "") -> None:
        file = self.folder / f"{name}.new"
        file.write_text(f"password: '{password}'\nhome: {name}\n{more}")
        file.rename(self.folder / f"{name}.yaml")

    def quick(self, password: bytes = b"secret", name: str = "ada") -> Account | None:
        return self.authenticator.quick(name, password, HERE)

    def check(self, password: bytes = b"secret", name: str = "ada") -> Account:
        return asyncio.run(self.authenticator.check(name, password, HERE))

    def refusal(self, password: bytes = b"secret", name: str = "ada") -> Refused:
        with pytest.raises(Refused) as refused:
            self.check(password, name)
        return refused.value


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Iterator[Door]:
    made = Door(tmp_path, clock)
    made.write()
    yield made
    made.checker.close()


def test_the_right_password(door: Door) -> None:
    assert door.quick() is None
    assert door.check().name == "ada"
    again = door.quick()
    assert again is not None
    assert again.name == "ada"
    assert door.quick(b"wrong") is None


@pytest.mark.parametrize(
    ("name", "password", "written", "more", "reason"),
    [
        ("ada", b"wrong", HASH, "", "wrong password"),
        ("nobody", b"secret", HASH, "", "unknown name"),
        ("../ada", b"secret", HASH, "", "unknown name"),
        ("", b"secret", HASH, "", "unknown name"),
        ("ada", b"secret", HASH, "enabled: false\n", "the account is disabled"),
        ("ada", b"secret", HASH, "expires: 2020-01-01\n", "the account has expired"),
        ("ada", b"*", "*", "", "wrong password"),
        ("ada", b"secret", "no hash", "", "unknown name"),
        ("ada", b"secret", HASH, "nonsense: [\n", "unknown name"),
        ("ada", b"x" * 73, HASH, "", "wrong password"),
        ("ada", b"secret\0", HASH, "", "wrong password"),
    ],
)
def test_every_reason_is_a_refusal_that_costs_one_check_and_counts(
    door: Door,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    password: bytes,
    written: str,
    more: str,
    reason: str,
) -> None:
    door.write("ada", written, more)
    door.checker._decoy()
    costs = []
    check = bcrypt.checkpw

    def counted(given: bytes, hashed: bytes) -> bool:
        costs.append(int(hashed[4:6]))
        return check(given, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    for _ in range(3):
        assert door.quick(password, name) is None
        refused = door.refusal(password, name)
        assert (refused.reason, refused.wait) == (reason, 0)
    assert costs == [4, 4, 4]
    with pytest.raises(Refused) as shut_out:
        door.quick(password, name)
    assert shut_out.value.wait == 900


def test_a_remembered_password_is_worth_nothing_when_the_account_changes(door: Door) -> None:
    door.check()
    door.write(password=OTHER)
    assert door.quick(b"secret") is None
    assert door.refusal(b"secret").reason == "wrong password"
    assert door.check(b"changed").name == "ada"
    door.write(password=OTHER, more="enabled: false\n")
    assert door.quick(b"changed") is None
    (door.folder / "ada.yaml").unlink()
    assert door.quick(b"changed") is None


def test_a_remembered_password_is_forgotten(door: Door, clock: Clock) -> None:
    door.check()
    clock.now += LIFE + 1
    assert door.quick() is None


@pytest.mark.parametrize("change", ["password", "removed", "disabled"])
def test_an_account_that_changes_during_the_check_is_taken_as_it_is_then(
    door: Door, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    check = bcrypt.checkpw

    def changing(password: bytes, hashed: bytes) -> bool:
        if change == "password":
            door.write(password=OTHER)
        elif change == "removed":
            (door.folder / "ada.yaml").unlink()
        else:
            door.write(more="enabled: false\n")
        return check(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", changing)
    door.refusal()


def test_who_is_shut_out_gets_no_answer_not_even_with_the_right_password(door: Door, clock: Clock) -> None:
    door.check()
    for _ in range(3):
        door.refusal(b"wrong")
    with pytest.raises(Refused) as refused:
        door.quick(b"secret")
    assert refused.value.wait == 900
    clock.now += 900
    assert door.quick(b"secret") is None
    assert door.check().name == "ada"


def test_of_many_guesses_at_once_only_the_first_few_count(door: Door) -> None:
    async def guess() -> list[object]:
        passwords = [b"a", b"b", b"c", b"secret"]
        checks = [door.authenticator.check("ada", password, HERE) for password in passwords]
        return await asyncio.gather(*checks, return_exceptions=True)

    results = asyncio.run(guess())
    assert all(isinstance(result, Refused) for result in results)


def test_a_success_clears_the_failures(door: Door) -> None:
    for _ in range(3):
        door.refusal(b"wrong")
        door.refusal(b"wrong")
        door.check()
    door.check()


def test_a_bad_file_is_logged_and_the_password_is_not(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    door.write(more="quotaa: 5\n")
    with caplog.at_level(logging.DEBUG):
        door.refusal(b"secret")
    assert "the account cannot be used" in caplog.text
    assert "secret" not in caplog.text

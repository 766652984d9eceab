"""Passwords and hashes: what is right, and what every other answer costs."""

import asyncio
import threading
from collections.abc import Iterator

import bcrypt
import pytest

from ftpserver.auth.password import PasswordChecker, TooBusy

RIGHT = b"correct horse"
HASH = "$2b$04$Q4TCKfhullLhv0IzTd6UhOptVZNiyoUm1/nWImo15GMtGIp3Y.aQO"  # of RIGHT, as the next
HASH5 = "$2b$05$FriJqSsngE6ZG7JEcoahrOivjbICBjKTdlnSnTVPohZsAIrkePzKm"


@pytest.fixture
def checker() -> Iterator[PasswordChecker]:
    made = PasswordChecker(threads=2)
    made._usual_cost = 4
    yield made
    made.close()


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The cost of every bcrypt that is computed to the end."""
    spent: list[int] = []
    check = bcrypt.checkpw

    def counted(password: bytes, hashed: bytes) -> bool:
        right = check(password, hashed)
        spent.append(int(hashed[4:6]))
        return right

    monkeypatch.setattr(bcrypt, "checkpw", counted)
    return spent


def _matches(checker: PasswordChecker, password: bytes, hashed: str | None) -> bool:
    return asyncio.run(checker.matches(password, hashed))


def test_the_right_one_and_no_other(checker: PasswordChecker) -> None:
    assert _matches(checker, RIGHT, HASH)
    for wrong in (b"", b"wrong", RIGHT + b"!", RIGHT[:-1], RIGHT.upper()):
        assert not _matches(checker, wrong, HASH)


def test_seventy_two_bytes_are_all_there_is(checker: PasswordChecker) -> None:
    longest = b"x" * 72
    hashed = bcrypt.hashpw(longest, bcrypt.gensalt(4)).decode()
    assert _matches(checker, longest, hashed)
    assert not _matches(checker, longest + b"y", hashed)
    assert not _matches(checker, b"x" * 100_000, hashed)


def test_nul_is_in_nobody_s_password(checker: PasswordChecker) -> None:
    hashed = bcrypt.hashpw(b"ab", bcrypt.gensalt(4)).decode()
    for password in (b"ab\0", b"ab\0cd", b"\0", b"\0ab"):
        assert not _matches(checker, password, hashed)


@pytest.mark.parametrize(
    ("password", "hashed"),
    [
        (b"wrong", HASH),
        (b"anything", None),
        (RIGHT, None),
        (b"decoy", None),
        (b"x" * 73, HASH),
        (b"a\0b", HASH),
        (b"x" * 73, None),
        (RIGHT, "no hash at all"),
        (RIGHT, ""),
        (RIGHT, "*"),
        (RIGHT, "$2b$04$" + "!" * 53),
        (RIGHT, HASH[:-5]),
        (RIGHT, "$2b$99$" + HASH[7:]),
    ],
)
def test_every_wrong_answer_costs_one_check_of_the_usual_cost(
    checker: PasswordChecker, costs: list[int], password: bytes, hashed: str | None
) -> None:
    assert _matches(checker, RIGHT, HASH)
    checker._decoy()  # made at the start of the service
    costs.clear()
    assert not _matches(checker, password, hashed)
    assert costs == [4]


def test_a_stranger_costs_what_the_last_real_hash_did(checker: PasswordChecker, costs: list[int]) -> None:
    assert _matches(checker, RIGHT, HASH5)
    assert not _matches(checker, RIGHT, None)
    assert _matches(checker, RIGHT, HASH)
    assert not _matches(checker, RIGHT, None)
    assert costs == [5, 5, 4, 4]


def test_the_decoy_is_prepared_and_made_once(
    checker: PasswordChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    hashpw = bcrypt.hashpw
    monkeypatch.setattr(bcrypt, "hashpw", lambda *args: made.append(None) or hashpw(*args))
    checker.prepare()
    checker._pool.submit(int).result()
    for _ in range(3):
        _matches(checker, b"x", None)
    assert 1 <= len(made) <= 2  # two threads may make it at the same moment


def test_too_many_at_once_are_turned_away_and_the_others_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go = threading.Event()
    monkeypatch.setattr(bcrypt, "checkpw", lambda password, hashed: go.wait() and password == RIGHT)
    checker = PasswordChecker(threads=1, max_waiting=3)

    async def flood() -> list[object]:
        checks = [asyncio.ensure_future(checker.matches(RIGHT, HASH)) for _ in range(3)]  # noqa: TID251
        await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await checker.matches(RIGHT, HASH)
        go.set()
        return [*await asyncio.gather(*checks), await checker.matches(RIGHT, HASH)]

    assert asyncio.run(flood()) == [True, True, True, True]
    checker.close()


def test_the_loop_goes_on_while_it_computes(checker: PasswordChecker) -> None:
    slow = bcrypt.hashpw(RIGHT, bcrypt.gensalt(8)).decode()

    async def work() -> int:
        turns = 0
        check = asyncio.ensure_future(checker.matches(RIGHT, slow))  # noqa: TID251
        while not check.done():
            await asyncio.sleep(0)
            turns += 1
        assert check.result()
        return turns

    assert asyncio.run(work()) > 10


def test_one_that_is_given_up_makes_room(checker: PasswordChecker) -> None:
    async def work() -> None:
        check = asyncio.ensure_future(checker.matches(RIGHT, HASH))  # noqa: TID251
        await asyncio.sleep(0)
        check.cancel()
        with pytest.raises(asyncio.CancelledError):
            await check

    asyncio.run(work())
    assert checker._waiting == 0

"""Failed logins: who is shut out, for how long, and who is not."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.auth.bans import FOREVER, Ban, SharedMemory, add
from ftpserver.auth.memory import Memory, OwnMemory
from ftpserver.auth.throttle import ANYWHERE, Throttle, subscriber
from ftpserver.state.presence import Presence, open_presence
from tests.ftpserver.auth.conftest import Clock

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(params=["own", "shared"])
def memory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Memory]:
    """The rules are the same whoever remembers."""
    if request.param == "own":
        yield OwnMemory()
        return
    presence = Presence(tmp_path / "state")
    yield SharedMemory(presence)
    presence.close()


@pytest.fixture
def throttle(clock: Clock, memory: Memory) -> Throttle:
    return Throttle(clock, failures=3, within=60, ban=900, memory=memory)


def _fail(throttle: Throttle, times: int, name: str = "ada", address: str = HERE) -> None:
    for _ in range(times):
        throttle.failed(name, address)


def test_a_name_from_an_address_is_shut_out_after_so_many_failures(throttle: Throttle, clock: Clock) -> None:
    _fail(throttle, 2)
    assert throttle.banned_for("ada", HERE) == 0
    _fail(throttle, 1)
    assert throttle.banned_for("ada", HERE) == 900
    clock.now += 899
    assert throttle.banned_for("ada", HERE) == 1
    clock.now += 1
    assert throttle.banned_for("ada", HERE) == 0
    _fail(throttle, 2)
    assert throttle.banned_for("ada", HERE) == 0  # it begins anew


def test_others_are_not(throttle: Throttle) -> None:
    _fail(throttle, 3)
    assert throttle.banned_for("bob", HERE) == 0
    assert throttle.banned_for("ada", THERE) == 0


def test_failures_that_are_old_do_not_count(throttle: Throttle, clock: Clock) -> None:
    for _ in range(10):
        _fail(throttle, 1)
        clock.now += 30.1  # three in 60.2 seconds
    assert throttle.banned_for("ada", HERE) == 0
    _fail(throttle, 2)
    assert throttle.banned_for("ada", HERE) > 0


def test_a_success_clears_the_name_there_and_no_ban(throttle: Throttle) -> None:
    _fail(throttle, 2)
    throttle.succeeded("ada", HERE)
    _fail(throttle, 2)
    assert throttle.banned_for("ada", HERE) == 0
    _fail(throttle, 1)
    throttle.succeeded("ada", HERE)
    assert throttle.banned_for("ada", HERE) == 900


def test_an_address_that_tries_many_names_is_shut_out_whole(throttle: Throttle) -> None:
    for i in range(29):
        throttle.failed(f"user{i}", HERE)
        throttle.succeeded("mallory", HERE)  # an account of one's own does not help
    assert throttle.banned_for("ada", HERE) == 0
    throttle.failed("one more", HERE)
    assert throttle.banned_for("ada", HERE) == 900
    assert throttle.banned_for("ada", THERE) == 0


def test_the_empty_name_is_a_name_and_not_the_whole_address(throttle: Throttle) -> None:
    _fail(throttle, 3, name="")
    assert throttle.banned_for("", HERE) == 900
    assert throttle.banned_for("ada", HERE) == 0


@pytest.mark.parametrize(
    ("address", "who"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_who_a_subscriber_is(address: str, who: str) -> None:
    assert subscriber(address) == who


def test_an_ipv6_subscriber_has_many_addresses(throttle: Throttle) -> None:
    for i in range(3):
        throttle.failed("ada", f"2001:db8::{i + 1}")
    assert throttle.banned_for("ada", "2001:db8::ffff") == 900
    assert throttle.banned_for("ada", "2001:db8:0:1::1") == 0


def test_zero_switches_it_off(clock: Clock) -> None:
    off = Throttle(clock, 0, 60, 900)
    _fail(off, 1000)
    assert off.banned_for("ada", HERE) == 0


def test_the_rules_may_change_on_the_way(throttle: Throttle) -> None:
    _fail(throttle, 2)
    throttle.set(5, 60, 30)
    _fail(throttle, 2)
    assert throttle.banned_for("ada", HERE) == 0
    _fail(throttle, 1)
    assert throttle.banned_for("ada", HERE) == 30


def test_a_ban_is_logged_once(throttle: Throttle, caplog: pytest.LogCaptureFixture) -> None:
    _fail(throttle, 3)
    assert [record.getMessage() for record in caplog.records] == ["banned"]


def test_what_is_over_is_tidied_away(throttle: Throttle, clock: Clock) -> None:
    _fail(throttle, 3)
    clock.now += 901
    throttle.tidy()
    assert throttle.banned_for("ada", HERE) == 0


def test_a_person_shuts_out_an_address_a_name_or_both(clock: Clock, tmp_path: Path) -> None:
    presence, file = Presence(tmp_path / "state"), open_presence(tmp_path / "state")
    throttle = Throttle(clock, 0, 60, 900, SharedMemory(presence))
    add(file, Ban(HERE, None, clock.now + 5, "x"))
    add(file, Ban(ANYWHERE, "mallory", FOREVER, "x"))
    add(file, Ban("2001:db8:1:2::/64", "eve", clock.now + 7, "x"))
    assert throttle.banned_for("ada", HERE) == 5
    assert throttle.banned_for("ada", THERE) == 0
    assert throttle.banned_for("mallory", THERE) == math.inf
    assert throttle.banned_for("eve", THERE) == 0
    assert throttle.banned_for("eve", "2001:db8:1:2::77") == 7
    file.close()
    presence.close()

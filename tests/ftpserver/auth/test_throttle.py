"""Failed logins: who is shut out, for how long, and who is not."""

import pytest

import ftpserver.auth.throttle as throttle_module
from ftpserver.auth.throttle import Throttle, subscriber
from tests.ftpserver.auth.conftest import Clock

HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def throttle(clock: Clock) -> Throttle:
    return Throttle(clock, failures=3, within=60, ban=900)


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


def test_its_memory_is_bounded(throttle: Throttle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle_module, "_CAPACITY", 10)
    for i in range(200):
        _fail(throttle, 3 if i % 2 else 1, f"user{i}", f"198.51.100.{i}")
    assert len(throttle._attempts) <= 10
    assert len(throttle._banned) <= 10
    assert throttle.banned_for("user199", "198.51.100.199") == 900

"""Which address a 227 names."""

import logging

import pytest

from ftpserver.config.settings import Passive
from ftpserver.data.announce import Announcer

LOCAL = "10.0.0.5"
FAR = "8.8.8.8"


def _announcer(public: object) -> Announcer:
    return Announcer(Passive.model_validate({"public_address": public}))


def test_without_a_setting_it_is_the_connection_s_own() -> None:
    assert _announcer(None).address(FAR, LOCAL) == LOCAL


@pytest.mark.parametrize(
    ("client", "said"),
    [
        (FAR, "5.6.7.8"),
        ("192.168.1.9", LOCAL),
        ("127.0.0.1", LOCAL),
        ("169.254.3.3", LOCAL),
        ("fe80::1%eth0", LOCAL),
        ("2001:4860::8888", "5.6.7.8"),
    ],
)
def test_an_address_is_told_to_those_on_the_other_side_of_the_nat(client: str, said: str) -> None:
    assert _announcer("5.6.7.8").address(client, LOCAL) == said


@pytest.mark.parametrize(
    ("client", "said"), [("10.1.2.3", "10.0.0.9"), ("10.1.9.9", "10.0.0.8"), (FAR, "5.6.7.8")]
)
def test_a_map_decides_by_the_narrowest_network_also_for_the_near(client: str, said: str) -> None:
    public = {"0.0.0.0/0": "5.6.7.8", "10.1.0.0/16": "10.0.0.8", "10.1.2.0/24": "10.0.0.9"}
    assert _announcer(public).address(client, LOCAL) == said


def test_nobody_in_the_map_gets_the_local_one() -> None:
    assert _announcer({"10.0.0.0/8": "10.0.0.8"}).address(FAR, LOCAL) == LOCAL


def test_a_name_is_the_local_one_until_it_is_looked_up() -> None:
    announcer = _announcer("localhost")
    assert announcer.address(FAR, LOCAL) == LOCAL
    announcer.refresh()
    assert announcer.address(FAR, LOCAL) == "127.0.0.1"


def test_a_name_that_cannot_be_looked_up_keeps_its_last_address(caplog: pytest.LogCaptureFixture) -> None:
    announcer = _announcer("nowhere.invalid")
    announcer._resolved["nowhere.invalid"] = "5.6.7.8"
    with caplog.at_level(logging.ERROR):
        announcer.refresh()
    assert "nowhere.invalid cannot be looked up" in caplog.text
    assert announcer.address(FAR, LOCAL) == "5.6.7.8"

"""From an address to a session: tries, hang-ups, and the way back in."""

import pytest

from ftpclient.credentials import Login
from ftpclient.enter import enter
from ftpclient.errors import LoginRefused
from ftpclient.session import Settings
from ftpclient.url import Url
from tests.ftpclient.peers import Script, Visit

TRIES = [Login("ada", "one"), Login("ada", "two"), Login("ada", "three")]


@pytest.mark.parametrize("manner", ["stays", "hangs up", "says 421"])
def test_the_third_try_may_be_the_right_one(script: Script, manner: str) -> None:
    def check(visit: Visit, password: str) -> None:
        if password == "three":
            visit.say("230 welcome")
        elif manner == "says 421":
            visit.say("421 too many tries")
        else:
            visit.say("530 wrong")
            if manner == "hangs up":
                visit.sock.shutdown(2)

    script.answers["PASS"] = check
    said: list[str] = []
    client, entrance = enter(Url("127.0.0.1", script.port), Settings(timeout=10), iter(TRIES), said.append)
    assert entrance.login.password == "three"
    assert len(said) == 2
    client.quit()
    entrance.again().quit()


def test_no_try_left(script: Script) -> None:
    script.answers["PASS"] = lambda visit, _: visit.say("530 wrong")
    said: list[str] = []
    with pytest.raises(LoginRefused):
        enter(Url("127.0.0.1", script.port), Settings(timeout=10), iter(TRIES), said.append)
    assert len(said) == 3
    assert sum(line.startswith("PASS") for line in script.heard) == 3

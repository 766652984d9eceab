"""Several sessions that work off one list."""

import threading

import pytest

from ftpclient.client import Client
from ftpclient.errors import CannotConnect, ConnectionLost
from ftpclient.lanes import Lanes
from tests.ftpclient.peers import Join, Script


def test_every_name_is_done_once(script: Script, join: Join) -> None:
    names = [str(number) for number in range(100)]
    done: list[str] = []
    Lanes(names, lambda client, name: done.append(name), print).run(join(), join, 4)
    assert sorted(done) == sorted(names)


def test_a_lane_that_cannot_be_opened_is_done_without(script: Script, join: Join) -> None:
    def refuse() -> Client:
        raise CannotConnect("too many connections")

    done: list[str] = []
    notes: list[str] = []
    Lanes(["a", "b"], lambda client, name: done.append(name), notes.append).run(join(), refuse, 2)
    assert (done, notes) == (["a", "b"], ["one lane less: too many connections"])


def test_what_one_lane_raises_ends_the_job(script: Script, join: Join) -> None:
    first, gone = join(), threading.Event()

    def act(client: Client, name: str) -> None:
        if client is not first:
            gone.set()
            raise ConnectionLost("gone")
        assert gone.wait(30)

    with pytest.raises(ConnectionLost):
        Lanes(["a", "b"], act, print).run(first, join, 2)


def test_what_the_first_lane_raises_ends_the_other_sessions(script: Script, join: Join) -> None:
    others: list[Client] = []

    def more() -> Client:
        others.append(join())
        return others[-1]

    def act(client: Client, name: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Lanes(["a", "b"], act, print).run(join(), more, 2)
    assert all(other.closed for other in others)

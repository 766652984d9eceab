"""Sessions counted over processes, and a file that fails and stops nobody."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftpserver.state.database import Database
from ftpserver.state.liveness import FOLDER
from ftpserver.state.presence import Crowd, Presence, PresenceFault, open_presence
from tests.service import PASSWORD, Service
from tests.wire import Wire

Open = Callable[[], Presence]
FILE = "presence.sqlite3"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


@pytest.fixture
def opened(state: Path) -> Iterator[Open]:
    """Open the file as one more process would."""
    all_opened = []

    def open_another() -> Presence:
        all_opened.append(Presence(state))
        return all_opened[-1]

    yield open_another
    for presence in all_opened:
        presence.close()


def rows(presence: Presence) -> list[tuple[str, str, int]]:
    def read(database: Database) -> list[tuple[str, str, int]]:
        return database.execute("SELECT kind, name, sessions FROM presence ORDER BY 1, 2, 3").fetchall()

    return presence.use(read, [])


def test_a_limit_holds_over_all_processes(opened: Open) -> None:
    one, two = Crowd("user", opened()), Crowd("user", opened())
    assert [one.enter("ada", 3), two.enter("ada", 3), one.enter("ada", 3)] == [None] * 3
    assert one.enter("ada", 3) == 3
    assert two.enter("ada", 3) == 3
    assert two.enter("bob", 1) is None
    one.leave("ada")
    assert two.enter("ada", 3) is None
    assert two.enter("ada", 3) == 3
    assert (one.here["ada"], two.here["ada"]) == (1, 2)


def test_kinds_do_not_mix(opened: Open) -> None:
    presence = opened()
    assert Crowd("user", presence).enter("::1", 1) is None
    assert Crowd("address", presence).enter("::1", 1) is None


def test_without_a_limit_nothing_is_written(opened: Open) -> None:
    presence = opened()
    crowd = Crowd("user", presence)
    for _ in range(3):
        assert crowd.enter("ada", 0) is None
    crowd.leave("ada")
    assert rows(presence) == []


def test_a_limit_that_comes_later_counts_those_who_were_here(opened: Open) -> None:
    one, two = Crowd("user", opened()), Crowd("user", opened())
    assert one.enter("ada", 0) is None
    assert one.enter("ada", 2) is None
    assert two.enter("ada", 2) == 2
    assert one.enter("ada", 0) is None  # and one that goes is still counted
    assert two.enter("ada", 3) == 3


def test_a_process_alone_needs_no_file() -> None:
    crowd = Crowd("user")
    assert [crowd.enter("ada", 2) for _ in range(3)] == [None, None, 2]
    crowd.leave("ada")
    crowd.leave("ada")
    assert not crowd.here


def test_who_leaves_leaves_nothing(opened: Open, state: Path) -> None:
    first = opened()
    crowd = Crowd("user", first)
    crowd.enter("ada", 5)
    crowd.enter("bob", 5)
    crowd.leave("ada")
    assert rows(first) == [("user", "bob", 1)]
    first.close()
    assert rows(opened()) == []
    assert os.listdir(state / FOLDER) == []


_OTHER = """
import sys
from pathlib import Path
from ftpserver.state.presence import Crowd, Presence
crowd = Crowd("user", Presence(Path(sys.argv[1])))
print(crowd.enter("ada", 2), crowd.enter("ada", 2), flush=True)
sys.stdin.read()
"""


def test_the_sessions_of_the_dead_are_void(opened: Open, state: Path) -> None:
    presence = opened()
    crowd = Crowd("user", presence)
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "None None\n"
        assert crowd.enter("ada", 2) == 2
        assert presence.void_the_dead() == 0
        other.kill()
    assert crowd.enter("ada", 2) is None  # who is refused looks first who is dead
    assert rows(presence) == [("user", "ada", 1)]
    assert len(os.listdir(state / FOLDER)) == 1


# A file that fails --------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_opened_stops_nobody(
    opened: Open, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (state / FILE).mkdir()
    with caplog.at_level(logging.INFO):
        presence = opened()
        crowd = Crowd("user", presence)
        assert [crowd.enter("ada", 2) for _ in range(3)] == [None, None, 2]  # as far as it knows itself
        crowd.leave("ada")
        presence.mend()
        presence.checkpoint()
        assert presence.void_the_dead() == 0
        assert caplog.text.count("kept by each process alone") == 1
        (state / FILE).rmdir()
        presence.mend()
        assert "hold for all processes again" in caplog.text
    assert crowd.enter("ada", 2) is None
    assert rows(presence) == [("user", "ada", 2)]  # with the one from before


def test_a_fault_on_the_way_is_logged_once_and_mended(
    opened: Open, state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = opened()

    def fail(database: Database) -> str:
        with database.writing:
            database.execute("INSERT INTO nowhere VALUES (1)")
        return "done"

    assert [one.use(fail, "otherwise") for _ in range(3)] == ["otherwise"] * 3
    assert caplog.text.count("kept by each process alone") == 1
    one.mend()
    assert one.use(lambda database: database.execute("SELECT 1").fetchone(), None) == (1,)


def test_a_file_that_is_removed_is_begun_anew_when_all_have_seen_it(opened: Open, state: Path) -> None:
    one, two = opened(), opened()
    for path in state.glob(f"{FILE}*"):
        path.unlink()
    one.mend()  # the other still has the old one
    assert not (state / FILE).exists()
    two.mend()
    one.mend()
    assert Crowd("user", one).enter("ada", 1) is None
    assert Crowd("user", two).enter("ada", 1) == 1


def test_the_strict_way_in_raises(state: Path) -> None:
    (state / FILE).mkdir()
    with pytest.raises(PresenceFault):
        open_presence(state)


def test_a_broken_file_lets_everybody_log_in(tmp_path: Path) -> None:
    with_limits = {"limits": {"sessions_per_user": 5, "sessions_per_address": 50}, "workers": 2}
    service = Service(tmp_path / "service", with_limits)
    service.add_user("ada")
    (service.state / FILE).mkdir()
    with service:
        for _ in range(3):
            Wire.member(service, "ada").close()
        with Wire.greeted(service) as wire:
            wire.say("USER ada") >> 331
            wire.say("PASS wrong") >> 530
            wire.say("USER ada") >> 331
            wire.say(f"PASS {PASSWORD}") >> 230
    assert service.log.count("kept by each process alone") == 2  # once by each

"""ftpserver.service.threads: what one kind of work holds is kept from no other."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpserver.service.threads import Threads
from tests.service import Service
from tests.wire import Wire

GIB = 1 << 30
THREADS = 8


def test_who_waits_for_commands_keeps_nobody_else() -> None:
    threads, gate = Threads(), threading.Event()
    for _ in range(2 * THREADS):
        threads.commands.submit(gate.wait, 30)
    assert threads.data.submit(lambda: 1).result(20) == 1
    assert threads.own.submit(lambda: 1).result(20) == 1
    gate.set()
    threads.close()


def test_threads_that_nobody_needs_are_not_begun() -> None:
    before = threading.active_count()
    threads = Threads()
    assert threading.active_count() == before
    threads.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that computes hashes of mallory's endless file on as many threads as it gives him."""
    made = Service(tmp_path / "service", {"limits": {"data_seconds": 2}})
    made.add_user("mallory")
    made.add_user("bob")
    with (made.home("mallory") / "endless").open("wb") as file:
        file.truncate(500 * GIB)
    made.start()
    crowd = [Wire.member(made, "mallory") for _ in range(2 * THREADS)]
    for wire in crowd:
        wire.tell("HASH endless")
    with Wire.member(made, "mallory") as wire:  # whose login comes after, so they are under way
        wire.say("QUIT") >> 221
    yield made
    made.stop()
    for wire in crowd:
        wire.hear() >> 421
        wire.close()


def test_hashes_of_one_user_kept_others_from_listings_and_hashes(service: Service) -> None:
    home = service.home("bob")
    for i in range(700):  # more than one chunk: the second is made on a thread
        (home / f"f{i}").touch()
    with Wire.member(service, "bob") as bob:
        assert len(bob.fetch("NLST").splitlines()) == 700
        bob.say("HASH f1") >> 213


def test_hashes_of_one_user_kept_a_removed_account_alive(service: Service) -> None:
    with Wire.member(service, "bob") as bob:
        (service.accounts / "bob.yaml").unlink()
        bob.hear() >> 421


def test_a_service_waited_for_hashes_before_it_ended(service: Service) -> None:
    service.stop()


@pytest.mark.parametrize("line", ["HASH endless", "SIZE endless", "XCRC endless"])
def test_a_client_that_had_gone_left_its_work_behind(tmp_path: Path, line: str) -> None:
    with Service(tmp_path / "service") as service:
        service.add_user("ada")
        with (service.home("ada") / "endless").open("wb") as file:
            file.truncate(500 * GIB)
        for _ in range(THREADS):
            wire = Wire.member(service, "ada")
            wire.say("TYPE A") >> 200
            wire.tell(line)
            wire.reset()
        with Wire.member(service, "ada") as wire:
            wire.store("STOR file", b"content") >> 226
            wire.say("HASH file") >> 213

"""ftpserver.accounts.members: who shares which pool, and how little of it is read again."""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from ftpserver.accounts import members as module
from ftpserver.accounts.members import Members


class World:
    """An accounts directory whose files are old enough to be trusted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "groups").mkdir(parents=True)
        self.members = Members(folder, Path("/homes"))

    def write(self, name: str, text: str) -> Path:
        file = self.folder / f"{name}.yaml"
        file.write_text(text)
        return file

    def pools(self) -> dict[str, set[str]]:
        return self.members.look().pools


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(module, "RACY_NANOSECONDS", -1)
    return World(tmp_path / "accounts")


def test_the_homes_of_the_groups_that_own_a_pool(world: World) -> None:
    world.write("groups/staff", "pool: {bytes: 1000}")
    world.write("groups/guests", "permissions: read-only")
    world.write("ada", "password: x\nhome: elsewhere\ngroup: staff")
    world.write("bob", "password: x\ngroup: staff\nenabled: false")
    world.write("cas", "{home: /srv/cas, 'gr\\u006fup': guests}")
    world.write("dan", '{home: /srv/dan, "gr\\u006fup": staff}')
    world.write("eve", "home: eve # of no group: staff")
    world.write(".hidden", "group: staff")
    assert world.pools() == {"staff": {"/homes/elsewhere", "/homes/bob", "/srv/dan"}}
    assert world.members.look(also=["guests"]).pools["guests"] == set()  # 'single quotes' know no escapes
    world.write("cas", '{home: /srv/cas, "gr\\u006fup": guests}')
    assert world.members.look(also=["guests"]).pools["guests"] == {"/srv/cas"}


@pytest.mark.parametrize(
    ("change", "pools"),
    [
        (lambda world: world.write("ada", "home: new\ngroup: staff"), {"staff": {"/homes/new"}}),
        (lambda world: world.write("ada", "home: new"), {"staff": set()}),
        (lambda world: (world.folder / "ada.yaml").unlink(), {"staff": set()}),
        (lambda world: (world.folder / "groups/staff.yaml").unlink(), {}),
        (lambda world: world.write("groups/staff", "quota: {bytes: 5}"), {}),
        (lambda world: world.write("bob", "group: staff"), {"staff": {"/homes/ada", "/homes/bob"}}),
    ],
)
def test_what_changed_is_seen(
    world: World, change: Callable[[World], object], pools: dict[str, set[str]]
) -> None:
    world.write("groups/staff", "pool: {bytes: 1000}")
    world.write("ada", "group: staff")
    assert world.pools() == {"staff": {"/homes/ada"}}
    change(world)
    roster = world.members.look()
    assert (roster.pools, roster.complete, roster.settled) == (pools, True, True)


def test_a_file_is_read_once_and_none_while_there_is_no_pool(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def reading(file: Path) -> tuple[bytes, os.stat_result]:
        read.append(file.name)
        return file.read_bytes(), file.stat()

    monkeypatch.setattr(module, "read_account", reading)
    world.write("ada", "group: staff")
    world.write("bob", "home: bob")
    assert world.pools() == {}
    assert read == []
    world.write("groups/staff", "pool: {bytes: 1000}")
    for _ in range(3):
        assert world.pools() == {"staff": {"/homes/ada"}}
    assert sorted(read) == ["ada.yaml", "bob.yaml"]


@pytest.mark.parametrize("text", ["group: [", "group: staff\nhome: ../up", "a: group\na: twice"])
def test_of_a_file_that_cannot_be_used_holds_what_was_known(world: World, text: str) -> None:
    world.write("groups/staff", "pool: {bytes: 1000}")
    world.write("ada", "group: staff")
    world.write("new", text)
    assert (world.pools(), world.members.look().complete) == ({"staff": {"/homes/ada"}}, False)
    world.write("ada", text)
    assert (world.pools(), world.members.look().complete) == ({"staff": {"/homes/ada"}}, False)
    world.write("ada", "group: staff\nhome: better")
    (world.folder / "new.yaml").unlink()
    assert (world.pools(), world.members.look().complete) == ({"staff": {"/homes/better"}}, True)


def test_a_group_that_cannot_be_used_may_own_a_pool(world: World) -> None:
    world.write("groups/staff", "pool: {bytes: many}")
    world.write("ada", "group: staff")
    roster = world.members.look()
    assert (roster.pools, roster.complete) == ({"staff": {"/homes/ada"}}, False)


def test_what_was_written_a_moment_ago_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RACY_NANOSECONDS", 10**12)
    world = World(tmp_path / "accounts")
    world.write("groups/staff", "pool: {bytes: 1000}")
    file = world.write("ada", "group: staff")
    roster = world.members.look()
    assert (roster.pools, roster.settled) == ({"staff": {"/homes/ada"}}, False)
    before = file.stat()
    file.write_text("group: other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    monkeypatch.setattr(module, "_version", lambda entry: (1, 1, 1, 1, 1))
    assert world.pools() == {"staff": set()}
    assert not world.members.signature()[1]


def test_the_signature_changes_with_what_it_must(world: World) -> None:
    world.write("ada", "group: staff")
    world.write("groups/staff", "pool: {bytes: 1000}")
    seen = [world.members.signature()[0]]
    assert world.members.signature() == (seen[0], True)
    for change in (
        lambda: world.write("bob", ""),
        lambda: world.write("draft", "").rename(world.folder / "ada.yaml"),
        lambda: world.write("groups/staff", "pool: {bytes: 10}"),
        lambda: (world.folder / "groups/staff.yaml").unlink(),
        lambda: (world.folder / "groups").rmdir(),
    ):
        change()
        seen.append(world.members.signature()[0])
    assert all(one != other for one, other in pairwise(seen))


def test_a_directory_that_is_not_there_is_an_error_and_no_empty_one(world: World) -> None:
    world.write("groups/staff", "pool: {bytes: 1000}")
    world.pools()
    world.folder.rename(world.folder.with_name("away"))
    with pytest.raises(FileNotFoundError):
        world.members.look(also=["staff"])


def test_it_pauses_between_steps_and_a_pause_may_end_it(world: World) -> None:
    steps: list[int] = []

    def pause() -> None:
        steps.append(1)
        if len(steps) > 4:
            raise InterruptedError

    world.write("groups/staff", "pool: {bytes: 1000}")
    for number in range(module._READS_A_STEP * 3):
        world.write(f"user{number}", "group: staff")
    world.members = Members(world.folder, Path("/homes"), pause)
    world.pools()
    assert len(steps) == 3
    world.pools()
    assert len(steps) == 3
    for number in range(module._READS_A_STEP * 3):
        world.write(f"user{number}", "group:  staff")
    with pytest.raises(InterruptedError):
        world.pools()

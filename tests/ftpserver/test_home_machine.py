"""A home under everything at once, against a model: the books are what a walk finds, and the quota holds."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ftpserver.data.receive import Obstacle
from ftpserver.home import Home
from ftpserver.quota import books, sqlite, stock
from ftpserver.quota.base import HomeBusy, Limits, QuotaExceeded, Uncounted
from ftpserver.quota.sqlite import SqliteLedger
from ftpserver.upload import Ending, Fate, Upload, UploadPolicy
from tests.ftpserver.homes import Place, disk, path, settled, store, write

NAMES = st.sampled_from(["a", "a", "a", "b", "d/a"])
SIZES = st.integers(0, 60)


class Node:
    """A file of the model; a directory has size None."""

    def __init__(self, size: int | None) -> None:
        self.size = size


class Going:
    """An upload under way."""

    def __init__(self, upload: Upload, name: str, node: Node | None, parent: Node) -> None:
        self.upload = upload
        self.name = name.rpartition("/")[2]
        self.parent = parent  # whatever it is called by the end
        self.node = node  # the file that is written in place
        self.end = upload.offset
        self.uncounted = 0  # growth in place since the last count


def check(error: Exception) -> None:
    """Nobody is told that there is less than he needs when there is enough."""
    assert not isinstance(error, QuotaExceeded) or error.need > error.free


class HomeMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="home-machine-"))
        self.place = Place(self.base)
        self.other_ledger = SqliteLedger(self.base / "state")  # as another process has it
        self.root = Node(None)
        self.tree: dict[str, Node] = {}
        self.going: list[Going] = []
        self.total = (0, 0)

    @initialize(first=SIZES, bytes=st.integers(60, 120), files=st.integers(2, 3), keep=st.booleans())
    def begin(self, first: int, bytes: int, files: int, keep: bool) -> None:
        self.limits = Limits(bytes, files)
        policy = UploadPolicy(keep=keep)
        self.homes = [
            self.place.session(bytes, files, policy=policy),
            self.place.session(bytes, files, policy=policy),
            self.place.session(bytes, files, policy=policy, ledger=self.other_ledger),
        ]
        store(self.homes[0], "a", b"o" * first)
        self.tree["a"] = Node(first)

    def home(self, who: int) -> Home:
        return self.homes[who]

    def attempt(self, who: int, act: "object") -> object:
        """Do it as dispatch does: count when it is asked for; None when it is refused."""
        assert callable(act)
        for _ in range(3):
            try:
                return act()
            except Uncounted:
                self.count(who)
            except (OSError, QuotaExceeded) as error:
                check(error)
                return None
        raise AssertionError("counting does not help")

    def count(self, who: int) -> None:
        self.home(who).recount()
        for going in self.going:
            going.uncounted = 0
        usage = self.home(who).usage()
        self.total = (usage.bytes + usage.reserved_bytes, usage.files + usage.reserved_files)

    def parent(self, name: str) -> Node:
        return self.tree[name.rpartition("/")[0]] if "/" in name else self.root

    def name(self, going: Going) -> str:
        """What the upload's file would be called now."""
        if going.parent is self.root:
            return going.name
        return next(name for name, node in self.tree.items() if node is going.parent) + f"/{going.name}"

    # Uploads

    @rule(
        who=st.integers(0, 2),
        name=NAMES,
        size=SIZES,
        allo=st.sampled_from([0, 0, 0, 10, 60]),
        only_new=st.sampled_from([False, False, True]),
    )
    def upload(self, who: int, name: str, size: int, allo: int, only_new: bool) -> None:
        self.begin_upload(who, name, size, allo, only_new)

    def begin_upload(self, who: int, name: str, size: int, allo: int = 0, only_new: bool = False) -> None:
        upload = self.attempt(who, lambda: self.home(who).upload(path(name), allo, only_new))
        if isinstance(upload, Upload):
            self.going.append(Going(upload, name, None, self.parent(name)))
            self.write(self.going[-1], size)

    @rule(who=st.integers(0, 2), name=NAMES, offset=st.none() | SIZES, allo=st.sampled_from([0, 0, 20]))
    def upload_in_place(self, who: int, name: str, offset: int | None, allo: int) -> None:
        upload = self.attempt(who, lambda: self.home(who).upload_in_place(path(name), offset, allo))
        if isinstance(upload, Upload):
            node = self.tree.get(name)
            assert node is None or upload.offset == (node.size if offset is None else offset)
            self.going.append(Going(upload, name, node, self.parent(name)))

    @precondition(lambda self: self.going)
    @rule(which=st.integers(0, 9), size=st.integers(0, 40))
    def chunk(self, which: int, size: int) -> None:
        self.write(self.going[which % len(self.going)], size)

    def write(self, going: Going, size: int) -> None:
        try:
            end = write(going.upload, b"x" * size, going.end)
        except (QuotaExceeded, Uncounted) as error:
            check(error)
            self.end(going, Ending.REFUSED)
        else:
            going.end = end if size else going.end
            if going.node is not None and size:
                assert going.node.size is not None
                going.uncounted += max(0, end - going.node.size)
                going.node.size = max(going.node.size, end)

    @precondition(lambda self: self.going)
    @rule(
        which=st.integers(0, 9),
        ending=st.sampled_from(
            [Ending.COMPLETE, Ending.COMPLETE, Ending.COMPLETE, Ending.CUT, Ending.REFUSED]
        ),
    )
    def finish(self, which: int, ending: Ending) -> None:
        self.end(self.going[which % len(self.going)], ending)

    def end(self, going: Going, ending: Ending) -> None:
        self.going.remove(going)
        size = os.fstat(going.upload.fd).st_size
        try:
            fate = self.finished(going.upload, ending)
        except (OSError, QuotaExceeded, Uncounted):
            assert ending is not Ending.REFUSED
            return
        if going.node is not None:
            assert fate is (Fate.STORED if ending is Ending.COMPLETE else Fate.KEPT)
        elif fate is not Fate.DROPPED:
            if fate is Fate.KEPT:
                assert self.name(going) not in self.tree
            self.tree[self.name(going)] = Node(size)
        else:
            assert ending is not Ending.COMPLETE

    def finished(self, upload: Upload, ending: Ending) -> Fate:
        return upload.finish(ending)

    def give_back(self) -> None:
        """Whoever holds room in advance returns it."""

    @precondition(lambda self: self.going)
    @rule(which=st.integers(0, 9))
    def untouched(self, which: int) -> None:
        going = self.going[which % len(self.going)]
        if going.end == going.upload.offset:
            going.upload.abandon_untouched()
            self.going.remove(going)

    @precondition(lambda self: any(node.size is not None for node in self.tree.values()))
    @rule(
        who=st.integers(0, 2),
        which=st.integers(0, 9),
        size=SIZES,
        what=st.sampled_from(["away", "over", "delete"]),
    )
    def overwrite_what_moves(self, who: int, which: int, size: int, what: str) -> None:
        """The file that an upload would replace is lent to it, and then somebody else takes the name away."""
        name = self.there(which, directory=False)
        before = len(self.going)
        self.begin_upload(who, name, size)
        if len(self.going) == before:
            return
        if what == "delete":
            self.remove_file_named((who + 1) % 3, name)
        elif what == "away":
            self.rename_named((who + 1) % 3, name, "c")
        else:
            self.rename_named((who + 1) % 3, self.there(which + 1, directory=False), name)
        self.end(self.going[-1], Ending.COMPLETE)

    # Names

    def there(self, which: int, directory: bool | None = None) -> str:
        """One of the names that are there, or one that is not."""
        names = [name for name, node in self.tree.items() if directory in (None, node.size is None)]
        return sorted(names)[which % len(names)] if names else "gone"

    @precondition(lambda self: self.tree)
    @rule(who=st.integers(0, 2), which=st.integers(0, 9))
    def remove_file(self, who: int, which: int) -> None:
        self.remove_file_named(who, self.there(which))

    def remove_file_named(self, who: int, name: str) -> None:
        if self.attempt(who, lambda: self.home(who).remove_file(path(name)) or True):
            assert self.tree.pop(name).size is not None

    @rule(who=st.integers(0, 2), name=st.sampled_from(["d", "a"]))
    def make_directory(self, who: int, name: str) -> None:
        if self.attempt(who, lambda: self.home(who).make_directory(path(name)) or True):
            assert name not in self.tree
            self.tree[name] = Node(None)

    @precondition(lambda self: any(node.size is None for node in self.tree.values()))
    @rule(who=st.integers(0, 2), which=st.integers(0, 9))
    def remove_directory(self, who: int, which: int) -> None:
        name = self.there(which, directory=True)
        if self.attempt(who, lambda: self.home(who).remove_directory(path(name)) or True):
            assert self.tree.pop(name).size is None
            assert not any(other.startswith(f"{name}/") for other in self.tree)

    @precondition(lambda self: self.tree)
    @rule(who=st.integers(0, 2), which=st.integers(0, 9), new=st.sampled_from(["a", "b", "c", "d/a"]))
    def rename(self, who: int, which: int, new: str) -> None:
        self.rename_named(who, self.there(which), new)

    def rename_named(self, who: int, old: str, new: str) -> None:
        if self.attempt(who, lambda: self.home(who).rename(path(old), path(new)) or True) and old != new:
            moved = {
                name: self.tree.pop(name) for name in list(self.tree) if f"{name}/".startswith(f"{old}/")
            }
            for name, node in moved.items():
                self.tree[new + name.removeprefix(old)] = node

    # Around

    @rule(
        who=st.integers(0, 2),
        bytes=st.integers(40, 150),
        files=st.integers(1, 4),
        what=st.sampled_from(["limits", "distrust", "neither", "neither"]),
    )
    def around(self, who: int, bytes: int, files: int, what: str) -> None:
        """The account is changed, or something happens after which the home must be counted."""
        if what == "limits":
            self.limits = Limits(bytes, files)
            for home in self.homes:
                home.tally.limits = self.limits
        elif what == "distrust":
            try:
                self.home(who).tally.reserve().settle_unknown()
            except Uncounted:
                return
            self.count(who)

    @invariant()
    def the_tree_is_what_was_done(self) -> None:
        found: dict[str, int | None] = {}
        for where, folders, files in os.walk(self.place.root):
            below = os.path.relpath(where, self.place.root)
            for name in folders:
                found[os.path.normpath(os.path.join(below, name))] = None
            for name in files:
                found[os.path.normpath(os.path.join(below, name))] = os.stat(
                    os.path.join(where, name)
                ).st_size
        assert found == {name: node.size for name, node in self.tree.items()}

    @invariant()
    def the_books_are_right_and_the_quota_holds(self) -> None:
        if not hasattr(self, "homes"):
            return
        try:
            usage = self.homes[0].usage()
        except Uncounted:
            self.count(0)
            usage = self.homes[0].usage()
        bytes, files = disk(self.place.root)
        assert (usage.bytes, usage.files) == (bytes - sum(going.uncounted for going in self.going), files)
        assert bytes <= usage.bytes + usage.reserved_bytes
        total = (usage.bytes + usage.reserved_bytes, usage.files + usage.reserved_files)
        assert self.limits.bytes is not None
        assert self.limits.files is not None
        assert total[0] <= max(self.limits.bytes, self.total[0])
        assert total[1] <= max(self.limits.files, self.total[1])
        self.total = total
        if not self.going:
            self.give_back()
            usage = self.homes[0].usage()
            assert (usage.reserved_bytes, usage.reserved_files) == (0, 0)

    def teardown(self) -> None:
        for going in list(self.going):
            self.end(going, Ending.CUT)
        self.give_back()
        if hasattr(self, "homes"):
            usage = settled(self.homes[0])
            assert (usage.bytes, usage.files, usage.reserved_bytes, usage.reserved_files) == (
                *disk(self.place.root),
                0,
                0,
            )
        self.place.close()
        self.other_ledger.close()
        shutil.rmtree(self.base)


class StockingMachine(HomeMachine):
    """The same with room held in advance (quota/stock.py), so little of it that limits are near and far by turns."""

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        small = {"BYTES": 12, "FILES": 1, "MARGIN": 1, "SECONDS": 0.0}
        for name, value in small.items():
            self.patch.setattr(stock, name, value)
        for name, value in {"_PLENTY": (12, 1), "_REFUSAL_HOLDS": 0.0, "_RETURNS_WITHIN": 0.0}.items():
            self.patch.setattr(books, name, value)
        self.patch.setattr(sqlite, "FIRST_SURPLUS", 4)
        super().__init__()
        self.later: list[Callable[[], None]] = []
        for ledger in (self.place.ledger, self.other_ledger):
            ledger._later = lambda seconds, work: self.later.append(work)

    @rule()
    def give_back(self) -> None:
        later, self.later = self.later, []
        for work in later:
            work()

    def attempt(self, who: int, act: "object") -> object:
        assert callable(act)

        def patient() -> object:
            try:
                return act()
            except HomeBusy:  # another process may return what it holds
                self.give_back()
                return act()

        return super().attempt(who, patient)

    def write(self, going: Going, size: int) -> None:
        try:
            super().write(going, size)
        except Obstacle:
            self.give_back()
            super().write(going, size)

    def finished(self, upload: Upload, ending: Ending) -> Fate:
        try:
            return upload.finish(ending)
        except HomeBusy:
            self.give_back()
            return upload.finish(ending)

    def teardown(self) -> None:
        super().teardown()
        self.patch.undo()


TestStockingMachine = pytest.mark.timeout(300)(StockingMachine.TestCase)
TestStockingMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestHomeMachine = pytest.mark.timeout(300)(HomeMachine.TestCase)
TestHomeMachine.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)

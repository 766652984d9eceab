import errno
import os
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ftpserver.storage.jail as module
from ftpserver.storage.jail import Jail, KernelJail, Parent, WalkJail, fault, has_openat2, jail_for
from ftpwire.pathname import ROOT, VirtualPath

P = VirtualPath


def read(jail: Jail, path: str) -> bytes:
    fd = jail.open(P(path), os.O_RDONLY)
    try:
        return os.read(fd, 300)
    finally:
        os.close(fd)


def fails(act: Callable[[], object]) -> int | None:
    try:
        act()
    except OSError as error:
        return error.errno
    return None


def code(jail: Jail, path: str, flags: int = os.O_RDONLY) -> int | None:
    return fails(lambda: os.close(jail.open(P(path), flags)))


def test_opens_below_the_root_only(jail: Jail, home: Path) -> None:
    (home / "d").mkdir()
    (home / "d" / "f").write_bytes(b"in")
    assert read(jail, "/d/f") == b"in"
    fd = jail.open(ROOT, os.O_RDONLY | os.O_DIRECTORY)
    assert os.path.samestat(os.fstat(fd), home.stat())
    assert not os.get_inheritable(fd)
    os.close(fd)


@pytest.mark.parametrize(
    "target",
    [
        "/homes/alice/secret",
        "../alice/secret",
        "../../homes/alice/secret",
        "/../../../alice/secret",
        "d/../../alice/secret",
    ],
)
def test_links_cannot_leave(jail: Jail, home: Path, target: str) -> None:
    (home / "d").mkdir()
    (home / "link").symlink_to(target)
    (home / "outside").symlink_to(home.parent / "alice")
    assert code(jail, "/link") == errno.ENOENT
    assert code(jail, "/outside/secret") == errno.ENOENT
    (home / "homes").mkdir()
    (home / "alice").mkdir()
    (home / "alice" / "secret").write_bytes(b"mine")
    (home / "homes" / "alice").symlink_to("/alice")
    assert read(jail, "/link") == b"mine"


def test_links_to_the_root_are_the_home(jail: Jail, home: Path) -> None:
    (home / "f").write_bytes(b"in")
    for name, target in (("a", "/"), ("b", ".."), ("c", "../.."), ("e", ".")):
        (home / name).symlink_to(target)
        assert read(jail, f"/{name}/f") == b"in"
        assert read(jail, f"/{name}/{name}/f") == b"in"
    (home / "kernel").symlink_to("/proc/self/root")
    assert code(jail, "/kernel/etc") == errno.ENOENT


def test_loops_end(jail: Jail, home: Path) -> None:
    (home / "a").symlink_to("b")
    (home / "b").symlink_to("a")
    assert code(jail, "/a") == errno.ELOOP
    assert code(jail, "/a/x") == errno.ELOOP
    (home / "end").write_bytes(b"end")
    before = "end"
    for number in range(41):
        (home / f"l{number}").symlink_to(before)
        before = f"l{number}"
    assert read(jail, "/l39") == b"end"  # 40 links
    assert code(jail, "/l40") == errno.ELOOP


def test_errors_are_those_of_the_kernel(jail: Jail, home: Path) -> None:
    (home / "f").write_bytes(b"")
    (home / "dangling").symlink_to("nowhere")
    (home / "slash").symlink_to("f/")
    assert code(jail, "/x") == errno.ENOENT
    assert code(jail, "/x/y") == errno.ENOENT
    assert code(jail, "/f/y") == errno.ENOTDIR
    assert code(jail, "/f", os.O_DIRECTORY | os.O_RDONLY) == errno.ENOTDIR
    assert code(jail, "/dangling") == errno.ENOENT
    assert code(jail, "/slash") == errno.ENOTDIR
    assert code(jail, "/" + "x" * 256) == errno.ENAMETOOLONG
    assert code(jail, "/slash", os.O_RDONLY | os.O_NOFOLLOW) == errno.ELOOP
    assert code(jail, "/" + "/".join(["ab"] * 1365) + "/abcd") == errno.ENAMETOOLONG
    for text, expected in (("", errno.ENOENT), ("f\0x", errno.EINVAL)):
        assert fails(partial(jail.resolve, text, os.O_RDONLY)) == expected


def test_a_link_itself_opens_with_nofollow(jail: Jail, home: Path) -> None:
    (home / "link").symlink_to("/etc")
    fd = jail.open(P("/link"), os.O_PATH | os.O_NOFOLLOW)
    assert os.readlink("", dir_fd=fd) == "/etc"
    os.close(fd)


def test_creates_where_a_link_leads_and_exclusively_not(jail: Jail, home: Path) -> None:
    (home / "d").mkdir()
    (home / "link").symlink_to("/d/new")
    with pytest.raises(FileExistsError):
        jail.open(P("/link"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    os.close(jail.open(P("/link"), os.O_CREAT | os.O_WRONLY, 0o600))
    assert (home / "d" / "new").stat().st_mode & 0o777 == 0o600


def test_names_of_any_bytes(jail: Jail, home: Path) -> None:
    for raw in (b"\xff\xfe", b"\x1b[0m\n", b"-rf", b"~", b"%2e%2e", b"a\\b", b"x" * 255, b"\xc0\xae", b" "):
        (home / os.fsdecode(raw)).write_bytes(raw)
        assert read(jail, "/" + raw.decode("utf-8", "surrogateescape")) == raw


def test_parent_of_a_name(jail: Jail, home: Path) -> None:
    (home / "d").mkdir()
    with jail.parent(P("/d/new")) as parent:
        assert (parent.name, os.path.samestat(os.fstat(parent.fd), (home / "d").stat())) == ("new", True)
    assert parent.fd == -1
    with jail.parent(P("/new")) as parent:
        assert parent.fd == jail.root
    assert os.fstat(jail.root)
    with pytest.raises(PermissionError):
        jail.parent(ROOT)
    (home / "f").touch()
    with pytest.raises(NotADirectoryError):
        jail.parent(P("/f/x"))


def place(jail: Jail, path: str) -> tuple[str, str, bool]:
    parent, facts = jail.place(P(path))
    with parent:
        return os.readlink(f"/proc/self/fd/{parent.fd}"), parent.name, facts is not None


def test_place_follows_links_as_chroot_would(jail: Jail, home: Path) -> None:
    (home / "d" / "sub").mkdir(parents=True)
    (home / "f").touch()
    links = {
        "one": "f",
        "two": "/d/new",
        "three": "d/three",
        "up": "../../up2",
        "dir": "d/sub/..",
        "loop": "loop",
    }
    for name, target in links.items():
        (home / name).symlink_to(target)
    (home / "d" / "three").symlink_to("../f")
    (home / "jump").symlink_to("d/sub")
    (home / "d" / "back").symlink_to("../jump/../new")  # physically d/new, lexically new
    root = str(home)
    assert place(jail, "/f") == (root, "f", True)
    assert place(jail, "/g") == (root, "g", False)
    assert place(jail, "/one") == (root, "f", True)
    assert place(jail, "/two") == (root + "/d", "new", False)
    assert place(jail, "/three") == (root, "f", True)
    assert place(jail, "/up") == (root, "up2", False)
    assert place(jail, "/d/back") == (root + "/d", "new", False)
    for path, expected in (
        ("/dir", errno.EISDIR),
        ("/loop", errno.ELOOP),
        ("/f/x", errno.ENOTDIR),
        ("/n/x", errno.ENOENT),
    ):
        assert fails(partial(jail.place, P(path))) == expected


def test_the_root_outlives_its_last_parent(home: Path) -> None:
    jail = jail_for(os.open(home, os.O_RDONLY))
    parent = jail.parent(P("/x"))
    jail.close()
    jail.close()
    assert os.path.samestat(os.fstat(parent.fd), home.stat())
    fd = parent.fd
    parent.close()
    parent.close()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
    with pytest.raises(OSError, match="Bad file"):
        jail.open(P("/x"), os.O_RDONLY)


def test_the_kernel_here_is_used() -> None:
    assert has_openat2()
    fd = os.open("/", os.O_RDONLY)
    jail = jail_for(fd)
    assert isinstance(jail, KernelJail)
    jail.close()


def test_fault_has_pythons_class() -> None:
    assert isinstance(fault(errno.ENOENT, "x"), FileNotFoundError)
    assert Parent(-1, "x").fd == -1


NAMES = st.sampled_from(["a", "b", "l", "m", "f"])
TARGETS = st.lists(st.sampled_from(["a", "b", "l", "m", "f", "..", ".", ""]), min_size=1, max_size=6).map(
    "/".join
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=st.dictionaries(
        st.tuples(st.sampled_from(["", "a/", "a/b/"]), NAMES), TARGETS.filter(bool), max_size=6
    ),
    paths=st.lists(st.lists(NAMES, min_size=1, max_size=5), min_size=1, max_size=6),
)
def test_both_resolvers_agree(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[tuple[str, str], str], paths: list[list[str]]
) -> None:
    base = tmp_path_factory.mktemp("agree")
    (base / "a" / "b").mkdir(parents=True)
    (base / "f").touch()
    for (where, name), target in tree.items():
        if not os.path.lexists(base / where / name):
            (base / where / name).symlink_to(target)
    jails: list[Jail] = [KernelJail(os.open(base, os.O_RDONLY)), WalkJail(os.open(base, os.O_RDONLY))]
    for parts in paths:
        for flags in (os.O_PATH, os.O_PATH | os.O_NOFOLLOW, os.O_RDONLY | os.O_DIRECTORY):
            assert len({outcome(jail, "/" + "/".join(parts), flags) for jail in jails}) == 1
    for jail in jails:
        jail.close()


def outcome(jail: Jail, path: str, flags: int) -> tuple[int, int]:
    try:
        fd = jail.open(P(path), flags)
    except OSError as error:
        return -1, error.errno or 0
    try:
        facts = os.fstat(fd)
        return facts.st_dev, facts.st_ino
    finally:
        os.close(fd)


def test_swapping_a_directory_for_a_link_leads_nowhere(jail: Jail, home: Path) -> None:
    (home / "d").mkdir()
    (home / "d" / "secret").write_bytes(b"inside")
    (home / "spare").symlink_to(home.parent / "alice")
    done = threading.Event()

    def swap() -> None:
        for _ in range(4000):
            os.rename(home / "d", home / "t")
            os.rename(home / "spare", home / "d")
            os.rename(home / "d", home / "spare")
            os.rename(home / "t", home / "d")
        done.set()

    thread = threading.Thread(target=swap)
    thread.start()
    seen = set()
    while not done.is_set():
        try:
            seen.add(read(jail, "/d/secret"))
        except OSError:
            continue
    thread.join()
    assert seen <= {b"inside"}
    assert read(jail, "/d/secret") == b"inside"


def test_a_home_that_is_closed_meanwhile_does_not_become_another(
    jail: Jail, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread of a session that has ended may come to its system call when the number is another home's."""
    (home / "file").write_bytes(b"ours")
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_bytes(b"theirs")
    taken: list[int] = []
    name = "_openat2" if isinstance(jail, KernelJail) else "_Walk"
    real = getattr(module, name)

    def late(*given: object) -> object:
        if not taken:
            jail.close()
            taken.append(os.open(other, os.O_RDONLY | os.O_DIRECTORY))
        return real(*given)

    monkeypatch.setattr(module, name, late)
    assert read(jail, "/file") == b"ours"
    assert code(jail, "/file") == errno.EBADF
    os.close(taken[0])

"""ftpserver.storage.listing: a directory in chunks of lines, with the accelerator and without it."""

import os
import socket
import sys
import tempfile
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from threading import Semaphore, get_ident

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import ftpserver.storage.listing as module
from ftpserver.storage.hidden import new_name
from ftpserver.storage.listing import in_chunks, listing
from ftpwire.facts import FACTS, FactLine
from ftpwire.listing import UnixLine
from ftpwire.timeval import DAY
from tests.accelerator import accelerator

pytestmark = pytest.mark.needs("gcc")

NOW = 1_790_000_000
FORMS = [None, UnixLine(NOW), FactLine()]


def opened(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


@pytest.fixture(autouse=True, params=["C", "Python"])
def maker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes the lines of common names."""
    monkeypatch.setattr(module, "_native", accelerator() if request.param == "C" else None)


def names(path: Path) -> list[str]:
    text = b"".join(listing(opened(path), FactLine(frozenset()))).decode("utf-8", "surrogateescape")
    assert text == b"".join(
        b" %s\r\n" % line for line in b"".join(listing(opened(path), None)).split(b"\r\n")[:-1]
    ).decode("utf-8", "surrogateescape")
    return [line[1:] for line in text.split("\r\n")[:-1]]


def test_few_names_are_sorted_and_many_are_complete(tmp_path: Path) -> None:
    wanted = sorted(f"f{number}" for number in range(256))
    for name in reversed(wanted):
        (tmp_path / name).touch()
    (tmp_path / new_name()).touch()
    assert names(tmp_path) == wanted
    for number in range(256, 3000):
        (tmp_path / f"f{number}").touch()
    assert sorted(names(tmp_path)) == sorted(f"f{number}" for number in range(3000))


@pytest.mark.parametrize(("processors", "used"), [(0, 1), (1, 1), (2, 2)])
def test_half_of_many_names_is_said_by_another_thread_where_a_processor_is_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int, used: int
) -> None:
    for number in range(5000):
        (tmp_path / f"f{number}").write_bytes(b"x" * (number % 7))
    (tmp_path / "link").symlink_to("f1")  # left to Python in the middle of it
    monkeypatch.setattr(module, "_processors", Semaphore(0))
    alone = [list(listing(opened(tmp_path), form)) for form in FORMS]
    sayers: set[int] = set()
    quick = module._quick

    def noted(form: UnixLine | FactLine) -> object:
        made = quick(form)
        return made and (lambda *about: (sayers.add(get_ident()), made(*about))[1])

    monkeypatch.setattr(module, "_quick", noted)
    monkeypatch.setattr(module, "_processors", Semaphore(processors))
    assert [list(listing(opened(tmp_path), form)) for form in FORMS] == alone
    assert len(sayers) == (0 if module._native is None else used)
    for _ in range(processors):  # all were given back
        assert module._processors.acquire(blocking=False)


def test_an_empty_directory_has_no_chunk(tmp_path: Path) -> None:
    (tmp_path / new_name()).touch()
    for form in FORMS:
        assert list(listing(opened(tmp_path), form)) == []


def test_every_chunk_is_whole_lines_and_the_first_is_short(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"f{number}").touch()
    for form in FORMS:
        chunks = list(listing(opened(tmp_path), form))
        assert chunks[0].count(b"\r\n") == 257
        assert all(chunk.endswith(b"\r\n") for chunk in chunks)
        assert sum(chunk.count(b"\r\n") for chunk in chunks) == 3000
    assert [chunk.count(b"\r\n") for chunk in in_chunks(iter("abc" * 500))] == [257, 1000, 243]
    assert list(in_chunks(iter(()))) == []


def test_what_vanishes_is_left_out_and_does_not_end_the_listing(tmp_path: Path) -> None:
    for number in range(3000):
        (tmp_path / f"f{number}").touch()
    chunks = listing(opened(tmp_path), FactLine(frozenset()))
    first = next(chunks)
    for name in os.listdir(tmp_path):
        (tmp_path / name).unlink()
    assert list(chunks) == []
    assert first.count(b"\r\n") == 257


@pytest.mark.parametrize("form", FORMS)
def test_a_listing_that_is_left_closes_its_descriptor(
    tmp_path: Path, form: UnixLine | FactLine | None
) -> None:
    for number in range(600):
        (tmp_path / f"f{number}").touch()
    untouched, begun = listing(opened(tmp_path), form), listing(opened(tmp_path), form)
    next(begun)
    begun.close()
    del untouched  # the check for leaks is every test's
    fd = os.open(tmp_path / "f0", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        listing(fd, form)


# The accelerator ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class File:
    """What a name stands for."""

    kind: str
    mode: int
    size: int
    modified: int
    """Nanoseconds."""


def _moments() -> st.SearchStrategy[int]:
    edges = (0, 1, NOW, NOW - 180 * DAY, NOW + DAY, 951_782_400, 4_102_444_800, 253_402_300_800)
    seconds = st.one_of(
        st.integers(-(2**33), 2**33),
        st.sampled_from(edges).flatmap(lambda edge: st.integers(edge - 3, edge + 3)),
    )
    parts = st.one_of(st.integers(0, 999_999_999), st.sampled_from((0, 1, 500_000_000, 999_999_999)))
    return st.builds(lambda whole, part: whole * 10**9 + part, seconds, parts)


_LETTERS = st.sampled_from([bytes([code]) for code in range(1, 256) if code != 0x2F])
_PLAIN = st.text("abc ~!?-._", min_size=1, max_size=20).map(str.encode)
_WORDS = st.sampled_from(
    [
        "größe",
        "ключ",
        "日本",
        "\U0001f600",
        "e\u0301",
        "a\u200db",
        "a\u2028b",
        "a\x85b",
        "\xa0",
        "\u00ad",
        "\ue000",
    ]
).map(str.encode)
_NAMES = st.one_of(
    _PLAIN,
    _PLAIN,
    _WORDS,
    st.lists(_LETTERS, min_size=1, max_size=20).map(b"".join),
    st.sampled_from(
        [b"n" * 255, b".ftpserver-x", b".ftpserver-0123456789abcdef.part", b"a\r\n b", b"\t", b" "]
    ),
).filter(lambda name: name not in (b".", b".."))
_FILES = st.builds(
    File,
    st.sampled_from(("file", "file", "directory", "link", "fifo", "socket")),
    st.integers(0, 0o7777),
    st.sampled_from((0, 1, 99_999_999, 100_000_000, 2**40)),
    _moments(),
)
_OWNERS = st.sampled_from(("ftp", "a name", "anna-with-a-long-name", "\udcff\n", "größe"))
_FORMS = st.one_of(
    st.builds(UnixLine, st.sampled_from((float(NOW), NOW + 0.999_999_9, 0.0)), _OWNERS, _OWNERS),
    st.builds(
        FactLine,
        st.sets(st.sampled_from(FACTS)).map(frozenset),
        st.sampled_from(("", "adfrw")),
        st.sampled_from(("", "cdeflmp")),
    ),
)


def make(folder: str, name: bytes, file: File) -> None:
    path = os.path.join(os.fsencode(folder), name)
    if file.kind == "directory":
        os.mkdir(path)
    elif file.kind == "link":
        os.symlink(b"no\nwhere", path)
    elif file.kind == "fifo":
        os.mkfifo(path)
    elif file.kind == "socket" and len(path) < 100:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
    else:
        with open(path, "wb") as made:
            made.truncate(file.size)
    if file.kind != "link":
        os.chmod(path, file.mode | 0o700)
    os.utime(path, ns=(0, file.modified), follow_symlinks=False)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(_NAMES, _FILES, max_size=12), _FORMS)
@example({b"a": File("file", 0o4755, 5, (NOW + 59) * 10**9 + 999_999_999)}, UnixLine(NOW))
@example({b"a": File("file", 0o644, 5, -1)}, FactLine())
@example({b"%d" % day: File("file", 0o644, 5, day * DAY * 10**9) for day in range(0, 47482, 331)}, FactLine())
@example(
    {b"%d" % day: File("file", 0o644, 5, day * DAY * 10**9) for day in range(59, 47482, 365)}, UnixLine(NOW)
)
def test_the_accelerator_says_what_python_says(files: dict[bytes, File], form: UnixLine | FactLine) -> None:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        for name, file in files.items():
            make(folder, name, file)
        said = []
        for native in (accelerator(), None):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(module, "_native", native)
                said.append(list(listing(opened(Path(folder)), form)))
        assert said[0] == said[1]


def test_the_accelerator_says_the_common_names_itself(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "größe").mkdir()
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "fifo")
    os.utime(tmp_path / "a", (0, 0))
    directory = opened(tmp_path)
    wanted = ["a", "gone", "größe", "link", "x\n", "gone\x00", "fifo", "gone", "\udcff", "a", "../a", "a"]
    pieces = accelerator().unix_lines(0.0, b" o g ", directory, wanted)
    assert [type(piece) for piece in pieces] == [bytes, tuple, tuple, bytes, tuple, bytes]
    assert pieces[0].startswith(b"-rw-r--r--   1 o g        0 Jan  1 00:00 a\r\nd")
    left = [piece for piece in pieces if isinstance(piece, tuple)]
    assert left == [("link", "x\n", "gone\x00", "fifo"), ("\udcff",), ("../a",)]
    pieces = accelerator().fact_lines((b"t;", b"p;"), (b"", b""), False, True, False, True, directory, ["a"])
    assert pieces == [b"t;modify=19700101000000;p;UNIX.mode=0644; a\r\n"]
    assert accelerator().unix_lines(0.0, b"", directory, []) == []
    os.close(directory)


def test_a_name_that_cannot_be_looked_at_is_the_error_it_is_without_the_accelerator(tmp_path: Path) -> None:
    names = ["a", "b"]
    assert accelerator().unix_lines(0.0, b"", -1, names) == [("a", "b")]
    (tmp_path / "a").touch()
    (tmp_path / "plain").touch()
    directory = os.open(tmp_path / "plain", os.O_RDONLY)  # NotADirectoryError for every name
    for form in FORMS[1:]:
        assert form is not None
        quick = module._quick(form)
        assert quick is None or quick(directory, names) == [("a", "b")]
        with pytest.raises(NotADirectoryError):
            module._described(directory, names, form)
    os.close(directory)


def test_the_accelerator_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    directory = opened(tmp_path)
    for arguments in ((), (0.0, b"", directory, ("a",)), (0.0, "", directory, []), (0.0, b"", 2**40, [])):
        with pytest.raises((TypeError, OverflowError)):
            accelerator().unix_lines(*arguments)
    assert accelerator().unix_lines(0.0, b"", directory, [b"a", None, 3, ""]) == [(b"a", None, 3)]
    os.close(directory)


def test_long_names_and_owners_fit(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:0255}").touch()
    lines = b"".join(listing(opened(tmp_path), UnixLine(NOW, "o" * 5000, "g" * 5000))).splitlines()
    assert len(lines) == 300
    assert {len(line) for line in lines} == {len(lines[0])}
    assert sorted(line[-255:] for line in lines) == [b"%0255d" % number for number in range(300)]


def test_ten_thousand_listings_leave_nothing_behind(tmp_path: Path) -> None:
    for name in ("file", "größe", "x\ny"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("file")
    # Made here: a literal may be held by others too, who let go of it meanwhile.
    said = [os.fsdecode(name) for name in (b"file", "größe".encode(), b"x\ny", b"gone", b"\xff", b"b" * 100)]
    form = FactLine()
    directory = opened(tmp_path)

    def run(times: int) -> None:
        for _ in range(times):
            chunks = listing(opened(tmp_path), form)
            next(chunks)
            chunks.close()
            accelerator().unix_lines(0.0, b" o g ", directory, said)

    run(200)
    counts = [sys.getrefcount(name) for name in said]
    opens = len(os.listdir("/proc/self/fd"))
    tracemalloc.start()
    run(200)
    before = tracemalloc.get_traced_memory()[0]
    run(10_000)
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    os.close(directory)
    assert (
        after - before < 150_000
    )  # the interpreter keeps some; an object a listing would be 240,000 or more
    assert [sys.getrefcount(name) for name in said] == counts
    assert len(os.listdir("/proc/self/fd")) == opens - 1


def test_a_directory_that_was_removed_has_no_names(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    directory = opened(tmp_path / "d")
    (tmp_path / "d").rmdir()
    assert list(listing(directory, FactLine())) == []

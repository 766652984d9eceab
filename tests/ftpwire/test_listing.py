"""ftpwire.listing: our LIST lines are what `ls -l` prints, and the lines of the field's servers are read."""

from contextlib import suppress
from datetime import UTC, datetime
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpwire.entry import Entry, Kind
from ftpwire.errors import RemoteError
from ftpwire.listing import UnixLine, decode_line, display_name, unix_line
from ftpwire.timeval import DAY


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp())


NOW = at(2026, 11, 22, 12)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1).filter(
    lambda name: name not in (".", "..") and " -> " not in name
)
OWNERS = st.text("abcdefgh-_.", min_size=1, max_size=12)


def read(line: str, now: float = NOW) -> Entry:
    entry = decode_line(line, now)
    assert entry is not None
    return entry


def test_a_recent_file() -> None:
    entry = Entry("name", Kind.FILE, 1234, at(2026, 11, 22, 11, 57), 0o644, 1)
    assert unix_line(entry, NOW) == "-rw-r--r--   1 ftp      ftp          1234 Nov 22 11:57 name"


def test_a_form_says_one_moment_and_owner_for_all() -> None:
    entry = Entry("name", Kind.FILE, 1234, at(2026, 11, 22, 11, 57), 0o644, 1)
    assert UnixLine(NOW, "u", "g").encode(entry) == unix_line(entry, NOW, "u", "g")


def test_an_old_directory_with_owners() -> None:
    entry = Entry("d", Kind.DIRECTORY, 4096, at(2020, 2, 3, 4, 5), 0o2750, 12, owner="alice", group="staff")
    assert unix_line(entry, NOW) == "drwxr-s---  12 alice    staff        4096 Feb  3  2020 d"


def test_a_link_shows_its_target() -> None:
    entry = Entry("l", Kind.LINK, 3, at(2026, 11, 1), 0o777, 1, target="a\nb")
    assert (
        unix_line(entry, NOW, "u", "g") == "lrwxrwxrwx   1 u        g               3 Nov  1 00:00 l -> a?b"
    )
    entry.target = None
    assert unix_line(entry, NOW).endswith(" l")


def test_what_is_unknown_has_a_default() -> None:
    assert unix_line(Entry("a", Kind.FILE), NOW) == "-rw-r--r--   1 ftp      ftp             0 Jan  1  1970 a"
    assert unix_line(Entry("a", Kind.DIRECTORY), NOW).startswith("drwxr-xr-x   1 ")
    assert unix_line(Entry("a", Kind.OTHER), NOW).startswith("prw-r--r--   1 ")


@pytest.mark.parametrize(
    ("age", "shown"),
    [
        (0, "Nov 22 12:00"),
        (180 * DAY - 1, "May 26 12:00"),
        (180 * DAY, "May 26  2026"),
        (1 - DAY, "Nov 23 11:59"),
        (-DAY, "Nov 23  2026"),
        (-400 * DAY, "Dec 27  2027"),
    ],
)
def test_the_year_stands_for_what_is_far_away(age: int, shown: str) -> None:
    assert f" {shown} a" in unix_line(Entry("a", Kind.FILE, modified=NOW - age), NOW)


@pytest.mark.parametrize("modified", [1e18, -1e18, 2**63, inf, -inf, nan])
def test_a_time_no_calendar_has_does_not_break_a_listing(modified: float) -> None:
    assert unix_line(Entry("a", Kind.FILE, modified=modified), NOW).endswith("Jan  1  1970 a")


@pytest.mark.parametrize(
    ("mode", "text"),
    [
        (0, "---------"),
        (0o777, "rwxrwxrwx"),
        (0o7777, "rwsrwsrwt"),
        (0o7000, "--S--S--T"),
        (0o4711, "rws--x--x"),
        (0o1640, "rw-r----T"),
    ],
)
def test_permission_letters(mode: int, text: str) -> None:
    line = unix_line(Entry("a", Kind.FILE, mode=mode), NOW)
    assert line[1:10] == text
    assert read(line).mode == mode


def test_neither_name_nor_owner_can_forge_a_line() -> None:
    line = unix_line(Entry("a\r\n-rw\x1b", Kind.FILE, owner="x\n y", group="g g"), NOW)
    assert "\n" not in line
    assert line.startswith("-rw-r--r--   1 x?_y     g_g     ")
    assert line.endswith(" a??-rw?")


def test_display_name() -> None:
    assert display_name("a\r\nb\x1b\x9b\x7f ü\udcff") == "a??b??? ü\udcff"


@given(
    st.builds(
        Entry,
        NAMES,
        st.sampled_from(Kind),
        size=st.integers(0, 2**63),
        modified=st.integers(at(1, 1, 1), at(9999, 12, 31)) | st.integers(NOW - 400 * DAY, NOW + 2 * DAY),
        mode=st.integers(0, 0o7777),
        links=st.integers(0, 10**6),
        target=st.none() | NAMES,
        owner=OWNERS,
        group=OWNERS,
    )
)
def test_round_trip(entry: Entry) -> None:
    if entry.kind is not Kind.FILE:
        entry.size = None
    if entry.kind is not Kind.LINK:
        entry.target = None
    modified = entry.modified
    assert modified is not None
    grain = 60 if -DAY < NOW - modified < 180 * DAY else DAY
    entry.modified = modified // grain * grain
    assert read(unix_line(entry, NOW)) == entry


@given(st.integers(at(1990, 1, 1), at(2090, 1, 1)), st.integers(-DAY + 1, 180 * DAY - 1))
def test_a_date_without_a_year_is_found_from_any_now(now: int, age: int) -> None:
    line = unix_line(Entry("a", Kind.FILE, modified=now - age), now)
    assert read(line, now).modified == (now - age) // 60 * 60


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (  # vsftpd, numeric owners
            "-rw-r--r--    1 0        0             1234 Nov 22 11:57 a",
            Entry("a", Kind.FILE, 1234, at(2026, 11, 22, 11, 57), 0o644, 1, owner="0", group="0"),
        ),
        (  # names with spaces, leading ones too
            "-rw-r--r--   1 ftp ftp 5 Nov 22 11:57   a b ",
            Entry("  a b ", Kind.FILE, 5, at(2026, 11, 22, 11, 57), 0o644, 1, owner="ftp", group="ftp"),
        ),
        (  # no group
            "-rw-r--r--   1 ftp 5 Nov 22  2005 a",
            Entry("a", Kind.FILE, 5, at(2005, 11, 22), 0o644, 1, owner="ftp"),
        ),
        (  # a group of two words (Windows names)
            "-rw-r--r--   1 DOM+bob Domain Users 5 Jan  2  2005 a",
            Entry("a", Kind.FILE, 5, at(2005, 1, 2), 0o644, 1, owner="DOM+bob", group="Domain Users"),
        ),
        (  # an access list
            "-rwxr-xr-x+  1 a b 5 Jan 12  2005 a",
            Entry("a", Kind.FILE, 5, at(2005, 1, 12), 0o755, 1, owner="a", group="b"),
        ),
        (  # SELinux, a link, an arrow in its target
            "lrwxrwxrwx. 1 a b 7 Jan 12  2005 l -> x -> y",
            Entry("l", Kind.LINK, None, at(2005, 1, 12), 0o777, 1, target="x -> y", owner="a", group="b"),
        ),
        (  # device numbers
            "crw-rw-rw-   1 root root   1,   3 Jan 12  2005 null",
            Entry("null", Kind.OTHER, None, at(2005, 1, 12), 0o666, 1, owner="root", group="root"),
        ),
        (
            "brw-rw----   1 root disk 8,0 Jan 12  2005 sda",
            Entry("sda", Kind.OTHER, None, at(2005, 1, 12), 0o660, 1, owner="root", group="disk"),
        ),
        (  # day before month, as some locales print
            "drwxr-xr-x   2 a b 4096 12 Jan 2005 d",
            Entry("d", Kind.DIRECTORY, None, at(2005, 1, 12), 0o755, 2, owner="a", group="b"),
        ),
        (  # ls --time-style=long-iso and full-iso
            "-rw-r--r-- 1 a b 5 2005-01-12 03:04 a",
            Entry("a", Kind.FILE, 5, at(2005, 1, 12, 3, 4), 0o644, 1, owner="a", group="b"),
        ),
        (
            "-rw-r--r-- 1 a b 5 2005-01-12 03:04:05.123456789 +0000 a",
            Entry("a", Kind.FILE, 5, at(2005, 1, 12, 3, 4), 0o644, 1, owner="a", group="b"),
        ),
        (  # a name that looks like columns
            "-rw-r--r-- 1 a b 5 Jan 12  2005 9 Feb 13  2006 x",
            Entry("9 Feb 13  2006 x", Kind.FILE, 5, at(2005, 1, 12), 0o644, 1, owner="a", group="b"),
        ),
        (  # as many links as push the columns together
            "drwxr-xr-x1234 a b 5 Jan 12  2005 d",
            Entry("d", Kind.DIRECTORY, None, at(2005, 1, 12), 0o755, 1234, owner="a", group="b"),
        ),
        (  # no owners at all
            "-rw-r--r-- 1 5 jan 12 2005 a",
            Entry("a", Kind.FILE, 5, at(2005, 1, 12), 0o644, 1),
        ),
    ],
)
def test_unix_in_its_variants(line: str, entry: Entry) -> None:
    assert read(line) == entry
    assert read(line + "\r\n") == entry


@pytest.mark.parametrize(
    ("now", "shown", "moment"),
    [
        (at(2026, 1, 2), "Dec 31 23:59", at(2025, 12, 31, 23, 59)),
        (at(2025, 12, 31, 23), "Jan  1 00:30", at(2026, 1, 1, 0, 30)),
        (at(2026, 11, 22), "Nov 24 00:00", at(2025, 11, 24)),
        (at(2026, 3, 1), "Feb 29 10:00", at(2024, 2, 29, 10)),
        (at(1903, 3, 1), "Feb 29 10:00", at(1896, 2, 29, 10)),
    ],
)
def test_a_date_without_a_year_is_the_latest_that_can_be(now: int, shown: str, moment: int) -> None:
    assert read(f"-rw-r--r-- 1 a b 5 {shown} a", now).modified == moment


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        ("06-07-22 12:55PM <DIR> x", Entry("x", Kind.DIRECTORY, None, at(2022, 6, 7, 12, 55))),
        (
            "06-07-22  12:05AM       <DIR>          a b",
            Entry("a b", Kind.DIRECTORY, None, at(2022, 6, 7, 0, 5)),
        ),
        (
            "06-07-22  12:55PM       <DIR>            x",
            Entry("  x", Kind.DIRECTORY, None, at(2022, 6, 7, 12, 55)),
        ),
        ("06-07-2022  01:55PM                 1234 x", Entry("x", Kind.FILE, 1234, at(2022, 6, 7, 13, 55))),
        ("06-07-99  23:55                 1,234  x", Entry(" x", Kind.FILE, 1234, at(1999, 6, 7, 23, 55))),
        ("06/07/22  9:55 am  0 x", Entry("x", Kind.FILE, 0, at(2022, 6, 7, 9, 55))),
        ("06-07-22  09:55AM  <JUNCTION>  x", Entry("x", Kind.LINK, None, at(2022, 6, 7, 9, 55))),
    ],
)
def test_dos(line: str, entry: Entry) -> None:
    assert read(line) == entry


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (
            "+i8388621.48594,m825718503,r,s280,\tdjb.html",
            Entry("djb.html", Kind.FILE, 280, 825718503, unique="8388621.48594"),
        ),
        (
            "+i8388621.50690,m824255907,/,\t514",
            Entry("514", Kind.DIRECTORY, None, 824255907, unique="8388621.50690"),
        ),
        ("+r,up644,sx,m-1,\t a\tb", Entry(" a\tb", Kind.FILE, mode=0o644)),
        ("+,\tx", Entry("x", Kind.OTHER)),
    ],
)
def test_eplf(line: str, entry: Entry) -> None:
    assert read(line) == entry


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        "\r\n",
        "total 8",
        "Total 1.5K",
        "total 0\r\n",
        "total",
        "drwxr-xr-x 2 a b 4096 Jan 12  2005 .",
        "drwxr-xr-x 2 a b 4096 Jan 12  2005 ..",
        "06-07-22 12:55PM <DIR> ..",
        "+/,\t.",
    ],
)
def test_lines_that_stand_for_no_entry(line: str) -> None:
    assert decode_line(line, NOW) is None


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "totally different",
        "550 No such file",
        "+i1,r,s2",
        "+r,\t",
        "-rw-r--r--",
        "-rw-r--r-- 1 a b",
        "-rw-r--r-- 1 a b 5 Jan 12  2005",
        "-rw-r--r-- 1 a b 5 Jan 12  2005 ",
        "-rw-r--r-- 1 a b 5 Feb 30  2005 a",
        "-rw-r--r-- 1 a b 5 Feb 30 11:00 a",
        "-rw-r--r-- 1 a b 5 Jan 12 25:00 a",
        "-rw-r--r-- 1 a b 5 Jan 12 11:60 a",
        "-rw-r--r-- 1 a b 5 Foo 12  2005 a",
        "-rw-r--r-- 1 a b 5 \u017fep 12  2005 a",
        "-rw-r--r-- 1 a b 5 2005-13-12 03:04 a",
        "-rw-r--r-- 1 a b \u0665 Jan 12  2005 a",
        "-rw-r--r-- 1 a b " + "9" * 20 + " Jan 12  2005 a",
        "-rwxrwxrwz 1 a b 5 Jan 12  2005 a",
        "13-07-22 12:55PM <DIR> x",
        "06-07-22 13:55PM <DIR> x",
        "06-07-22 00:55AM 1 x",
        "06-07-22 24:55 1 x",
        "06-07-22 12:55PM <WHAT> x",
        "06-07-22 12:55PM 1",
        "06-07-22 12:55PM " + "9" * 21 + " x",
    ],
)
def test_what_is_no_listing_is_refused(line: str) -> None:
    with pytest.raises(RemoteError):
        decode_line(line, NOW)


@pytest.mark.parametrize(
    "filler", [" ", "1 ", "1", "1, ", "1,", "1 Jan ", "1 Jan 1 1", "a ", "\t", "5 2005-01-12 "]
)
@pytest.mark.parametrize("head", ["-rw-r--r-- ", "06-07-22 12:55PM ", "06-07-22 12:55PM 1", "+", "total "])
def test_no_line_is_slow(head: str, filler: str) -> None:
    """A pattern that is quadratic in such a line runs into the suite's time limit."""
    line = head + filler * (200_000 // len(filler)) + "\n-"
    with suppress(RemoteError):
        decode_line(line, NOW)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(line: str) -> None:
    try:
        entry = decode_line(line, NOW)
    except RemoteError:
        return
    assert entry is None or entry.name in line

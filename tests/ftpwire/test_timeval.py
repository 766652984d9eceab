"""ftpwire.timeval: UTC, the whole calendar, and nothing that only looks like a time."""

from datetime import UTC, datetime
from math import floor, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpwire.errors import LocalError, RemoteError
from ftpwire.timeval import DAY, calendar_date, day_number, decode_timeval, encode_timeval

FIRST, LAST = -62167219200, 253402300799  # 0000-01-01 00:00:00 and 9999-12-31 23:59:59


@given(st.integers(FIRST, LAST) | st.floats(FIRST, LAST))
def test_round_trip(seconds: float) -> None:
    assert decode_timeval(encode_timeval(seconds)) == floor(seconds)


@given(st.integers(FIRST // DAY, LAST // DAY))
def test_dates_round_trip(day: int) -> None:
    assert day_number(*calendar_date(day)) == day


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_the_calendar_is_the_standard_librarys(moment: datetime) -> None:
    whole = moment.replace(microsecond=0)
    assert decode_timeval(f"{moment.year:04}{moment:%m%d%H%M%S}") == whole.timestamp()
    assert encode_timeval(whole.timestamp()) == f"{moment.year:04}{moment:%m%d%H%M%S}"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "19700101000000"),
        (-1, "19691231235959"),
        (-0.5, "19691231235959"),
        (1.999, "19700101000001"),
        (951782400, "20000229000000"),
        (FIRST, "00000101000000"),
        (LAST, "99991231235959"),
        (LAST + 0.9, "99991231235959"),
    ],
)
def test_encode(seconds: float, text: str) -> None:
    assert encode_timeval(seconds) == text


@pytest.mark.parametrize("seconds", [FIRST - 1, LAST + 1, 2**63, -(2**63), 1e300, inf, -inf, nan])
def test_a_time_beyond_the_calendar_cannot_be_said(seconds: float) -> None:
    with pytest.raises(LocalError):
        encode_timeval(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("19700101000000.5", 0.5),
        ("19700101000001.250000000", 1.25),
        ("00000229000000", FIRST + 59 * DAY),  # the year 0 is a leap year
        ("20161231235960", 1483228800),  # a leap second is the next second
    ],
)
def test_decode(text: str, seconds: float) -> None:
    assert decode_timeval(text) == seconds


def test_a_fraction_may_be_as_long_as_a_line() -> None:
    assert decode_timeval("19700101000000." + "0" * 8000) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026",
        "2026010203040",
        "202601020304055",
        "19126010203040",
        "20260229000000",
        "20260431000000",
        "20261301000000",
        "20260001000000",
        "20260100000000",
        "00000230000000",
        "20260101240000",
        "20260101006000",
        "20260101000061",
        "20260101000000.",
        "20260101000000,5",
        "20260101000000.5.5",
        "20260101000000.-5",
        "20260101000000.1e9",
        "20260101000000Z",
        "20260101000000\n",
        " 20260101000000",
        "-2260101000000",
        "+2026010100000",
        "2026_101000000",
        "2026\u0660101000000",
        "20260101000000.\u0665",
        "9" * 5000,
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(RemoteError):
        decode_timeval(text)

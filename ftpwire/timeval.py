"""Times as MDTM, MFMT and the modify fact say them: YYYYMMDDHHMMSS[.fraction] in UTC (RFC 3659 section 2.3).

Seconds count from 1970-01-01 and days with them, in the Gregorian calendar, from year 0000 to 9999.
Listings say and read the same day thousands of times, so it is worked out once.
"""

import re
from datetime import date
from functools import lru_cache
from math import floor

from ftpwire.errors import LocalError, RemoteError

DAY = 86400
"""Seconds in a day."""

_EPOCH = date(1970, 1, 1).toordinal()
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146097  # after which the calendar repeats; lends `date` the year 0 it lacks
_TIMEVAL = re.compile(r"([0-9]{8})([0-9]{2})([0-9]{2})([0-9]{2})(\.[0-9]+)?")
_MINUTES = tuple(f"{hour:02}{minute:02}" for hour in range(24) for minute in range(60))
_SECONDS = tuple(f"{second:02}" for second in range(60))


def encode_timeval(seconds: int | float) -> str:
    """Return seconds since 1970 as YYYYMMDDHHMMSS without a fraction. Raises LocalError beyond 0000..9999."""
    try:
        minutes, second = divmod(floor(seconds), 60)
    except (OverflowError, ValueError):
        raise LocalError("the time is not a finite number") from None
    day, minute = divmod(minutes, 1440)
    return _day_text(day) + _MINUTES[minute] + _SECONDS[second]


def decode_timeval(text: str) -> float:
    """Return a time as seconds since 1970. Raises RemoteError when it is not a time of the calendar."""
    match = _TIMEVAL.fullmatch(text)
    if match is None:
        raise RemoteError("a time is YYYYMMDDHHMMSS")
    date_text, *clock, fraction = match.groups()
    hour, minute, second = map(int, clock)
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second
        raise RemoteError("there is no such time of day")
    whole = _day_start(date_text) + hour * 3600 + minute * 60 + second
    return whole + float(fraction or 0)


def day_number(year: int, month: int, day: int) -> int:
    """Return a date as days since 1970-01-01. Raises RemoteError when the calendar has no such date."""
    try:
        if year == 0:
            return date(_CYCLE_YEARS, month, day).toordinal() - _CYCLE_DAYS - _EPOCH
        return date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        raise RemoteError("there is no such date") from None


def calendar_date(day: int) -> tuple[int, int, int]:
    """Return days since 1970-01-01 as year, month and day. Raises LocalError beyond years 0000..9999."""
    ordinal = day + _EPOCH
    try:
        if ordinal > 0:
            found = date.fromordinal(ordinal)
            return found.year, found.month, found.day
        found = date.fromordinal(ordinal + _CYCLE_DAYS)
    except (OverflowError, ValueError):
        raise LocalError("the time is beyond the years 0000 to 9999") from None
    if found.year < _CYCLE_YEARS:
        raise LocalError("the time is beyond the years 0000 to 9999")
    return found.year - _CYCLE_YEARS, found.month, found.day


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    year, month, day_of_month = calendar_date(day)
    return f"{year:04}{month:02}{day_of_month:02}"


@lru_cache(maxsize=4096)
def _day_start(text: str) -> int:
    return day_number(int(text[:4]), int(text[4:6]), int(text[6:])) * DAY

"""LIST lines, said and heard. No RFC defines them; `ls -l` is what clients expect.

Said: "-rw-r--r--   1 ftp      ftp          1234 Nov 22 11:57 name", in UTC, with the year instead of the
time for what is older than 180 days or more than a day in the future, much as `ls` does.

Heard: Unix in its variants, DOS (IIS) and EPLF. The formats share no beginning, so the first characters
choose the reader. Exactly one space separates the last column from the name: names may start with spaces.
Times are taken as UTC; a date without a year is the latest one that is not after tomorrow. Each pattern is
anchored or starts at a column's edge, so that no line can make it slow.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from ftpwire.entry import Entry, Kind
from ftpwire.errors import LocalError, RemoteError
from ftpwire.printable import printable
from ftpwire.timeval import DAY, calendar_date, day_number

_RECENT = 180 * DAY
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_LETTERS = {Kind.FILE: "-", Kind.DIRECTORY: "d", Kind.LINK: "l", Kind.OTHER: "p"}
_DEFAULT_MODES = {Kind.FILE: 0o644, Kind.DIRECTORY: 0o755, Kind.LINK: 0o777, Kind.OTHER: 0o644}
_KINDS = {"-": Kind.FILE, "d": Kind.DIRECTORY, "l": Kind.LINK}
_CLOCK = tuple(f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60))
_LINK = Kind.LINK  # looking a member up on its enum is slow in a listing's loop


def display_name(name: str) -> str:
    """Return the name with "?" in place of each control character, so that it cannot forge a line."""
    return printable(name)


# What we say ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnixLine:
    """Says entries as they look at the moment `now`, all of one owner and group."""

    now: float
    owner: str = "ftp"
    group: str = "ftp"

    def encode(self, entry: Entry) -> str:
        """Return the line without its end."""
        return unix_line(entry, self.now, self.owner, self.group)

    @property
    def owners(self) -> str:
        """What stands between the number of links and the size, in every line."""
        return _owner_columns(self.owner, self.group)


def unix_line(entry: Entry, now: float, owner: str = "ftp", group: str = "ftp") -> str:
    """Return the line without its end; `owner` and `group` stand in for an entry that names none."""
    modified = entry.modified
    modified = 0 if modified is None else modified
    try:
        minutes = int(modified // 60)
        head, year = _day_text(minutes // 1440)
    except (LocalError, OverflowError, ValueError):  # a disk can hold times that no calendar has
        minutes, (head, year) = 0, _day_text(0)
    recent = -DAY < now - modified < _RECENT
    name = entry.name
    if not name.isprintable():
        name = printable(name)
    kind = entry.kind
    if kind is _LINK and entry.target is not None:
        name = f"{name} -> {printable(entry.target)}"
    columns = _columns(kind, entry.mode, entry.links, entry.owner or owner, entry.group or group)
    return f"{columns}{entry.size or 0:>8} {head}{_CLOCK[minutes % 1440] if recent else year} {name}"


@lru_cache(maxsize=4096)
def _columns(kind: Kind, mode: int | None, links: int | None, owner: str, group: str) -> str:
    bits = _DEFAULT_MODES[kind] if mode is None else mode
    links = 1 if links is None else links
    return f"{_LETTERS[kind]}{_mode_text(bits)} {links:>3}{_owner_columns(owner, group)}"


def _owner_columns(owner: str, group: str) -> str:
    owner, group = (printable(text).replace(" ", "_") for text in (owner, group))
    return f" {owner:<8} {group:<8} "


def _mode_text(mode: int) -> str:
    letters = [letter if mode & 0o400 >> place else "-" for place, letter in enumerate("rwxrwxrwx")]
    for bit, place, with_x, without_x in (
        (0o4000, 2, "s", "S"),
        (0o2000, 5, "s", "S"),
        (0o1000, 8, "t", "T"),
    ):
        if mode & bit:
            letters[place] = with_x if letters[place] == "x" else without_x
    return "".join(letters)


@lru_cache(maxsize=4096)
def _day_text(day: int) -> tuple[str, str]:
    year, month, day_of_month = calendar_date(day)
    return f"{_MONTHS[month - 1]} {day_of_month:2} ", f" {year:04}"


# What we hear --------------------------------------------------------------------------------------------

_TOTAL = re.compile(r"total(?: [0-9.,]{1,20}[a-z]?)?\s*", re.IGNORECASE)
_UNIX_HEAD = re.compile(
    r"([-bcdlpsCDMnPw?])([-r][-w][-xsSlL][-r][-w][-xsSlL][-r][-w][-xtT])[-+.@]?(?=[ 0-9])"
)
_UNIX_TAIL = re.compile(
    r"""
    (?<![^ ])(?:[0-9]{1,10},[ ]{0,8})?                       # a device has "major, minor" for its size
    (?P<size>[0-9]{1,19})[ ]+
    (?:
        (?:(?P<month>MONTHS)[ ]{1,3}(?P<day>[0-9]{1,2})      # Nov 22
          |(?P<day_>[0-9]{1,2})[ ](?P<month_>MONTHS))        # 22 Nov
        [ ]{1,3}(?:(?P<year>[0-9]{4})|(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}))
      |                                                      # 2026-11-22 11:57[:01.123456789 +0000]
        (?P<iso_year>[0-9]{4})-(?P<iso_month>[0-9]{2})-(?P<iso_day>[0-9]{2})
        [ ](?P<iso_hour>[0-9]{2}):(?P<iso_minute>[0-9]{2})(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:[ ][-+][0-9]{4})?
    )
    [ ](?P<name>.+)
    """.replace("MONTHS", "|".join(_MONTHS)),
    re.VERBOSE | re.DOTALL | re.IGNORECASE | re.ASCII,
)
_DOS = re.compile(
    r"""
    (?P<month>[0-9]{2})[-/.](?P<day>[0-9]{2})[-/.](?P<year>[0-9]{4}|[0-9]{2})[ ]{1,4}
    (?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})[ ]?(?P<half>[AP]M)?[ ]{1,30}
    (?:<(?P<word>DIR|JUNCTION|SYMLINKD?)>[ ]{1,10}|(?P<size>[0-9][0-9,]{0,25})[ ])
    (?P<name>.+)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE | re.ASCII,
)
_DOS_KINDS = {None: Kind.FILE, "DIR": Kind.DIRECTORY}
_DIGITS = re.compile(r"[0-9]{1,19}")
_OCTAL = re.compile(r"[0-7]{1,7}")


def decode_line(text: str, now: float) -> Entry | None:
    """Read a line as an entry; None when it stands for none: "total 8", a blank line, "." and "..".

    `now` is in seconds since 1970 and settles dates without a year. Raises RemoteError when no format fits.
    """
    text = text.rstrip("\r\n")
    if not text.strip() or _TOTAL.fullmatch(text):
        return None
    if text.startswith("+"):
        entry = _decode_eplf(text)
    elif (head := _UNIX_HEAD.match(text)) is not None:
        entry = _decode_unix(text, head, now)
    elif (match := _DOS.fullmatch(text)) is not None:
        entry = _decode_dos(match)
    else:
        raise RemoteError("the line has the form of no known listing")
    return entry if entry.name not in (".", "..") else None


def _decode_unix(text: str, head: re.Match[str], now: float) -> Entry:
    tail = _UNIX_TAIL.search(text, head.end())
    if tail is None:
        raise RemoteError("the line has no size, date and name")
    letter, permissions = head.groups()
    kind = _KINDS.get(letter, Kind.OTHER)
    links, owner, group = _owners(text[head.end() : tail.start()].split())
    name, target = tail["name"], None
    if kind is Kind.LINK:
        name, arrow, after = name.partition(" -> ")
        target = after if arrow else None
    return Entry(
        name,
        kind,
        size=int(tail["size"]) if kind is Kind.FILE else None,
        modified=_unix_time(tail, now),
        mode=_mode_bits(permissions),
        links=links,
        target=target,
        owner=owner,
        group=group,
    )


def _owners(columns: list[str]) -> tuple[int | None, str | None, str | None]:
    """Read what stands between mode and size; links or group may be absent, a group may have spaces."""
    links = None
    if columns and _DIGITS.fullmatch(columns[0]):
        links = int(columns.pop(0))
    owner = columns[0] if columns else None
    return links, owner, " ".join(columns[1:]) or None


def _mode_bits(permissions: str) -> int:
    mode = 0
    for place, letter in enumerate(permissions):
        if letter in "rwxst":
            mode |= 0o400 >> place
    for bit, place in ((0o4000, 2), (0o2000, 5), (0o1000, 8)):
        if permissions[place] in "sStT":
            mode |= bit
    return mode


def _unix_time(tail: re.Match[str], now: float) -> int:
    if tail["iso_year"]:
        day = day_number(int(tail["iso_year"]), int(tail["iso_month"]), int(tail["iso_day"]))
        return _moment(day, int(tail["iso_hour"]), int(tail["iso_minute"]))
    month = _MONTH_NUMBERS[(tail["month"] or tail["month_"]).lower()]
    day_of_month = int(tail["day"] or tail["day_"])
    if tail["year"]:
        return _moment(day_number(int(tail["year"]), month, day_of_month), 0, 0)
    return _latest(month, day_of_month, int(tail["hour"]), int(tail["minute"]), now)


def _latest(month: int, day: int, hour: int, minute: int, now: float) -> int:
    """Return the latest such moment up to a day from now; 29 February may be up to eight years back."""
    this_year = calendar_date(int(now // DAY))[0]
    for year in range(this_year + 1, this_year - 9, -1):
        try:
            moment = _moment(day_number(year, month, day), hour, minute)
        except RemoteError:
            continue
        if moment <= now + DAY:
            return moment
    raise RemoteError("there is no such date")


def _moment(day: int, hour: int, minute: int) -> int:
    if hour > 23 or minute > 59:
        raise RemoteError("there is no such time of day")
    return day * DAY + hour * 3600 + minute * 60


def _decode_dos(match: re.Match[str]) -> Entry:
    year, hour = int(match["year"]), int(match["hour"])
    if len(match["year"]) == 2:
        year += 1900 if year >= 70 else 2000
    if match["half"]:
        if not 1 <= hour <= 12:
            raise RemoteError("there is no such time of day")
        hour = hour % 12 + (12 if match["half"].upper() == "PM" else 0)
    day = day_number(year, int(match["month"]), int(match["day"]))
    word = match["word"] and match["word"].upper()
    size = None
    if word is None:
        digits = match["size"].replace(",", "")
        if len(digits) > 19:
            raise RemoteError("the size is no size")
        size = int(digits)
    return Entry(
        match["name"], _DOS_KINDS.get(word, Kind.LINK), size, _moment(day, hour, int(match["minute"]))
    )


def _decode_eplf(text: str) -> Entry:
    """Read "+facts,<TAB>name" (cr.yp.to/ftp/list/eplf.html); facts we do not know are skipped."""
    facts, _, name = text[1:].partition("\t")
    if not name:
        raise RemoteError("the line holds no name")
    entry = Entry(name, Kind.OTHER)
    for fact in facts.split(","):
        letter, value = fact[:1], fact[1:]
        if fact == "/":
            entry.kind = Kind.DIRECTORY
        elif fact == "r":
            entry.kind = Kind.FILE
        elif letter == "i" and value:
            entry.unique = value
        elif letter == "s" and _DIGITS.fullmatch(value):
            entry.size = int(value)
        elif letter == "m" and _DIGITS.fullmatch(value):
            entry.modified = int(value)
        elif fact.startswith("up") and _OCTAL.fullmatch(fact[2:]):
            entry.mode = int(fact[2:], 8) & 0o7777
    return entry

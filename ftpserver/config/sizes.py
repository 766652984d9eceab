"""Numbers of bytes as people write them: "10MiB", "1 GB", "1.5GiB", 1048576.

KiB, MiB ... are powers of 1024; kB, MB ... are powers of 1000. A bare "10M" is refused, because half of its
readers would be wrong about it. Only the digits 0 to 9 count: Python's int() would also take "1_000" and
other scripts.
"""

import re
from fractions import Fraction

LARGEST = 2**63 - 1
"""The largest size anything here can hold: a signed 64-bit number, as in the ledger and in off_t."""

_LETTERS = "KMGTPE"
_UNITS = {"": 1, "B": 1}
_UNITS |= {f"{letter}B": 1000 ** (power + 1) for power, letter in enumerate(_LETTERS)}
_UNITS |= {f"{letter}IB": 1024 ** (power + 1) for power, letter in enumerate(_LETTERS)}
_SIZE = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,19}))? ?([A-Za-z]{0,3})")


def parse_size(value: object) -> int:
    """Return the number of bytes that a whole number or a text such as "10MiB" means, rounded down.

    Raises ValueError, whose text completes "quota.bytes: ...".
    """
    if isinstance(value, int) and not isinstance(value, bool):
        size = value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        whole, fraction, unit = match.groups()
        factor = _UNITS.get(unit.upper())
        if factor is None:
            raise ValueError(f"unknown unit {unit!r}; use B, kB, KiB, MB, MiB, GB, GiB, TB or TiB")
        if fraction and factor == 1:
            raise ValueError(f"{value!r} is not a whole number of bytes")
        size = int(Fraction(f"{whole}.{fraction or 0}") * factor)
    else:
        raise ValueError(f"must be a size such as 10MiB, 1GB or 1048576, not {value!r}")
    if not 0 <= size <= LARGEST:
        raise ValueError(f"must be between 0 and {LARGEST} bytes, not {value!r}")
    return size


def format_size(size: int) -> str:
    """Return a size for people: "512 B", "1.0 MiB", "1.4 GiB"."""
    amount = float(size)
    unit = ""
    for letter in ("", *_LETTERS):
        unit = letter
        # 1023.96 KiB would print as "1024.0 KiB"; it is "1.0 MiB".
        if abs(amount) < (1024 if not letter else 1023.95):
            break
        if letter != _LETTERS[-1]:
            amount /= 1024
    return f"{amount:.1f} {unit}iB" if unit else f"{size} B"

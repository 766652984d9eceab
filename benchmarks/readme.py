"""Tables in README.md that a command makes anew: each stands between two marks that name it and the command."""

import re
from datetime import UTC, datetime
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def put(name: str, text: str, readme: Path = README) -> None:
    """Put `text` between the marks of this name, under the day it was made. Raises ValueError without such marks."""
    before = readme.read_text("utf-8")
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    marks = re.compile(rf"(<!-- {name}: made by `[^`]+` -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    after, found = marks.subn(lambda match: f"{match[1]}Measured {day}. {text}\n{match[2]}", before)
    if not found:
        raise ValueError(f"{readme} has no marks for {name}")
    readme.write_text(after, "utf-8")

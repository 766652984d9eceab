"""The README's table "which client passed what", made from a run.

    python -m tests.foreign.table            drives every client (about a minute), then writes passed.json and README.md
    python -m tests.foreign.table --render   writes the table again from passed.json

A client that fails a step is in no table: the run fails, and nothing is written.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.foreign.life import RECORDS, STEPS
from tests.service import ROOT

BEGIN = "<!-- clients: made by `python -m tests.foreign.table` -->"
END = "<!-- /clients -->"
PASSED = Path(__file__).with_name("passed.json")
WAYS = ("plain", "TLS", "active", "IPv6")


def recorded() -> list[dict[str, Any]]:
    """What each client passed, as the last whole run wrote it down."""
    entries: list[dict[str, Any]] = json.loads(PASSED.read_text("utf-8")) if PASSED.exists() else []
    return entries


def rendered(entries: list[dict[str, Any]]) -> str:
    """The table as Markdown."""
    columns = [*WAYS, *STEPS]
    lines = [
        f"| client | {' | '.join(columns)} |",
        f"|---|{'|'.join(':-:' for _ in columns)}|",
    ]
    for client in dict.fromkeys(entry["client"] for entry in entries):
        mine = [entry for entry in entries if entry["client"] == client]
        ways = {part for entry in mine for part in entry["way"].split("-")}
        able = [word in ways for word in WAYS]
        able += [all(entry["steps"][step] == "passed" for entry in mine) for step in STEPS]
        cells = ["✓" if can else "-" for can in able]
        lines.append(f"| {client} {mine[0]['version']} | {' | '.join(cells)} |")
    lines.append("")
    for client, limits in {entry["client"]: entry["limits"] for entry in entries if entry["limits"]}.items():
        lines.append(f"- {client}: {'; '.join(limits)}.")
    return "\n".join(lines)


def drive() -> list[dict[str, Any]]:
    """Run every client; returns what each passed. Raises SystemExit when one did not."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, RECORDS: folder}
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-n", "auto", "-k", "test_a_client_s_life"),
                str(PASSED.with_name("test_matrix.py")),
            ],
            cwd=ROOT,
            env=environment,
        )
        found = [json.loads(file.read_text("utf-8")) for file in Path(folder).iterdir()]
    from tests.foreign.test_matrix import CLIENTS  # here, as that module reads what this one wrote

    order = [(kind.name, str(way)) for kind in CLIENTS for way in kind.ways()]
    by_case = {(entry["client"], entry["way"]): entry for entry in found}
    missing = [case for case in order if case not in by_case]
    if missing:
        raise SystemExit(f"not passed: {missing}")
    return [by_case[case] for case in order]


def main() -> None:
    if "--render" not in sys.argv[1:]:
        text = json.dumps(drive(), ensure_ascii=False, indent=1)
        PASSED.write_text(text + "\n", "utf-8")
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"README.md has no {BEGIN} ... {END}")
    readme.write_text(f"{before}{BEGIN}\n{rendered(recorded())}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main()

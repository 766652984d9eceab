"""The one table, in Markdown, and the same as JSON."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.measure import LIMIT, OURS, Row, Series


def figure(value: float) -> str:
    """Three digits that count."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(series: Series | None) -> str:
    """The median, and in brackets the least and the greatest value."""
    if series is None:
        return "-"
    values = series.values
    if len(values) == 1:
        return figure(values[0])
    return f"{figure(series.median)} ({figure(min(values))}-{figure(max(values))})"


def markdown(rows: Sequence[Row], titles: Mapping[str, str]) -> str:
    """The table: ours, the ratio to the best peer, the ratio to the machine, then every peer."""
    head = ["workload", "unit", "ours", "of best peer", "target", "of machine", "load, cores"]
    peers = [
        key
        for key in titles
        if key not in (OURS, LIMIT) and any(key in row.series or key in row.failures for row in rows)
    ]
    lines = [[*head, *(titles[key] for key in peers), "machine"]]
    for row in rows:
        ours = row.series.get(OURS)
        best, ratio, share = row.best_peer, row.ratio(row.best_peer), row.ratio(LIMIT)
        lines.append(
            [
                row.title,
                row.unit,
                "failed" if OURS in row.failures else cell(ours),
                f"{ratio:.2f} ({titles.get(best or '', best)})" if ratio is not None else "-",
                row.target or "-",
                f"{share:.2f}" if share is not None else "-",
                f"{ours.load:.2f}" if ours is not None and ours.load is not None else "-",
                *("failed" if key in row.failures else cell(row.series.get(key)) for key in peers),
                cell(row.series.get(LIMIT)),
            ]
        )
    return grid(lines)


def ratios(rows: Sequence[Row], titles: Mapping[str, str]) -> str:
    """The short table: ours and the best of the others."""
    lines = [["workload", "unit", "ours", "best of the others", "ours is"]]
    for row in rows:
        best, ratio = row.best_peer, row.ratio(row.best_peer)
        if best is not None and ratio is not None:
            ours, other = row.series[OURS].median, row.series[best].median
            shown = f"{figure(other)} ({titles.get(best, best)})"
            lines.append([row.title, row.unit, figure(ours), shown, f"{ratio:.2f} times as good"])
    return grid(lines)


def grid(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first line is its head."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]

    def shown(line: Sequence[str]) -> str:
        return "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |"

    return "\n".join([shown(lines[0]), shown(["-" * width for width in widths]), *map(shown, lines[1:])])


def document(rows: Sequence[Row], about: Mapping[str, object]) -> dict[str, object]:
    """Everything that was measured, as plain values."""
    return {
        "about": dict(about),
        "rows": [
            {
                "key": row.key,
                "title": row.title,
                "unit": row.unit,
                "more_is_better": row.more_is_better,
                "target": row.target,
                "best_peer": row.best_peer,
                "ratio_to_best_peer": row.ratio(row.best_peer),
                "ratio_to_machine": row.ratio(LIMIT),
                "series": {
                    key: {"median": one.median, "values": one.values, "load_cores": one.load}
                    for key, one in row.series.items()
                },
                "failures": row.failures,
            }
            for row in rows
        ],
    }


def write_json(path: Path, rows: Sequence[Row], about: Mapping[str, object]) -> None:
    """Write document() to a file."""
    path.write_text(json.dumps(document(rows, about), indent=2, ensure_ascii=False) + "\n")

"""The plot: one bar a workload, as long as ours is better than the best peer. Drawn as SVG, which needs no library.

The scale is logarithmic: twice as good and half as good are equally far from the line of the best peer.
"""

import math
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from benchmarks.measure import OURS, Row
from benchmarks.packages import Missing

_WIDTH, _LEFT, _RIGHT, _LINE, _TOP = 900, 330, 190, 24, 54
_OCTAVES = 3.0  # to either side of the best peer: 1/8 to 8


def svg(rows: Sequence[Row], titles: Mapping[str, str], about: Mapping[str, object]) -> str:
    """The picture of those rows in which ours has a peer."""
    shown = [(row, ratio) for row in rows if (ratio := row.ratio(row.best_peer)) is not None]
    height = _TOP + _LINE * len(shown) + 40
    middle = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2
    octave = (_WIDTH - _LEFT - _RIGHT) / 2 / _OCTAVES
    machine = ", ".join(str(about[key]) for key in ("cpu", "day") if key in about)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="22" font-size="15" font-weight="bold">{OURS} against the best peer of each workload</text>',
        f'<text x="12" y="40" fill="#666">{escape(machine)}</text>',
    ]
    for power in range(-3, 4):
        x = middle + power * octave
        parts.append(
            f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{_TOP - 6}" y2="{height - 34}" '
            f'stroke="{"#333" if power == 0 else "#ddd"}"/>'
        )
        parts.append(
            f'<text x="{x:.0f}" y="{height - 18}" text-anchor="middle" fill="#666">{2.0**power:g}</text>'
        )
    for number, (row, ratio) in enumerate(shown):
        y = _TOP + number * _LINE
        end = middle + max(-_OCTAVES, min(_OCTAVES, math.log2(ratio))) * octave
        color = "#2a7f62" if ratio >= 1 else "#c1553b"
        best = titles.get(row.best_peer or "", row.best_peer or "")
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(row.title)}</text>')
        parts.append(
            f'<rect x="{min(middle, end):.1f}" y="{y + 2}" width="{abs(end - middle):.1f}" '
            f'height="{_LINE - 8}" fill="{color}"/>'
        )
        text = escape(f"{ratio:.2f} x {best}")
        parts.append(f'<text x="{_WIDTH - _RIGHT + 8}" y="{y + 13}">{text}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def write_plot(
    path: Path, rows: Sequence[Row], titles: Mapping[str, str], about: Mapping[str, object]
) -> None:
    """Write the picture as .svg, or as .png where rsvg-convert is installed. Raises Missing."""
    picture = svg(rows, titles, about)
    if path.suffix != ".png":
        path.write_text(picture)
        return
    converter = shutil.which("rsvg-convert")
    if converter is None:
        raise Missing("rsvg-convert (package librsvg2-bin) turns the plot into PNG; name a .svg file instead")
    subprocess.run([converter, "-z", "2", "-o", str(path)], input=picture, text=True, check=True)

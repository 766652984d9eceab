"""The table, the document and the plot of the same rows."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from benchmarks.measure import LIMIT, OURS, Row, Sample, Series
from benchmarks.plot import svg
from benchmarks.table import markdown, write_json

TITLES = {OURS: "ours", "peer": "Peer", "lame": "Lame", LIMIT: "machine"}


def rows() -> list[Row]:
    measured = Row("get", "RETR <1>", "/s", True, "≥ 1.0")
    for key, values in ((OURS, (1500, 1000, 1600)), ("peer", (750, 700, 800)), (LIMIT, (3000, 3000, 3000))):
        measured.series[key] = Series([Sample(value, 0.25) for value in values])
    measured.failures["lame"] = "fell"
    alone = Row("put", "STOR", "s", False, "")
    alone.series[OURS] = Series([Sample(0.5)])
    return [measured, alone]


def test_one_line_a_row() -> None:
    head, _, first, second = markdown(rows(), TITLES).splitlines()
    assert [cell.strip() for cell in head.split("|")[1:-1]][-3:] == ["Peer", "Lame", "machine"]
    cells = [cell.strip() for cell in first.split("|")[1:-1]]
    assert cells[:4] == ["RETR <1>", "/s", "1,500 (1,000-1,600)", "2.00 (Peer)"]
    assert cells[5:] == ["0.50", "0.25", "750 (700-800)", "failed", "3,000 (3,000-3,000)"]
    assert len(second) == len(first)


def test_the_document_keeps_every_value(tmp_path: Path) -> None:
    write_json(tmp_path / "all.json", rows(), {"cpu": "two"})
    document = json.loads((tmp_path / "all.json").read_text())
    assert document["about"] == {"cpu": "two"}
    assert document["rows"][0]["series"][OURS]["values"] == [1500, 1000, 1600]
    assert document["rows"][0]["ratio_to_best_peer"] == 2.0


def test_the_plot_is_well_formed_and_leaves_out_who_has_no_peer() -> None:
    picture = svg(rows(), TITLES, {"cpu": "a & b", "day": "today"})
    texts = [
        element.text for element in ElementTree.fromstring(picture).iter() if element.tag.endswith("text")
    ]
    assert "2.00 x Peer" in texts
    assert "RETR <1>" in texts
    assert "STOR" not in texts

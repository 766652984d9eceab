"""Faults say where; a Faulty carries all of them."""

import pickle
from pathlib import Path

from ftpserver.config.fault import Fault, Faulty


def test_a_fault_names_file_line_and_message() -> None:
    assert str(Fault(Path("a.yaml"), 3, "is wrong")) == "a.yaml:3: is wrong"
    assert str(Fault(Path("a.yaml"), None, "is missing")) == "a.yaml: is missing"


def test_a_fault_is_one_printable_line() -> None:
    shown = str(Fault(Path("a\x1b[2J\udcff.yaml"), 1, "two\nlines"))
    assert shown == "a\\x1b[2J\\udcff.yaml:1: two\\nlines"


def test_faulty_keeps_every_fault_also_across_processes() -> None:
    error = Faulty([Fault(Path("a"), 1, "x"), Fault(Path("b"), None, "y")])
    assert str(error) == "a:1: x\nb: y"
    assert pickle.loads(pickle.dumps(error)).faults == error.faults

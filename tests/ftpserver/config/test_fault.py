"""Faults say where; a Faulty carries all of them."""

import os
import pickle
from pathlib import Path

import pytest

from ftpserver.config.fault import Fault, Faulty, about


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


def test_an_error_that_names_no_file_is_given_one(tmp_path: Path) -> None:
    with (
        pytest.raises(OSError, match="No space left on device") as raised,
        about(tmp_path),
        open("/dev/full", "wb", buffering=0) as full,
    ):
        full.write(b"x")
    assert raised.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError) as missing, about(tmp_path):
        os.stat(f"{tmp_path}/x")
    assert missing.value.filename == f"{tmp_path}/x"

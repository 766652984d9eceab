"""A document and a model: a value, or every fault in words for its author."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from ftpserver.config.document import parse_document
from ftpserver.config.fault import Faulty
from ftpserver.config.validation import Section, suggest, validate


class Inner(Section):
    mode: Literal["keep", "discard"] = "keep"
    count: Annotated[int, Field(ge=1, le=9)] = 1


class Outer(Section):
    name: str
    password: str
    flag: bool = False
    inner: Inner = Inner()
    many: Annotated[tuple[Inner, ...], Field(strict=False)] = ()
    ratio: float = 1.0


def check(text: str) -> Outer:
    return validate(Outer, parse_document(Path("f"), text.encode()), {"name": "given"})


def faults(text: str) -> list[str]:
    with pytest.raises(Faulty) as caught:
        check(text)
    return [str(fault) for fault in caught.value.faults]


def test_a_good_document_becomes_a_frozen_value() -> None:
    outer = check("password: x\nmany: [{count: 2}]\nratio: 2\n")
    assert outer == Outer(name="given", password="x", many=(Inner(count=2),), ratio=2.0)
    with pytest.raises(ValueError, match="frozen"):
        outer.name = "other"


def test_every_fault_at_once_in_the_order_of_the_lines() -> None:
    text = """\
password: x
inner:
  mode: kep
  cuont: 3
many:
  - count: 0
  - {count: 10}
  - {mod: keep}
flag: yes
ratio: many
nme: x
"""
    assert faults(text) == [
        "f:3: inner.mode: must be 'keep' or 'discard', not 'kep'; did you mean 'keep'?",
        "f:4: unknown key 'inner.cuont'; did you mean 'count'?",
        "f:6: many.0.count: must be at least 1, not 0",
        "f:7: many.1.count: must be at most 9, not 10",
        "f:8: unknown key 'many.2.mod'; did you mean 'mode'?",
        "f:9: flag: must be true or false, not 'yes'",
        "f:10: ratio: must be a number, not 'many'",
        "f:11: unknown key 'nme'",
    ]


def test_missing_and_mistaken_sections() -> None:
    assert faults("inner: 3\nmany: x\n") == [
        "f:1: password: is missing",
        "f:1: inner: must be 'key: value' lines, not 3",
        "f:2: many: must be a list, not 'x'",
    ]


@pytest.mark.parametrize("written", ["1", "1.0", "true", "[1]", "null"])
def test_nothing_is_converted_into_text(written: str) -> None:
    assert faults(f"password: {written}\n") == ["f:1: password: must be text; put it in quotes"]


def test_a_given_field_may_not_stand_in_the_file() -> None:
    assert faults("password: x\nname: y\n") == ["f:2: unknown key 'name'"]


def test_a_password_is_never_repeated() -> None:
    assert "12345" not in "".join(faults("password: 12345\n"))


def test_long_values_are_cut_and_control_characters_escaped() -> None:
    (fault,) = faults(f'password: x\nflag: "{"a" * 500}"\n')
    assert len(fault) < 120
    (fault,) = faults('password: x\nflag: "\\e[2J"\n')
    assert fault.isprintable()


def test_suggestions() -> None:
    assert suggest("sesions", ["sessions", "login"]) == "; did you mean 'sessions'?"
    assert suggest("zzz", ["sessions"]) == ""

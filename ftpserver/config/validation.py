"""Joins a YAML document and a pydantic model: a checked value, or every fault with its line.

Pydantic says where by a location and what in its own words; here the location becomes a line and the words
become a sentence for the person who wrote the file. Values of fields whose name is `password` are never
repeated.
"""

import types
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from ftpserver.config.document import Document, Location
from ftpserver.config.fault import Fault, Faulty

_Model = TypeVar("_Model", bound=BaseModel)


class Section(BaseModel):
    """The ground of every model here: frozen, no unknown keys, no conversion between types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def empty_section(value: object) -> object:
    """Read a section whose keys are all left out or commented away (`limits:`) as an empty one."""
    return {} if value is None else value


def validate(model: type[_Model], document: Document, given: Mapping[str, object]) -> _Model:
    """Build `model` from a document; `given` are fields that come from elsewhere, not from the file.

    Raises Faulty with every fault of the document, in the order of its lines.
    """
    faults = [
        document.fault((key,), f"unknown key {key!r}{suggest(key, _keys(model, (), given))}")
        for key in document.value
        if key in given
    ]
    try:
        value = model.model_validate({**document.value, **given})
    except ValidationError as error:
        faults.extend(_fault(model, document, given, detail) for detail in error.errors(include_url=False))
    else:
        if not faults:
            return value
    raise Faulty(sorted(faults, key=lambda fault: fault.line or 0))


def suggest(word: object, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the nearest known word, or nothing when none is near."""
    near = get_close_matches(str(word), [str(name) for name in known], n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def _fault(model: type[BaseModel], document: Document, given: Mapping[str, object], detail: Any) -> Fault:
    location: Location = detail["loc"]
    name = ".".join(str(part) for part in location)
    if detail["type"] == "extra_forbidden":
        message = f"unknown key {name!r}{suggest(location[-1], _keys(model, location[:-1], given))}"
    else:
        message = f"{name}: {_sentence(detail)}" if name else _sentence(detail)
    return document.fault(location, message)


def _sentence(detail: Any) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "missing":
            return "is missing"
        case "bool_type":
            wanted = "true or false"
        case "int_type" | "int_from_float" | "int_parsing":
            wanted = "a whole number"
        case "float_type" | "finite_number":
            wanted = "a number"
        case "string_type":
            wanted = "text; put it in quotes"
        case "greater_than_equal":
            wanted = f"at least {context['ge']:g}"
        case "less_than_equal":
            wanted = f"at most {context['le']:g}"
        case "greater_than":
            wanted = f"more than {context['gt']:g}"
        case "literal_error":
            return f"must be {context['expected']}, not {_shown(detail)}{_near_literal(detail)}"
        case "model_type" | "model_attributes_type" | "dict_type":
            wanted = "'key: value' lines"
        case "tuple_type" | "list_type":
            wanted = "a list"
        case _:
            return str(detail["msg"])
    return f"must be {wanted}" + (f", not {_shown(detail)}" if _showable(detail) else "")


def _showable(detail: Any) -> bool:
    return "password" not in detail["loc"] and isinstance(detail["input"], str | int | float | None)


def _shown(detail: Any) -> str:
    value = detail["input"]
    if not _showable(detail):
        return "this"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _near_literal(detail: Any) -> str:
    words = [word.strip(" '") for word in str(detail["ctx"]["expected"]).replace(" or ", ",").split(",")]
    return suggest(detail["input"], words) if isinstance(detail["input"], str) else ""


def _keys(model: type[BaseModel], location: Location, given: Mapping[str, object]) -> list[str]:
    """Return the keys that may stand at `location`: what a misspelt one is compared with."""
    found: Any = model
    for part in location:
        if isinstance(part, str):
            field = found.model_fields.get(part) if _is_model(found) else None
            if field is None:
                return []
            found = field.annotation
        found = next(_models(found), None)
    if not _is_model(found):
        return []
    return [key for key in found.model_fields if location or key not in given]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if _is_model(annotation):
        yield annotation
    elif get_origin(annotation) in (tuple, list, Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _models(argument)


def _is_model(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, BaseModel)

"""The shipped settings file documents every key, at its default."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ftpserver.config.document import parse_document
from ftpserver.config.settings import Listener, Settings, load_settings
from ftpserver.config.template import TEMPLATE

ROOT = Path(__file__).parents[3]


def keys_of(model: type[BaseModel]) -> dict[str, Any]:
    return {
        key: keys_of(field.annotation)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        else None
        for key, field in model.model_fields.items()
    }


def keys_in(value: Any) -> Any:
    return {key: keys_in(inner) for key, inner in value.items()} if isinstance(value, dict) else None


def test_the_repository_ships_this_text() -> None:
    assert (ROOT / "conf/ftpserver.yaml").read_text() == TEMPLATE


def test_every_key_stands_in_it_and_no_other() -> None:
    written = parse_document(Path("x"), TEMPLATE.encode()).value
    wanted = keys_of(Settings)
    del wanted["path"]
    assert keys_in(written) == wanted
    assert [keys_in(entry) for entry in written["listen"]] == [keys_of(Listener)]


def test_every_value_in_it_is_the_default(tmp_path: Path) -> None:
    file = tmp_path / "ftpserver.yaml"
    file.write_text(TEMPLATE)
    documented = load_settings(file)
    file.write_text("")
    assert documented == load_settings(file)

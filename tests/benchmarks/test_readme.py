"""Tables that stand in README.md between marks."""

from pathlib import Path

import pytest

from benchmarks.readme import README, put


def test_only_what_stands_between_the_marks_changes(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("a\n<!-- speed: made by `x` -->\nold\n<!-- /speed -->\nb\n")
    put("speed", "| new |\n", file)
    head, _, rest = file.read_text().partition("Measured ")
    assert head == "a\n<!-- speed: made by `x` -->\n"
    assert rest.partition(" ")[2] == "| new |\n\n<!-- /speed -->\nb\n"


def test_a_file_without_marks_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("nothing")
    with pytest.raises(ValueError, match="no marks for speed"):
        put("speed", "x", file)
    assert file.read_text() == "nothing"


@pytest.mark.parametrize("name", ["speed", "quotas"])
def test_the_readme_has_the_marks_and_a_table(name: str) -> None:
    _, _, rest = README.read_text("utf-8").partition(f"<!-- {name}: made by ")
    assert "| " in rest.partition(f"<!-- /{name} -->")[0]

"""The house rules that no other tool checks: where tests stand, how large things are, what the machine must have.

Every exemption is a line here with its reason, so that taking one is a decision that a reviewer sees.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import ROOT

PACKAGES = ("ftpwire", "ftpserver", "ftpclient")
MODULE_LINES = 400
FUNCTION_LINES = 60

# Modules without a test file of their own, and why.
UNTESTED: dict[str, str] = {}

# Modules and functions over the limits, and why.
LARGE: dict[str, str] = {}

# Programs that the tests drive, and Debian's packages of them.
PROGRAMS = {
    "curl": "curl",
    "lftp": "lftp",
    "wget": "wget",
    "tnftp": "tnftp",
    "ncftpput": "ncftp",
    "ncftpget": "ncftp",
    "ncftpls": "ncftp",
    "rclone": "rclone",
    "filezilla": "filezilla",
    "Xvfb": "xvfb",
    "xdotool": "xdotool",
    "openssl": "openssl",
    "vsftpd": "vsftpd",
    "strace": "strace",
    "bindfs": "bindfs",
    "gcc": "gcc",
}


def modules() -> list[Path]:
    """Every module of the three packages, relative to the checkout."""
    return sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def has_logic(module: Path) -> bool:
    """Whether the module defines anything: a docstring, imports and names are no logic."""
    tree = ast.parse((ROOT / module).read_text("utf-8"))
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body)


def functions(module: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function of the module."""
    for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_every_module_has_its_own_test_file() -> None:
    missing = [
        f"{module} wants {place}"
        for module in modules()
        if has_logic(module) and str(module) not in UNTESTED
        for place in [Path("tests") / module.with_name(f"test_{module.name}")]
        if module.name not in {"__init__.py", "__main__.py"} and not (ROOT / place).is_file()
    ]
    assert not missing, "\n" + "\n".join(missing)


def test_entry_modules_hold_next_to_nothing() -> None:
    for module in modules():
        if module.name == "__main__.py":
            assert len((ROOT / module).read_text().splitlines()) <= 20, module


def test_no_module_and_no_function_is_too_large() -> None:
    large = [
        f"{module}: {count} lines"
        for module in modules()
        for count in [len((ROOT / module).read_text("utf-8").splitlines())]
        if count > MODULE_LINES and str(module) not in LARGE
    ]
    large += [
        f"{name}: {count} lines"
        for module in modules()
        for name, count in functions(module)
        if count > FUNCTION_LINES and name not in LARGE
    ]
    assert not large, "\n" + "\n".join(large)


def test_no_exemption_outlives_its_reason() -> None:
    sizes = {str(module): len((ROOT / module).read_text("utf-8").splitlines()) for module in modules()}
    lengths = {name: count for module in modules() for name, count in functions(module)}
    for name in LARGE:
        assert sizes.get(name, 0) > MODULE_LINES or lengths.get(name, 0) > FUNCTION_LINES, name
    for name in UNTESTED:
        assert name in sizes, name
        assert not (ROOT / "tests" / name).with_name(f"test_{Path(name).name}").exists(), name


def test_every_module_opens_with_its_theory() -> None:
    silent = [
        str(module)
        for module in modules()
        if (ROOT / module).read_text("utf-8").strip()
        and not ast.get_docstring(ast.parse((ROOT / module).read_text("utf-8")))
    ]
    assert silent == []


@pytest.mark.parametrize("word", ["utils", "helpers", "manager", "misc", "common"])
def test_no_module_is_named_for_nothing(word: str) -> None:
    assert [str(module) for module in modules() if word in module.stem.split("_")] == []


def test_every_program_the_tests_drive_is_installed_by_ci() -> None:
    used = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text("utf-8")
        for arguments in re.findall(r"mark\.needs\(([^)]*)\)", text):
            used |= set(re.findall(r'"([^"]+)"', arguments))
        used |= {name for name in PROGRAMS if re.search(rf'\[\s*"{name}"', text)}
    assert used <= set(PROGRAMS), "say in PROGRAMS which package has it"
    installed = re.search(r"^packages=\(([^)]*)\)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert installed
    assert {PROGRAMS[name] for name in used} <= set(installed[1].split())
    hinted = set(re.findall(r"\b\w+:(\w+)", (ROOT / "scripts" / "test").read_text()))
    assert {PROGRAMS[name] for name in used} <= hinted


def test_every_dependency_of_the_code_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=\[ ]", line)[0].lower() for line in project["dependencies"]}
    names = {"yaml": "pyyaml", "ruamel": "ruamel.yaml"}

    optional = {"keyring"}  # used when it is there
    imported: set[str] = set()
    for module in modules():
        for node in ast.walk(ast.parse((ROOT / module).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
    foreign = {names.get(name, name) for name in imported - set(sys.stdlib_module_names) - set(PACKAGES)}
    assert foreign - optional == declared

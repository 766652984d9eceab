"""Commands find the settings that the group's option names, however deep they stand."""

from pathlib import Path

import click
from click.testing import CliRunner

from ftpserver.cli import ftpserver
from ftpserver.cli.context import settings_of


def test_the_settings_of_the_root(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("workers: 3\n")
    found = []

    @click.command()
    @click.pass_context
    def inner(ctx: click.Context, /) -> None:
        found.append(settings_of(ctx))

    root = ftpserver.make_context("ftpserver", ["-c", str(file), "user", "list"])
    with root:
        root.invoke(root.command.callback or (lambda: None), **root.params)
        middle = click.Context(click.Group("user"), parent=root)
        click.Context(inner, parent=middle).invoke(inner)
    assert [settings.workers for settings in found] == [3]
    assert found[0].path == file
    assert CliRunner().invoke(ftpserver, ["-c", str(tmp_path / "none"), "check"]).exit_code == 1

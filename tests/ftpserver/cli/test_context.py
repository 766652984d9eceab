"""Commands find the settings that the group's option names, however deep they stand."""

import os
import tempfile
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ftpserver.cli import ftpserver
from ftpserver.cli.context import as_owner, print_table, settings_of
from ftpserver.config.settings import load_settings
from ftpserver.state.presence import open_presence


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


def test_root_acts_as_the_owner_of_the_state(tmp_path: Path) -> None:
    settings = load_settings(_file(tmp_path))
    with as_owner(settings):  # before there is a state
        assert os.geteuid() == tmp_path.stat().st_uid
    settings.state.mkdir()
    if os.getuid() == 0:
        os.chown(settings.state, 12345, 12345)
    owner = settings.state.stat()
    with as_owner(settings):
        assert (os.geteuid(), os.getegid()) == (owner.st_uid, owner.st_gid)
    assert os.geteuid() == os.getuid()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_a_state_that_root_is_the_first_to_need_is_the_service_s(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as place:  # pytest's own directory is closed to other users
        os.chown(place, 12345, 12346)
        state = Path(place) / "deep" / "state"
        with as_owner(load_settings(_file(tmp_path)).model_copy(update={"state": state})):
            open_presence(state).close()
        for path in (state.parent, state, *state.iterdir()):
            assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def _file(folder: Path) -> Path:
    (folder / "conf").mkdir()
    (folder / "conf" / "x.yaml").write_text("{}\n")
    return folder / "conf" / "x.yaml"


def test_a_table_is_as_wide_as_it_must_be(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "LONG HEAD"), [("long cell", 1), ("x", "")])
    assert capsys.readouterr().out == "A          LONG HEAD\nlong cell  1\nx\n"

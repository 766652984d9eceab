"""The `ftpserver` command: sets the service up, runs it, checks it, and keeps its users.

A command's module is imported when the command is asked for, so that `ftpserver serve` does not pay for the
editor nor `ftpserver user list` for the server. What a user can do wrong ends in one clear line on standard
error and exit code 1 (2 for a wrong command line); a traceback is always a defect of ours.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ftpserver import __version__

COMMANDS: dict[str, str] = {
    "init": "ftpserver.cli.setup:init",
    "serve": "ftpserver.cli.service:serve",
    "check": "ftpserver.cli.check:check",
    "user": "ftpserver.cli.user:user",
    "quota": "ftpserver.cli.quota:quota",
    "who": "ftpserver.cli.live:who",
    "kick": "ftpserver.cli.live:kick",
    "ban": "ftpserver.cli.live:ban",
}
"""Name -> "module:attribute" of every command, in the order of the help."""


class Trouble(click.ClickException):
    """Something the user can put right; its text says what and how. Exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the message on standard error."""
        from ftpserver.log import escape

        click.echo(f"ftpserver: {escape(self.format_message())}", err=True)


class CommandGroup(click.Group):
    """A group that imports a command when it is needed and turns faults into clear lines."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Raises Trouble for what the user can put right."""
        from ftpserver.config.fault import Faulty

        try:
            return super().invoke(ctx)
        except Faulty as error:
            for fault in error.faults:
                click.echo(str(fault), err=True)
            raise click.exceptions.Exit(1) from error
        except BrokenPipeError:
            raise  # click ends quietly when the reader of its output has gone
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            raise Trouble(f"{place}{error.strerror or error}") from error


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="The settings file; else $FTPSERVER_CONFIG, conf/ftpserver.yaml, /etc/ftpserver/ftpserver.yaml.",
)
@click.version_option(__version__, prog_name="ftpserver")
@click.pass_context
def ftpserver(ctx: click.Context, config: Path | None) -> None:
    """A multi-user FTP service with home jails and exact quotas."""
    ctx.obj = config


def main() -> None:
    """Run the command line of this process."""
    ftpserver(prog_name="ftpserver")

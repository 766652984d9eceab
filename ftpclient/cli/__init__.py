"""The command `ftpclient`: an address alone opens the shell, a command does one thing and ends.

Rules
- Results go to standard output, everything else to standard error. Exit codes tell the cause (`exits`), the
  first failure decides; 13 when some files were done and some not. With `--json` standard output is one JSON
  document.
- A command's module is imported when the command is asked for, and rich only for a terminal: a program that a
  loop calls a thousand times must start at once.
"""

import os
import sys
from importlib import import_module
from typing import NoReturn

import click

from ftpclient.errors import in_words
from ftpclient.exits import Exit, exit_of, table

COMMANDS: dict[str, tuple[str, str]] = {
    "ls": ("look", "List a directory."),
    "cat": ("look", "Print a file."),
    "get": ("copy", "Download a file, or with -r a tree."),
    "put": ("copy", "Upload a file, or with -r a tree."),
    "mirror": ("mirror", "Make TARGET equal to SOURCE; either side is the URL."),
    "mkdir": ("change", "Make a directory."),
    "mv": ("change", "Rename or move; NEW is a path on the same server."),
    "rm": ("change", "Remove a file, or with -r a tree."),
    "du": ("usage", "Add up the sizes of a tree."),
    "quota": ("look", "Say what the server says about the quota (SITE QUOTA, AVBL)."),
}
"""Name -> module and first line of the help of every command, in the order of the help."""

SHELL = "shell"
"""What an address alone means; not in the help, since nobody has to write it."""


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # a third of the start-up time, for this alone

        try:
            number = metadata.version("ftpserver")  # one distribution holds both programs
        except metadata.PackageNotFoundError:
            number = "not installed, run from its sources"
        click.echo(f"ftpclient {number}")
        context.exit()


class Program(click.Group):
    """A group whose first word may also be an address, and which imports a command when it is needed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `shell` before an address."""
        if args and args[0] not in (*COMMANDS, SHELL, "--help", "-h", "--version"):
            if args[0].isalpha() and len(args) > 1 and args[1][0] != "-":
                raise click.UsageError(_unknown(args[0]), ctx)
            args = [SHELL, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        module = SHELL if cmd_name == SHELL else COMMANDS[cmd_name][0]
        command = getattr(import_module(f"ftpclient.cli.{module}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader of our output that left (`| head`) ends it without a word."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own last flush
            _leave(Exit.LOCAL)


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"\b\nExit codes:\n{table()}",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say the version."
)
def program() -> None:
    """Move files over FTP.

    \b
    ftpclient [ftp://|ftps://][user@]host[:port][/path]   opens a login shell
    ftpclient COMMAND ... URL                             does one thing
    """


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, COMMANDS, 1)
    return f"{name}: no such command" + (f" (did you mean {near[0]}?)" if near else "")


def _leave(code: Exit, words: str = "") -> NoReturn:
    if words:
        from ftpclient.display import say

        say(words)
    raise SystemExit(int(code))


def _explained(fault: Exception) -> str:
    from ftpclient.cli.advice import advice

    help_text = advice(fault, sys.argv[1:])
    return f"ftpclient: {in_words(fault)}" + (f"\n({help_text})" if help_text else "")


def _open_missing_streams() -> None:
    """Open what `<&-` and some daemons close, before a socket gets the number of a standard stream."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (for the life of the program)


def main() -> NoReturn:
    """Run the program and end with the exit code of the cause."""
    _open_missing_streams()
    try:
        program.main(prog_name="ftpclient", standalone_mode=False)
    except click.ClickException as fault:
        fault.show()
        _leave(Exit.USAGE)
    except click.Abort as end:  # click's word for Ctrl-C and for the end of the input alike
        if isinstance(end.__cause__, EOFError):
            _leave(Exit.LOGIN, "no login was given")
        _leave(Exit.INTERRUPTED, "interrupted")
    except (OSError, ValueError) as fault:
        _leave(exit_of(fault), _explained(fault))
    _leave(Exit.OK)

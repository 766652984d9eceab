"""What several commands need: the settings that -c names, the state's owner as who to act, a table on the screen."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ftpserver.config.settings import Settings


def settings_of(ctx: click.Context) -> "Settings":
    """Return the settings of the file that -c, the environment or the default order names. Raises Faulty."""
    from ftpserver.config.settings import find_settings, load_settings

    return load_settings(find_settings(ctx.find_root().obj))


@contextmanager
def as_owner(settings: "Settings") -> Iterator[None]:
    """As root, act as the owner of the state directory: files made by root would shut the service out of it.

    Before there is one, as the owner of the directory in which it will be made.
    """
    owner = os.stat(next(path for path in (settings.state, *settings.state.parents) if path.exists()))
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def print_table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """Print rows in columns as wide as they need."""
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

"""What several commands need from the command line's group: the settings that -c names."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ftpserver.config.settings import Settings


def settings_of(ctx: click.Context) -> "Settings":
    """Return the settings of the file that -c, the environment or the default order names. Raises Faulty."""
    from ftpserver.config.settings import find_settings, load_settings

    return load_settings(find_settings(ctx.find_root().obj))

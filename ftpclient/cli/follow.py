"""The option of the commands that send local trees: which links are followed."""

import click

FOLLOW_LINKS = click.option(
    "--follow-links", "outside", is_flag=True, help="Send also what links out of the local tree point at."
)

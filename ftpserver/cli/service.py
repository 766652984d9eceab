"""`ftpserver serve`: runs the service, with what the command line puts in place of the settings."""

import click

from ftpserver.cli.context import settings_of


@click.command()
@click.option("--host", help="Address of the first listener, instead of the settings'.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the first listener; 0 picks one.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Number of processes.")
@click.pass_context
def serve(ctx: click.Context, host: str | None, port: int | None, workers: int | None) -> None:
    """Run the service until SIGTERM or SIGINT."""
    settings = settings_of(ctx).with_overrides(host=host, port=port, workers=workers)
    from ftpserver.service.workers import serve as run

    ctx.exit(run(settings))

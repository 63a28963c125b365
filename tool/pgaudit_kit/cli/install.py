"""`pgaudit-kit install`."""

from __future__ import annotations

import dataclasses

import click

from pgaudit_kit.cli.app import App, confirm_options, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import carry_out, configured
from pgaudit_kit.cli.sealing_hint import sealing_hint


@click.command(name="install")
@confirm_options
@output_options
@pass_app
def command(app: App, yes: bool, dry_run: bool) -> None:
    """Install or upgrade the kit, then apply the configuration; twice changes nothing.

    Where the extension pg_cron is, it also schedules sealing and the maintenance of partitions.

    \b
    Example:
      pgaudit-kit --dsn service=shop install
      pgaudit-kit --dsn service=shop install --dry-run > install.sql
    """  # noqa: D301
    with app.connect() as conn:
        wanted = dataclasses.replace(configured(app), schedule=True)
        done = carry_out(app, conn, wanted, yes=yes, dry_run=dry_run, question="Install this?")
        if done is not None and (hint := sealing_hint(conn, app.schema)):
            app.out.info(hint)

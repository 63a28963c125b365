"""`pgaudit-kit apply`."""

from __future__ import annotations

import click

from pgaudit_kit.cli.app import App, confirm_options, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import carry_out, configured, require_installed


@click.command(name="apply")
@confirm_options
@output_options
@pass_app
def command(app: App, yes: bool, dry_run: bool) -> None:
    """Make the database what the configuration says, after showing how.

    Without a configuration file what was declared in the database itself is restored.

    \b
    Example:
      pgaudit-kit apply --yes
    """  # noqa: D301
    with app.connect() as conn:
        require_installed(app, conn)
        carry_out(app, conn, configured(app), yes=yes, dry_run=dry_run, question="Make these changes?")

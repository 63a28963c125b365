"""`pgaudit-kit uninstall`."""

from __future__ import annotations

import click

from pgaudit_kit.cli.app import App, confirm, confirm_options, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import plan_facts, plan_lines
from pgaudit_kit.errors import UsageError
from pgaudit_kit.install.apply import script
from pgaudit_kit.install.uninstall import uninstall, uninstall_plan


@click.command(name="uninstall")
@click.option("--drop-data", is_flag=True, help="Remove the log itself as well; needs --confirm.")
@click.option("--confirm", "confirmed", metavar="SCHEMA", help="The schema whose data is removed.")
@confirm_options
@output_options
@pass_app
def command(app: App, drop_data: bool, confirmed: str | None, yes: bool, dry_run: bool) -> None:
    """Remove the kit's triggers and functions; the log and the shared roles stay.

    \b
    Example:
      pgaudit-kit uninstall --yes
      pgaudit-kit uninstall --drop-data --confirm audit
    """  # noqa: D301
    if drop_data and confirmed != app.schema and not dry_run:
        raise UsageError(
            "--drop-data removes everything that was recorded.",
            hint=f"Say which schema is meant: --drop-data --confirm {app.schema}",
        )
    with app.connect() as conn:
        plan = uninstall_plan(conn, app.schema, drop_data=drop_data)
        if dry_run:
            app.out.emit(plan_facts(plan), script(app.schema, plan) if plan else "-- nothing to do")
            return
        if not plan:
            app.out.emit(plan_facts(plan) | {"applied": True}, "Nothing to do: the kit is not installed.")
            return
        app.out.info("\n".join(plan_lines(plan, every_step=app.out.verbose > 0)))
        confirm(app, "Remove this?", yes=yes or (drop_data and confirmed == app.schema))
        uninstall(conn, app.schema, drop_data=drop_data, timeouts=app.timeouts)
    left = "Everything is gone but the roles." if drop_data else f"The log stays in schema {app.schema}."
    app.out.emit(plan_facts(plan) | {"applied": True}, f"Uninstalled. {left}")

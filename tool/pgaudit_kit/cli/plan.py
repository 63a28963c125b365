"""`pgaudit-kit plan`."""

from __future__ import annotations

import click

from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_choice
from pgaudit_kit.cli.planning import configured, plan_facts, plan_lines
from pgaudit_kit.install.apply import script
from pgaudit_kit.install.build import build_plan


@click.command(name="plan")
@click.option("--exit-code", "exit_code", is_flag=True, help="End with 1 where there are changes.")
@output_choice("text", "json", "sql")
@pass_app
def command(app: App, exit_code: bool) -> int:
    """Show what `apply` would change, and change nothing.

    \b
    Example:
      pgaudit-kit plan
      pgaudit-kit plan --output sql
    """  # noqa: D301
    with app.connect() as conn:
        plan = build_plan(conn, app.schema, configured(app))
    for note in plan.notes:
        app.out.warn(note)
    if app.out.format == "sql":
        app.out.print(script(app.schema, plan) if plan else "-- nothing to do")
    elif plan:
        lines = plan_lines(plan, every_step=app.out.verbose > 0)
        lines.append(f"Plan: {plan.summary}. Run `pgaudit-kit apply` to make these changes.")
        app.out.emit(plan_facts(plan), "\n".join(lines))
    else:
        app.out.emit(plan_facts(plan), "Nothing to do: the database is as declared.")
    return 1 if plan and exit_code else 0

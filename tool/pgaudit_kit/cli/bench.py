"""`pgaudit-kit bench`."""

from __future__ import annotations

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pgaudit_kit.bench import Report, Request, bench, parse_duration, remove_leftovers
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.bench_text import report_text
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.db import Connection
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render import Templates


@click.command(name="bench")
@click.argument("table", metavar="TABLE")
@click.option("--budget", metavar="TIME", help="What auditing may add to a one-row change: 200us, 0.2ms.")
@click.option(
    "--column", "columns", metavar="C", multiple=True, help="A column that UPDATE changes; repeatable."
)
@click.option(
    "--rows", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="Rows to measure with."
)
@click.option(
    "--rounds", type=click.IntRange(1, 10_000), default=120, show_default=True, help="How often to measure."
)
@output_options
@pass_app
def command(
    app: App, /, table: str, budget: str | None, columns: tuple[str, ...], rows: int, rounds: int
) -> int:
    """Measure on this server what auditing TABLE costs; with --budget, end with 1 where it is more.

    Works on copies in a scratch schema, filled with some of the table's rows, and removes them. TABLE is
    read once and never written; its triggers and the log that is installed have no part in it. Takes a
    few seconds. Needs SELECT on TABLE and CREATE on the database.

    \b
    Example:
      pgaudit-kit --dsn service=shop bench public.orders
      pgaudit-kit bench public.orders --budget 200us --json
    """  # noqa: D301
    name = QualifiedName.parse(table)
    limit_us = parse_duration(budget) if budget is not None else None
    request = Request(
        table=name,
        config=app.config,
        place=app.config_path.name if app.config_path else None,
        rows=rows,
        rounds=rounds,
        changed=tuple(dict.fromkeys(columns)),
    )
    with app.connect() as conn:
        _tidy(app, conn)
        report = _measured(app, conn, request)
    for note in report.notes:
        app.out.warn(note)
    code = 1 if limit_us is not None and report.largest_us > limit_us else 0
    verdict = None if limit_us is None else ("failed" if code else "ok")
    answer = {**report.facts(), "budget_us": limit_us, "verdict": verdict, "exit_code": code}
    app.out.emit(answer, report_text(report, limit_us))
    return code


def _tidy(app: App, conn: Connection) -> None:
    removed, refused = remove_leftovers(conn, Templates(app.schema), timeouts=app.timeouts)
    for name in removed:
        app.out.info(f"Removed {name}, which a measurement that broke off had left.")
    for statements in refused:
        app.out.warn(f"A measurement that broke off left something; whoever may removes it: {statements}")


def _measured(app: App, conn: Connection, request: Request) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    terminal = app.out.stderr.is_terminal and not app.out.quiet
    with Progress(*columns, console=app.out.stderr, transient=True, disable=not terminal) as bar:
        task = bar.add_task("Measuring", total=None)
        return bench(
            conn,
            app.schema,
            request,
            timeouts=app.timeouts,
            connect=app.connect,
            progress=lambda done, of: bar.update(task, completed=done, total=of),
        )

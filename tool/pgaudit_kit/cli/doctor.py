"""`pgaudit-kit doctor`."""

from __future__ import annotations

import click
import psycopg

from pgaudit_kit.catalog import read_objects
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options
from pgaudit_kit.cli.planning import configured, require_installed
from pgaudit_kit.db import Connection
from pgaudit_kit.doctor import LEVELS, Level, Result, Source, examine
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.install.build import Wanted, build_plan
from pgaudit_kit.partition_manager import UnusablePartman
from pgaudit_kit.plan import Change
from pgaudit_kit.render import Templates


@click.command(name="doctor")
@output_options
@pass_app
def command(app: App) -> int:
    """Check the installation; ends with 1 where a check FAILs.

    Changes nothing, and works on standbys too. What the current role may not see is a WARN.

    \b
    Example:
      pgaudit-kit doctor
      pgaudit-kit doctor --json
    """  # noqa: D301
    with app.connect(read_only=True, check=False) as conn:
        results = list(examine(_source(app, conn)))
    counts = {level: sum(result.level == level for result in results) for level in LEVELS}
    code = 1 if counts["fail"] else 0
    answer = {
        "verdict": "failed" if code else "ok",
        "exit_code": code,
        "summary": counts,
        "checks": [
            {"name": result.name, "level": result.level, "findings": result.findings} for result in results
        ],
    }
    app.out.emit(answer, _text(results, counts))
    return code


def _source(app: App, conn: Connection) -> Source:
    templates = Templates(app.schema)
    try:
        _require_remains(app, conn, templates)
        drift, drift_error = _plan(app, conn, Wanted())
        pending, pending_error = _plan(app, conn, configured(app)) if app.config else (None, None)
    except psycopg.errors.InsufficientPrivilege:
        return Source(conn, templates)  # the checks say what is missing
    return Source(
        conn,
        templates,
        drift=drift,
        pending=pending,
        drift_error=drift_error,
        pending_error=pending_error,
    )


def _require_remains(app: App, conn: Connection, templates: Templates) -> None:
    """Raise NotInstalled where there is nothing but, at most, what `uninstall` keeps."""
    objects = read_objects(conn, templates)
    if not any(item.id.kind == "function" and item.id.name != "tg_append_only" for item in objects):
        require_installed(app, conn)


def _plan(app: App, conn: Connection, wanted: Wanted) -> tuple[tuple[Change, ...], str | None]:
    try:
        return build_plan(conn, app.schema, wanted).changes, None
    except (ConfigError, UnusablePartman) as error:
        return (), error.message


def _text(results: list[Result], counts: dict[Level, int]) -> str:
    width = max(len(result.name) for result in results)
    lines = []
    for result in results:
        for finding in result.findings:
            lines.append(f"{finding.level.upper():<4}  {result.name:<{width}}  {finding.message}")
            if finding.hint:
                lines.append(f"{'':<{width + 8}}hint: {finding.hint}")
    summary = ", ".join(f"{counts[level]} {level.upper()}" for level in LEVELS)
    return "\n".join([*lines, f"Checks: {summary}."])

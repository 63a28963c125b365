"""`pgaudit-kit anchor`: places outside the database that keep checkpoints."""

from __future__ import annotations

from typing import Any

import click
import rich_click

from pgaudit_kit.anchor_specs import AnchorSpec
from pgaudit_kit.anchors import open_anchor, setup_sql
from pgaudit_kit.cli.app import App, pass_app
from pgaudit_kit.cli.output import output_options, printable
from pgaudit_kit.errors import ConfigError, KitError


@click.group(name="anchor", cls=rich_click.RichGroup)
def command() -> None:
    """Look after the places outside the database that keep checkpoints.

    \b
    Example:
      pgaudit-kit anchor list
    """  # noqa: D301


@command.command(name="sql")
@output_options
@pass_app
def sql(app: App) -> None:
    """Print what another team runs in its own database to keep checkpoints there.

    \b
    Example:
      pgaudit-kit anchor sql | psql --dbname evidence --set ON_ERROR_STOP=1
    """  # noqa: D301
    text = setup_sql()
    app.out.emit({"sql": text}, text.rstrip("\n"))


@command.command(name="list")
@click.option("--origin", help="The log's name; without it that of pgaudit.toml.")
@output_options
@pass_app
def list_found(app: App, origin: str | None) -> int:
    """Show what the anchors of pgaudit.toml hold of the log; signatures are checked by `verify`.

    Ends with 1 where something there is not a checkpoint of this log, with 4 where an anchor cannot be read.

    \b
    Example:
      pgaudit-kit anchor list --json
    """  # noqa: D301
    if app.config is None or not app.config.anchors:
        raise ConfigError("No anchors are configured.", hint="Add [[anchors]] to pgaudit.toml.")
    origin = origin or (app.config.signing.origin if app.config.signing else None)
    if origin is None:
        raise ConfigError("Which log?", hint="Name it with --origin, or as origin below [signing].")
    listed = [entry for spec in app.config.anchors for entry in _entries(app, spec, origin)]
    text = "\n".join(map(_line, listed))
    app.out.emit({"origin": origin, "found": listed}, text or "The anchors hold nothing of this log.")
    if any(entry["problem"] for entry in listed if not entry["unreadable"]):
        return 1
    return 4 if any(entry["unreadable"] for entry in listed) else 0


def _entries(app: App, spec: AnchorSpec, origin: str) -> list[dict[str, Any]]:
    """What one anchor holds; where it cannot be read, one entry that says so after what was read."""
    entries: list[dict[str, Any]] = []
    try:
        for found in open_anchor(spec).found(origin):
            at = found.at.isoformat() if found.at else None
            note = found.note.decode("utf-8", "backslashreplace")
            facts = {"where": found.where, "at": at, "problem": found.problem, "note": note}
            entries.append({"anchor": spec.name, **facts, "unreadable": False})
    except KitError as error:
        app.out.warn(error.message)
        facts = {"where": error.at, "at": None, "problem": error.message, "note": None}
        entries.append({"anchor": spec.name, **facts, "unreadable": True})
    return entries


def _line(entry: dict[str, Any]) -> str:
    problem = f"  ! {entry['problem']}" if entry["problem"] else ""
    return printable(f"{entry['anchor']}  {entry['at'] or '-'}  {entry['where'] or '-'}{problem}")

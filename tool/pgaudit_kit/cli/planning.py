"""What install, plan, apply, enable and disable share: making a plan, showing it, asking, carrying it out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pgaudit_kit.cli.app import App, confirm
from pgaudit_kit.config import TableConfig
from pgaudit_kit.config_file import Edit, edited
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import NotInstalled, UsageError
from pgaudit_kit.install.apply import apply_plan, script
from pgaudit_kit.install.build import Wanted, build_plan, is_installed
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.plan import Change, Plan, one_line

_SIGNS = {"create": "+", "replace": "~", "change": "~", "drop": "-"}


def configured(app: App) -> Wanted:
    """What the configuration file says, or without one the database's own registry."""
    return Wanted(config=app.config, place=app.config_path.name if app.config_path else None)


def require_installed(app: App, conn: Connection) -> None:
    """Raise NotInstalled, with the way out, where the kit is not there."""
    if not is_installed(conn, app.schema):
        raise NotInstalled(f"The kit is not installed in schema {app.schema}.")


def refuse_repeated(names: Sequence[QualifiedName]) -> None:
    """Raise UsageError where a table is named twice."""
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{name.display} is named twice.")


def file_edit(
    app: App, *, put: Iterable[TableConfig] = (), remove: Iterable[QualifiedName] = ()
) -> AbstractContextManager[Edit]:
    """The edit of the configuration file, where there is one and it is about this installation."""
    if app.config_path is None or app.config is None or app.config.schema != app.schema:
        return nullcontext(Edit(Path(), None))
    return edited(app.config_path, put=put, remove=remove)


def carry_out(
    app: App, conn: Connection, wanted: Wanted, *, yes: bool, dry_run: bool, question: str
) -> Plan | None:
    """Show the plan, ask where there is anything to do, and apply it; None where it was a dry run."""
    plan = build_plan(conn, app.schema, wanted)
    for note in plan.notes:
        app.out.warn(note)
    if dry_run:
        app.out.emit(plan_facts(plan), script(app.schema, plan) if plan else "-- nothing to do")
        return None
    if not plan:
        app.out.emit(plan_facts(plan) | {"applied": True}, "Nothing to do: the database is as declared.")
        return plan
    app.out.info("\n".join(plan_lines(plan, every_step=app.out.verbose > 0)))
    app.out.info(f"Plan: {plan.summary}.")
    confirm(app, question, yes=yes)
    done = _apply(app, conn, wanted, plan)
    app.out.emit(plan_facts(done) | {"applied": True}, f"Done: {done.done}.")
    return done


def _apply(app: App, conn: Connection, wanted: Wanted, plan: Plan) -> Plan:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    terminal = app.out.stderr.is_terminal and not app.out.quiet
    with Progress(*columns, console=app.out.stderr, transient=True, disable=not terminal) as bar:
        task = bar.add_task("Applying", total=len(plan.changes))

        def step(change: Change) -> None:
            bar.update(task, advance=1)

        return apply_plan(
            conn,
            app.schema,
            wanted,
            approved=plan,
            timeouts=app.timeouts,
            progress=step,
        )


def plan_lines(plan: Plan, *, every_step: bool = False) -> list[str]:
    """The plan in columns: a line for each step, or for all steps of a kind with one reason."""
    rows = [
        (_SIGNS[steps[0].op], steps[0].kind, _targets(steps), steps[0].op, one_line(steps[0].why))
        for steps in _grouped(plan, every_step)
    ]
    kind = max((len(row[1]) for row in rows), default=0)
    target = max((len(row[2]) for row in rows), default=0)
    return [f"  {sign} {k:<{kind}}  {t:<{target}}  {op}: {why}" for sign, k, t, op, why in rows]


def _grouped(plan: Plan, every_step: bool) -> list[list[Change]]:
    if every_step:
        return [[change] for change in plan.changes]
    groups: dict[tuple[str, str, str], list[Change]] = {}
    for change in plan.changes:
        groups.setdefault((change.op, change.kind, change.why), []).append(change)
    return list(groups.values())


def _targets(steps: list[Change]) -> str:
    names = [name for step in steps for name in _names(step)]
    if len(names) <= 2:
        return _short(", ".join(names))
    return _short(f"{len(names)}: {', '.join(names)}")


def _names(step: Change) -> list[str]:
    """A unit makes several objects; what is not a list of objects is one thing."""
    return one_line(step.target).split(", ") if len(step.objects) > 1 else [one_line(step.target)]


def _short(target: str, limit: int = 60) -> str:
    return target if len(target) <= limit else f"{target[: limit - 1]}…"


def plan_facts(plan: Plan) -> dict[str, Any]:
    """The plan for JSON."""
    return {
        "changes": [
            {"op": c.op, "kind": c.kind, "target": c.target, "why": c.why, "sql": c.sql} for c in plan.changes
        ],
        "summary": {op: plan.count(op) for op in ("create", "replace", "change", "drop")},
        "notes": list(plan.notes),
    }

"""Carries a plan out, in one transaction, and stamps what it made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from psycopg import sql

from pgaudit_kit import __version__
from pgaudit_kit import plan as planning
from pgaudit_kit.catalog import read_objects
from pgaudit_kit.db import Connection, run_ddl, translated
from pgaudit_kit.errors import Refused
from pgaudit_kit.install.build import Wanted, build_plan, wanted_names
from pgaudit_kit.install.locks import become, lock_against_ddl, lock_against_writers
from pgaudit_kit.install.schedule import run_elsewhere
from pgaudit_kit.model import InstalledObject
from pgaudit_kit.names import Ident, Literal
from pgaudit_kit.plan import Change, Plan, one_line
from pgaudit_kit.render import Roles, Templates
from pgaudit_kit.timeouts import Timeouts

Progress = Callable[[Change], None]

_GUARDS = {"event trigger", "trigger", "policy", "view", "function", "tables", "partitions", "regions"}
"""Kinds of steps that change what guards the log, also where they drop it."""


class PlanOutdated(Refused):
    """The database changed after the plan was made."""

    hint = "Run the command again and look at the new plan."


def apply_plan(
    conn: Connection,
    schema: str,
    wanted: Wanted,
    *,
    approved: Plan,
    timeouts: Timeouts,
    progress: Progress = lambda change: None,
) -> Plan:
    """Make the plan anew under lock and carry it out; returns what was done.

    The tables are locked against DDL, not against writers, from reading their columns to the commit.
    Raises PlanOutdated, and changes nothing, where the plan is no longer the approved one.
    """

    def work(conn: Connection) -> Plan:
        lock_against_ddl(conn, schema, wanted_names(conn, schema, wanted))
        current = build_plan(conn, schema, wanted)
        if _steps(current) != _steps(approved):
            raise PlanOutdated
        execute(conn, schema, current.changes, progress)
        return current

    done = run_ddl(conn, work, timeouts=timeouts)
    with translated():
        run_elsewhere(conn, done.changes)
    for change in done.changes:
        if change.repeated:
            _repeat(conn, change, timeouts)
    return done


def _repeat(conn: Connection, change: Change, timeouts: Timeouts) -> None:
    """Take the step, each time in a transaction of its own, until nothing is left to do."""

    def once(conn: Connection) -> bool:
        become(conn, Roles().owner)
        row = conn.execute(change.sql.encode()).fetchone()
        become(conn, None)
        return row is not None and row[0] is not None

    while run_ddl(conn, once, timeouts=timeouts):
        pass


def _steps(plan: Plan) -> list[tuple[str, str, str, str]]:
    return [(change.op, change.kind, change.target, change.sql) for change in plan.changes]


def execute(
    conn: Connection,
    schema: str,
    changes: Iterable[Change],
    progress: Progress = lambda change: None,
    *,
    said: bool = False,
) -> None:
    """Run the steps, each as the role it is for, and stamp the digests; in a transaction of the caller's.

    Unless the log has `said` so already, an event comes first.
    """
    done = [change for change in changes if change.database is None and not change.repeated]
    if not said:
        _record(conn, schema, done)
    roles = Roles()
    locked = False
    for change in done:
        if change.blocks and not locked:
            lock_against_writers(conn, schema, done)
            locked = True
        become(conn, roles.owner if change.as_owner else None)
        conn.execute(change.sql.encode())
        progress(change)
    become(conn, None)
    _stamp(conn, Templates(schema), done)


def _record(conn: Connection, schema: str, done: list[Change]) -> None:
    """A control event that says what is about to change of the kit, before anything does.

    What `verify` finds in the sealed digests of triggers and functions must have an explanation; and the
    DDL watch, which else records each command, finds that this transaction has one.
    """
    made = [
        f"{change.op} {change.kind} {change.target}"
        for change in done
        if change.objects or change.kind in _GUARDS
    ]
    function = f"{Ident(schema).sql}.record_control(text, jsonb, integer, text)"
    there = conn.execute("SELECT pg_catalog.to_regprocedure(%s) IS NOT NULL", (function,)).fetchone()
    if not made or there is None or not there[0]:
        return
    become(conn, Roles().owner)
    detail = json.dumps({"version": __version__, "changes": made[:100], "more": max(0, len(made) - 100)})
    record = sql.SQL("SELECT {}('kit-changed', %s::pg_catalog.jsonb)")
    conn.execute(record.format(sql.Identifier(schema, "record_control")), (detail,))
    become(conn, None)


def _stamp(conn: Connection, templates: Templates, done: list[Change]) -> None:
    made = {item: change for change in done for item in change.objects}
    if not made:
        return
    owned = Roles().owner
    for item in read_objects(conn, templates):
        change = made.get(item.id)
        if change is not None:
            become(conn, owned if change.as_owner else None)
            conn.execute(_comment(item, planning.digest(change.unit_sql, item.definition)).encode())
    become(conn, None)


def _comment(item: InstalledObject, value: str) -> str:
    comment = Literal(planning.stamped(item.comment, value, item.server)).sql
    return f"COMMENT ON {item.id.kind.upper()} {item.target} IS {comment}"


def _repeated(change: Change) -> str:
    """A step that commits each time: outside of a transaction."""
    query = change.sql.removesuffix(";\n")
    body = (
        "DO $pgaudit_kit$\nBEGIN\n    LOOP\n"
        f"        SET LOCAL ROLE {Ident(Roles().owner).sql};\n"
        "        SET LOCAL search_path = pg_catalog, pg_temp;\n"
        f"        EXIT WHEN ({query}) IS NULL;\n"
        "        COMMIT;\n    END LOOP;\nEND\n$pgaudit_kit$;\n"
    )
    return f"-- {one_line(f'{change.op} {change.kind} {change.target}: {change.why}')}\n{body}"


def script(schema: str, plan: Plan) -> str:
    """The plan as SQL for reading, or for running by hand."""
    owner = Ident(Roles().owner).sql
    # as apply itself does: names mean what they say, and no lock is waited for behind which writers queue
    parts = ["BEGIN;\nSET LOCAL search_path = pg_catalog, pg_temp;\nSET LOCAL lock_timeout = '2s';\n"]
    as_owner = False
    for change in plan.changes:
        if change.database is not None or change.repeated:
            continue
        if change.as_owner != as_owner:
            as_owner = change.as_owner
            parts.append(f"SET LOCAL ROLE {owner};\n" if as_owner else "RESET ROLE;\n")
        parts.append(f"-- {one_line(f'{change.op} {change.kind} {change.target}: {change.why}')}\n")
        parts.append(change.sql)
        parts.append("\n")
    parts.append("RESET ROLE;\nCOMMIT;\n")
    for change in plan.changes:
        if change.repeated:
            parts.append(_repeated(change))
        if change.database is not None:
            parts.append(f"-- in database {one_line(change.database)}: {one_line(change.target)}\n")
            parts.append(f"\\connect {Ident(change.database).sql}\n{change.sql}")
    return "".join(parts)

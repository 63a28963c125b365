"""Carries a plan out, in one transaction, and stamps what it made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from psycopg import sql

from pgaudit_kit import plan as planning
from pgaudit_kit.catalog import read_installation
from pgaudit_kit.db import Connection, run_ddl
from pgaudit_kit.errors import Refused
from pgaudit_kit.install.build import Wanted, build_plan
from pgaudit_kit.model import InstalledObject
from pgaudit_kit.names import Ident, QualifiedName
from pgaudit_kit.plan import Change, Plan
from pgaudit_kit.render import Roles, Templates
from pgaudit_kit.timeouts import Timeouts

Progress = Callable[[Change], None]


class PlanOutdated(Refused):
    """The database changed after the plan was made."""

    hint = "Run the command again and look at the new plan."


def apply_plan(
    conn: Connection,
    schema: str,
    wanted: Wanted,
    *,
    approved: Plan,
    tables: Iterable[QualifiedName],
    timeouts: Timeouts,
    progress: Progress = lambda change: None,
) -> Plan:
    """Make the plan anew under lock and carry it out; returns what was done.

    The tables are locked against DDL, not against writers, from reading their columns to the commit.
    Raises PlanOutdated, and changes nothing, where the plan is no longer the approved one.
    """
    names = sorted(tables)

    def work(conn: Connection) -> Plan:
        lock_tables(conn, names)
        current = build_plan(conn, schema, wanted)
        if _steps(current) != _steps(approved):
            raise PlanOutdated
        execute(conn, schema, current.changes, progress)
        return current

    return run_ddl(conn, work, timeouts=timeouts)


def _steps(plan: Plan) -> list[tuple[str, str, str]]:
    return [(change.op, change.kind, change.target) for change in plan.changes]


def lock_tables(conn: Connection, names: Iterable[QualifiedName]) -> None:
    """Lock the tables that exist, in the order of their names so that two runs cannot deadlock."""
    for name in names:
        kind = conn.execute(
            "SELECT c.relkind::text FROM pg_class AS c INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND c.relname = %s",
            (name.schema, name.name),
        ).fetchone()
        if kind is not None and kind[0] in ("r", "p"):
            conn.execute(
                sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE").format(
                    sql.Identifier(name.schema, name.name)
                )
            )


def execute(
    conn: Connection, schema: str, changes: Iterable[Change], progress: Progress = lambda change: None
) -> None:
    """Run the steps, each as the role it is for, and stamp the digests; in a transaction of the caller's."""
    done = list(changes)
    roles = Roles()
    for change in done:
        _become(conn, roles.owner if change.as_owner else None)
        conn.execute(change.sql.encode())
        progress(change)
    _become(conn, None)
    _stamp(conn, Templates(schema), done)


def _become(conn: Connection, role: str | None) -> None:
    conn.execute("RESET ROLE" if role is None else sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))


def _stamp(conn: Connection, templates: Templates, done: list[Change]) -> None:
    made = {item: change for change in done for item in change.objects}
    if not made:
        return
    owned = Roles().owner
    for item in read_installation(conn, templates).objects:
        change = made.get(item.id)
        if change is not None:
            _become(conn, owned if change.as_owner else None)
            conn.execute(_comment(item, planning.digest(change.unit_sql, item.definition)).encode())
    _become(conn, None)


def _comment(item: InstalledObject, value: str) -> str:
    from pgaudit_kit.names import Literal

    comment = Literal(planning.stamped(item.comment, value)).sql
    return f"COMMENT ON {item.id.kind.upper()} {item.target} IS {comment}"


def script(schema: str, plan: Plan) -> str:
    """The plan as SQL for reading, or for running by hand."""
    owner = Ident(Roles().owner).sql
    parts = ["BEGIN;\n"]
    as_owner = False
    for change in plan.changes:
        if change.as_owner != as_owner:
            as_owner = change.as_owner
            parts.append(f"SET LOCAL ROLE {owner};\n" if as_owner else "RESET ROLE;\n")
        parts.append(f"-- {change.op} {change.kind} {' '.join(change.target.split())}: {change.why}\n")
        parts.append(change.sql)
        parts.append("\n")
    parts.append("RESET ROLE;\nCOMMIT;\n")
    return "".join(parts)

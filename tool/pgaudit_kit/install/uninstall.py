"""Takes the kit out of a database: triggers and functions go; data stays unless told otherwise."""

from __future__ import annotations

from psycopg import sql

from pgaudit_kit.catalog import read_installation
from pgaudit_kit.db import Connection, run_ddl, translated
from pgaudit_kit.install.apply import execute
from pgaudit_kit.install.locks import become
from pgaudit_kit.install.migrate import refuse_newer
from pgaudit_kit.install.partitions import release_changes
from pgaudit_kit.install.schedule import run_elsewhere, unschedule_changes
from pgaudit_kit.model import Installation, ObjectId
from pgaudit_kit.names import Ident
from pgaudit_kit.partition_manager import read_manager
from pgaudit_kit.plan import Change, Plan, drop_changes
from pgaudit_kit.render import Roles, Templates, kit_units
from pgaudit_kit.timeouts import Timeouts

_WHY = "the kit is uninstalled"
_GUARDS = frozenset({"tg_append_only"})
"""Functions that stay with the data: what is kept is kept append-only."""
_RECORDERS = frozenset({"record_reader_row", "record_reader_truncate"})
"""Triggers on the kit's own tables that write to the log, which nobody does any more."""


def uninstall_plan(conn: Connection, schema: str, *, drop_data: bool) -> Plan:
    """What uninstalling takes away; with `drop_data` the whole schema."""
    installation = read_installation(conn, Templates(schema))
    refuse_newer(installation.revision)
    templates = Templates(schema)
    changes = [
        *unschedule_changes(conn, templates),
        *_stop(installation, schema),
        *release_changes(templates, read_manager(conn, templates)),
        *_functions(installation, schema),
    ]
    if drop_data and installation.schema_exists:
        changes.append(
            Change(
                op="drop",
                kind="schema",
                target=schema,
                why="with everything that was recorded",
                sql=f"DROP SCHEMA {Ident(schema).sql} CASCADE;\n",
            )
        )
    return Plan(changes=tuple(changes))


def uninstall(conn: Connection, schema: str, *, drop_data: bool, timeouts: Timeouts) -> None:
    """Stop capturing, seal what is there, then take the rest away."""
    installation = read_installation(conn, Templates(schema))
    if any(item.id == ObjectId("function", "seal") for item in installation.objects):
        stop = [_said(schema), *_stop(installation, schema)]
        run_ddl(conn, lambda c: execute(c, schema, stop), timeouts=timeouts)
        if not drop_data:
            # After the last capture and before the functions go, so that nothing is left unsealed.
            # Twice: what the first records, of the triggers that are gone, only the next can seal.
            for _ in range(2):
                run_ddl(conn, lambda c: _seal(c, schema), timeouts=timeouts)
    rest = uninstall_plan(conn, schema, drop_data=drop_data).changes
    with translated():
        run_elsewhere(conn, rest)
    run_ddl(conn, lambda c: execute(c, schema, rest, said=True), timeouts=timeouts)


def _seal(conn: Connection, schema: str) -> None:
    """Seal when whoever else is sealing has ended; seal() itself would leave it to them and return."""
    become(conn, Roles().owner)
    conn.execute(
        sql.SQL("LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE").format(sql.Identifier(schema, "seal_lock"))
    )
    conn.execute(sql.SQL("SELECT {}()").format(sql.Identifier(schema, "seal")))
    become(conn, None)


def _said(schema: str) -> Change:
    return Change(
        op="change",
        kind="log",
        target="uninstalled",
        why="the log says so",
        sql=f"SELECT {Ident(schema).sql}.record_control('uninstalled', '{{}}'::jsonb);\n",
    )


def _stop(installation: Installation, schema: str) -> list[Change]:
    """Event triggers, then the triggers on audited tables, and the kit's own that write to the log."""
    items = [
        item
        for item in installation.objects
        if item.id.kind == "event trigger"
        or item.id.name in _RECORDERS
        or (item.id.kind == "trigger" and item.id.parent is not None and item.id.parent.schema != schema)
    ]
    return drop_changes(items, frozenset(), schema, why=_WHY)


def _functions(installation: Installation, schema: str) -> list[Change]:
    """The kit's views and functions; what others made in its schema stays."""
    units = kit_units(Templates(schema), event_triggers=False)
    own = {item for unit in units for item in unit.objects}
    items = [
        item
        for item in installation.objects
        if item.id.kind in ("view", "function") and item.id.name not in _GUARDS
    ]
    return drop_changes(items, frozenset(), schema, own=own, why=_WHY)

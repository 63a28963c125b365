"""Reads a database's catalogs, and the kit's registry in it, into the model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pgaudit_kit.db import Connection
from pgaudit_kit.model import (
    AfterTrigger,
    Column,
    ForeignKey,
    Installation,
    InstalledObject,
    ObjectId,
    RegisteredTable,
    Table,
)
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render.templates import Roles, Templates


def read_tables(
    conn: Connection, templates: Templates, names: Iterable[QualifiedName] = (), oids: Iterable[int] = ()
) -> list[Table]:
    """The tables of these names or OIDs; those that do not exist are left out."""
    wanted = list(names)
    rows = _rows(
        conn,
        templates.render("queries/tables.sql"),
        {
            "schemas": [name.schema for name in wanted],
            "names": [name.name for name in wanted],
            "oids": list(oids),
        },
    )
    return [_table(row) for row in rows]


def read_installation(conn: Connection, templates: Templates) -> Installation:
    """What is there of the kit; an empty database gives an empty installation."""
    schema = templates.schema
    revision = _revision(conn, schema)
    settings: dict[str, Any] = {}
    if revision is not None:
        settings = {
            row["name"]: row["value"]
            for row in _rows(conn, templates.render_text("SELECT name, value FROM {{ audit }}.settings"))
        }
    objects = read_objects(conn, templates)
    return Installation(
        schema_exists=_one(conn, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)", (schema,)),
        revision=revision,
        objects=objects,
        settings=settings,
        registered=() if revision is None else _registered_tables(conn, templates),
        missing_roles=_missing_roles(conn, templates.roles),
        # Where they are, whoever looks wants them to stay, also one who could not have made them.
        event_triggers_allowed=any(item.id.kind == "event trigger" for item in objects)
        or event_triggers_allowed(conn),
    )


def read_objects(conn: Connection, templates: Templates) -> tuple[InstalledObject, ...]:
    """What is there of the kit's functions, views, policies and triggers."""
    server = conn.info.server_version // 10_000
    rows = _rows(conn, templates.render("queries/objects.sql"))
    # what was dropped since the query began is listed, and PostgreSQL cannot say any more what it was
    return tuple(_object(row, server) for row in rows if row["definition"] is not None)


def read_registered(conn: Connection, templates: Templates) -> tuple[RegisteredTable, ...]:
    """The tables that are audited or have been; none where there is no kit."""
    return () if _revision(conn, templates.schema) is None else _registered_tables(conn, templates)


def _registered_tables(conn: Connection, templates: Templates) -> tuple[RegisteredTable, ...]:
    return tuple(_registered(row) for row in _rows(conn, templates.render("queries/registered.sql")))


def renamed_to(
    conn: Connection, templates: Templates, installation: Installation, name: QualifiedName
) -> QualifiedName | None:
    """What an audited table that once had this name is called now."""
    if installation.revision is None:
        return None
    query = templates.render_text(
        "SELECT n.nspname, c.relname FROM {{ audit }}.table_versions AS v"
        " INNER JOIN {{ audit }}.audited_tables AS t ON t.table_id = v.table_id AND t.enabled"
        " INNER JOIN pg_class AS c ON c.oid = t.relation"
        " INNER JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE v.schema_name = %s AND v.table_name = %s LIMIT 1"
    )
    row = conn.execute(query.encode(), (name.schema, name.name)).fetchone()
    return QualifiedName(*row) if row else None


def dropped_names(installation: Installation) -> set[QualifiedName]:
    """What was dropped while it was audited, and was not audited again under its name."""
    newest = {row.name: row for row in sorted(installation.registered, key=lambda row: row.table_id)}
    return {name for name, row in newest.items() if row.relation == 0 and not row.enabled}


def made_anew(conn: Connection, templates: Templates, installation: Installation) -> list[QualifiedName]:
    """Tables that took the names of dropped ones; nobody has said whether they shall be audited too."""
    names = sorted(dropped_names(installation))
    return [table.name for table in read_tables(conn, templates, names)] if names else []


def event_triggers_allowed(conn: Connection) -> bool:
    """Whether this role may create event triggers: superusers may, and whom a managed service lets."""
    if _one(conn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        return True
    # Managed services grant it in ways of their own, so it is tried, and taken back.
    try:
        with conn.transaction(force_rollback=True):
            conn.execute(
                "CREATE FUNCTION pg_temp.pgaudit_kit_probe() RETURNS event_trigger LANGUAGE plpgsql AS"
                " 'BEGIN END'"
            )
            conn.execute(
                "CREATE EVENT TRIGGER pgaudit_kit_probe ON ddl_command_end"
                " EXECUTE FUNCTION pg_temp.pgaudit_kit_probe()"
            )
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
        return False
    return True


def _revision(conn: Connection, schema: str) -> str | None:
    table = sql.Identifier(schema, "alembic_version")
    if not _one(conn, "SELECT to_regclass(%s) IS NOT NULL", (table.as_string(conn),)):
        return None
    revision: str | None = _one(conn, sql.SQL("SELECT max(version_num) FROM {}").format(table))
    return revision


def _missing_roles(conn: Connection, roles: Roles) -> tuple[str, ...]:
    rows = _rows(
        conn,
        "SELECT w.name FROM unnest(%s::text[]) AS w (name)"
        " WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = w.name)",
        (roles.all(),),
    )
    return tuple(row["name"] for row in rows)


def _table(row: dict[str, Any]) -> Table:
    return Table(
        oid=row["oid"],
        name=QualifiedName(row["schema"], row["name"]),
        kind=row["kind"],
        persistence=row["persistence"],
        partitioner=row["partitioner"],
        related=row["related"],
        triggers=tuple(
            AfterTrigger(trigger["name"], trigger["by_row"], tuple(trigger["operations"]))
            for trigger in row["triggers"]
        ),
        foreign_keys=tuple(
            ForeignKey(tuple(key["columns"]), QualifiedName(*key["table"]), tuple(key["targets"]))
            for key in row["foreign_keys"]
        ),
        fingerprint=row["fingerprint"],
        columns=tuple(Column(**column) for column in row["columns"]),
        primary_key=tuple(row["primary_key"]),
        partitions=tuple(QualifiedName(*pair) for pair in row["partitions"]),
    )


def _registered(row: dict[str, Any]) -> RegisteredTable:
    name = QualifiedName(row.pop("schema_name"), row.pop("table_name"))
    for numbers in ("key_attnums", "excluded_attnums", "personal_attnums"):
        row[numbers] = tuple(row[numbers])
    columns = {column["name"]: column["attnum"] for column in row.pop("columns")}
    return RegisteredTable(name=name, numbers=columns, **row)


def _object(row: dict[str, Any], server: int) -> InstalledObject:
    parent = QualifiedName(row["parent_schema"], row["parent"]) if row["parent"] else None
    return InstalledObject(
        id=ObjectId(row["kind"], row["name"], parent),
        definition=row["definition"],
        comment=row["comment"],
        target=row["target"],
        server=server,
    )


def _rows(conn: Connection, query: Any, parameters: Any = None) -> list[dict[str, Any]]:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query, parameters).fetchall()


def _one(conn: Connection, query: Any, parameters: Any = None) -> Any:
    row = conn.execute(query, parameters).fetchone()
    assert row is not None  # noqa: S101 - each query asked here gives one row
    return row[0]

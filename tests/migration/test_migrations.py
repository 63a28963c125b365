"""The migrations' head is the same database as sql/tables; a migration taken back leaves nothing."""

from __future__ import annotations

import io
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from alembic import command
from psycopg import sql

from pgaudit_kit import resources
from pgaudit_kit.install import migrate
from pgaudit_kit.render import Templates
from tests.kit import Kit
from tests.servers import Database

SCHEMA = 'Audit "Log"'
TABLES = """
SELECT c.relname, c.relkind, c.relpersistence, c.relowner::regrole, c.relacl::text, c.relrowsecurity,
    c.relforcerowsecurity, c.reloptions, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
    obj_description(c.oid), CASE WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END
FROM pg_class AS c WHERE c.relnamespace = %(schema)s::regnamespace AND c.relname !~ '^alembic'
"""
COLUMNS = """
SELECT c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
    a.attgenerated, a.attstorage, l.collname, pg_get_expr(d.adbin, d.adrelid), a.attacl::text,
    col_description(c.oid, a.attnum)
FROM pg_attribute AS a INNER JOIN pg_class AS c ON c.oid = a.attrelid
LEFT JOIN pg_collation AS l ON l.oid = a.attcollation
LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = %(schema)s::regnamespace AND c.relname !~ '^alembic' AND a.attnum > 0
"""
REST = {
    "tables": TABLES,
    "columns": COLUMNS,
    "constraints": """
        SELECT r.conname, r.contype, r.conrelid::regclass::text, pg_get_constraintdef(r.oid), r.convalidated
        FROM pg_constraint AS r
        WHERE r.connamespace = %(schema)s::regnamespace AND r.conname !~ '^alembic'""",
    "sequences": """
        SELECT c.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
            s.seqcache, s.seqcycle, d.refobjid::regclass::text, d.refobjsubid
        FROM pg_sequence AS s INNER JOIN pg_class AS c ON c.oid = s.seqrelid
        LEFT JOIN pg_depend AS d ON d.objid = c.oid AND d.deptype = 'a'
        WHERE c.relnamespace = %(schema)s::regnamespace""",
    "types": """
        SELECT t.typname, t.typtype, t.typowner::regrole, t.typacl::text, obj_description(t.oid)
        FROM pg_type AS t WHERE t.typnamespace = %(schema)s::regnamespace AND t.typname !~ 'alembic'""",
    "policies": """
        SELECT l.polname, l.polrelid::regclass::text, pg_get_expr(l.polqual, l.polrelid)
        FROM pg_policy AS l INNER JOIN pg_class AS c ON c.oid = l.polrelid
        WHERE c.relnamespace = %(schema)s::regnamespace""",
    "partitions": """
        SELECT i.inhrelid::regclass::text, i.inhparent::regclass::text, i.inhseqno
        FROM pg_inherits AS i INNER JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE c.relnamespace = %(schema)s::regnamespace""",
}


def contents(db: Database) -> dict[str, list[str]]:
    """What the catalogs say of the schema, without numbers that differ from database to database."""
    parameters = {"schema": sql.Identifier(SCHEMA).as_string(None)}
    return {what: sorted(map(repr, db.execute(query, parameters).fetchall())) for what, query in REST.items()}


@pytest.fixture
def empty(db: Database) -> Database:
    """A database with roles and schema alone."""
    templates = Templates(SCHEMA)
    db.execute(templates.render("roles/roles.sql").encode())
    db.execute(templates.render("schema/audit.sql").encode())
    db.execute("SET ROLE pgaudit_kit_owner")
    return db


def from_sql_folder(db: Database) -> None:
    """Makes the tables from sql/tables, each after what it requires."""
    graph = {}
    paths = resources.sql_paths("tables")
    for path in paths:
        match = re.search(r"^-- requires:\s+(.*)$", resources.sql_text(path), re.MULTILINE)
        graph[path] = set(re.split(r",\s*", match[1])) & set(paths) if match else set()
    graph["tables/row_security.sql"] = set(paths) - {"tables/row_security.sql"}
    for path in TopologicalSorter(graph).static_order():
        db.execute(Templates(SCHEMA).render(path).encode())


def test_the_head_of_the_migrations_is_what_sql_says(empty: Database):
    empty.execute(migrate.upgrade_sql(Templates(SCHEMA), None).encode())
    migrated = contents(empty)
    assert len(migrated["columns"]) > 100
    with empty.server.database() as other:
        other.execute(Templates(SCHEMA).render("schema/audit.sql").encode())
        other.execute("SET ROLE pgaudit_kit_owner")
        from_sql_folder(other)
        assert contents(other) == migrated


def downgrade_sql(templates: Templates) -> str:
    buffer = io.StringIO()
    config = migrate._config(buffer)
    config.attributes.update(schema=templates.schema, render=templates.render_text)
    command.downgrade(config, f"{migrate.head()}:base", sql=True)
    return buffer.getvalue()


def test_migrating_down_leaves_nothing(empty: Database):
    before = contents(empty)
    empty.execute(migrate.upgrade_sql(Templates(SCHEMA), None).encode())
    empty.execute(downgrade_sql(Templates(SCHEMA)).encode())
    assert contents(empty) == before


def test_the_newest_revision_has_nothing_to_do():
    assert migrate.upgrade_sql(Templates("audit"), migrate.head()) == ""


def test_a_percent_sign_in_a_migration_stays_one():
    assert "%%" not in migrate.upgrade_sql(Templates("audit"), None)


@pytest.mark.parametrize(
    "command_line", [["plan"], ["install", "--yes"], ["apply", "--yes"], ["uninstall", "--yes"]]
)
def test_a_newer_installation_is_left_alone(
    kit_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command_line: list[str]
):
    monkeypatch.chdir(tmp_path)
    kit_db.execute("UPDATE audit.alembic_version SET version_num = '9999'")
    answer = Kit(kit_db.dsn)(*command_line, code=3)
    assert "error[newer-installation]" in answer.err
    assert "Upgrade pgaudit-kit" in answer.err
    assert kit_db.execute("SELECT version_num FROM audit.alembic_version").fetchall() == [("9999",)]


def test_every_frozen_file_belongs_to_a_migration():
    folder = Path(resources.migrations_folder()) / "versions"
    frozen = {path.name for path in (folder / "sql").glob("*.sql")}
    used = set(re.findall(r'"([\w.]+\.sql)"', "".join(p.read_text() for p in folder.glob("*.py"))))
    assert frozen == used

"""A log with tenants of two regions, and where each of its rows lies on disk."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import psycopg

from tests.kit import Kit

Connection = psycopg.Connection[Any]

TABLES = """
[partitions]
premake = 1

[[tables]]
name = "public.doc"
tenant = { column = "tenant" }
personal = ["email"]

[[tables]]
name = "public.person"
tenant = { column = "tenant" }
personal = ["email", "phone"]
bulk = true
"""
EU = ("acme", "_under", "it's \\ one")
"""Tenants of the region, as a user names them."""
STORED = {"acme", "__under", "it's \\ one"}
"""The same as the log names them."""
OTHERS = ("globex", "acme2")
ROOTS = ("change_events", "personal_keys", "personal_values")


def regions(*parts: str) -> str:
    """A configuration with these regions."""
    return "\n".join(f"[[regions]]\n{part}" for part in parts) + TABLES


def eu(space: str, *tenants: str) -> str:
    """The region of those tenants."""
    names = ", ".join(f"'''{name}'''" for name in (tenants or EU))
    return f"name = 'eu'\ntablespace = '{space}'\ntenants = [{names}]\n"


def build(dsn: str) -> None:
    """Installs the kit, audits two tables, and records: two days ago, and now; nothing is sealed."""
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(
            "CREATE TABLE public.doc (id int PRIMARY KEY, tenant text, body text, email text);"
            "CREATE TABLE public.person (email text PRIMARY KEY, tenant text, phone text)"
        )
        with tempfile.TemporaryDirectory() as folder:
            kit = Kit(dsn, Path(folder) / "pgaudit.toml")
            kit.declare(TABLES.replace("bulk = true", ""))
            kit("install", "--yes")
        work(db, 0)
        two_days_ago(db)
        work(db, 1)


def work(db: Connection, number: int) -> None:
    """Every tenant writes: personal values, personal keys, values that TOAST takes, a change of tenant."""
    for at, tenant in enumerate((*EU, *OTHERS)):
        row = number * 100 + at
        db.execute(
            "INSERT INTO public.doc VALUES (%s, %s, (SELECT string_agg(md5(i::text), '')"
            " FROM generate_series(1, 200) AS i), 'me@example.org')",
            [row, tenant],
        )
        db.execute("INSERT INTO public.person VALUES (%s, %s, '555')", [f"{row}@example.org", tenant])
        db.execute("UPDATE public.doc SET email = 'you@example.org' WHERE id = %s", [row])
    db.execute("UPDATE public.doc SET tenant = 'globex' WHERE id = %s", [number * 100])
    db.execute("UPDATE public.doc SET tenant = 'acme' WHERE id = %s", [number * 100])


def two_days_ago(db: Connection) -> None:
    """What was recorded so far, and is not sealed, happened then; the kit's own permit lets it move."""
    then = "date_trunc('day', now(), 'UTC') - interval '2 days'"
    with db.transaction():
        db.execute("INSERT INTO audit.maintenance_permits VALUES (txid_current())")
        for root in (*ROOTS, "blocks"):
            db.execute(f"SELECT audit.add_partition('audit.{root}', {then}, {then} + interval '1 day')")
        for root in ROOTS:
            db.execute(f"UPDATE audit.{root} SET occurred_at = {then} + event_id * interval '1 second'")
        db.execute("DELETE FROM audit.maintenance_permits")


def parts(db: Connection) -> list[tuple[str, set[str], set[str]]]:
    """Each table with storage below the log's, or detached from it: name, tenants, tablespaces."""
    found = []
    for (leaf,) in db.execute(
        "SELECT c.oid::regclass::text FROM pg_class AS c"
        " WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind = 'r'"
        " AND c.relname ~ '^(change_events|personal_keys|personal_values)' ORDER BY 1"
    ).fetchall():
        tenants = {tenant for (tenant,) in db.execute(f"SELECT DISTINCT tenant_id FROM {leaf}")}
        spaces = {
            space
            for (space,) in db.execute(
                "WITH leaf AS (SELECT * FROM pg_class WHERE oid = %(leaf)s::regclass)"
                " SELECT t.spcname FROM pg_class AS s, leaf, pg_database AS d, pg_tablespace AS t"
                " WHERE d.datname = current_database()"
                " AND t.oid = coalesce(nullif(s.reltablespace, 0), d.dattablespace)"
                " AND (s.oid IN (leaf.oid, leaf.reltoastrelid) OR s.oid IN (SELECT i.indexrelid"
                " FROM pg_index AS i WHERE i.indrelid IN (leaf.oid, leaf.reltoastrelid)))",
                {"leaf": leaf},
            )
        }
        found.append((leaf, tenants, spaces))
    return found


def assert_placed(db: Connection, space: str, tenants: set[str] = STORED) -> None:
    """Rows of those tenants lie in that tablespace with indexes and TOAST, and no others do."""
    held: dict[str, set[str]] = {root: set() for root in ROOTS}
    for leaf, found, spaces in parts(db):
        if space in spaces:
            assert spaces == {space}, leaf
            assert found <= tenants, leaf
        else:
            assert not found & tenants, leaf
        root = next(root for root in ROOTS if leaf.startswith(f"audit.{root}"))
        held[root] |= found
    for root, found in held.items():
        assert tenants <= found, root
        assert set(OTHERS) - tenants <= found, root


def assert_guarded(db: Connection) -> None:
    """Every table of the log has owner, row security, policies, guards and a key, and no grant."""
    wrong = db.execute(
        """
        WITH RECURSIVE tree AS (
            SELECT c.oid, c.oid AS root, NULL::oid AS parent FROM pg_class AS c
            WHERE c.oid IN ('audit.change_events'::regclass, 'audit.personal_keys'::regclass,
                'audit.personal_values'::regclass, 'audit.blocks'::regclass)
            UNION ALL
            SELECT i.inhrelid, t.root, t.oid FROM tree AS t INNER JOIN pg_inherits AS i ON i.inhparent = t.oid
        )
        SELECT c.relname FROM tree AS t INNER JOIN pg_class AS c ON c.oid = t.oid
        WHERE c.relowner <> 'pgaudit_kit_owner'::regrole OR NOT c.relrowsecurity OR NOT c.relforcerowsecurity
            OR 2 <> (SELECT count(*) FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgenabled = 'A'
                AND g.tgname IN ('append_only_row', 'append_only_truncate'))
            OR EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = c.oid AND g.tgenabled <> 'A')
            OR t.parent IS NOT NULL AND EXISTS (
                SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner)
            OR ARRAY(SELECT ROW(l.polname, l.polcmd, l.polroles, pg_get_expr(l.polqual, l.polrelid))::text
                FROM pg_policy AS l WHERE l.polrelid = c.oid ORDER BY 1)
            <> ARRAY(SELECT ROW(l.polname, l.polcmd, l.polroles, pg_get_expr(l.polqual, l.polrelid))::text
                FROM pg_policy AS l WHERE l.polrelid = t.root ORDER BY 1)
            OR c.relkind = 'r' AND NOT EXISTS (
                SELECT FROM pg_index AS x WHERE x.indrelid = c.oid AND x.indisprimary AND x.indisvalid)
        """
    ).fetchall()
    assert wrong == []


def lines(db: Connection) -> dict[int, str]:
    """The line of every event by its number."""
    query = "SELECT e.event_id, audit.event_line(e) FROM audit.change_events AS e"
    return dict(db.execute(query).fetchall())


def personal(db: Connection) -> list[tuple[Any, ...]]:
    """Everything that is kept apart."""
    return db.execute(
        "SELECT event_id, tenant_id, subject, salt, old_values, new_values FROM audit.personal_values"
        " UNION ALL SELECT event_id, tenant_id, NULL, salt, to_jsonb(record_key), NULL"
        " FROM audit.personal_keys ORDER BY 1, 5, 6"
    ).fetchall()

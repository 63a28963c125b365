"""plpgsql_check finds nothing in the kit's functions (Debian: postgresql-15-plpgsql-check)."""

from __future__ import annotations

import pytest

from tests.capture.helpers import enable, one
from tests.servers import Database

TABLES = """
    CREATE TYPE public.pair AS (x int, y text);
    CREATE TABLE public.plain (id int PRIMARY KEY, a text);
    CREATE TABLE public.bulk (id int PRIMARY KEY, a text);
    CREATE TABLE public.people (mail text PRIMARY KEY, a text);
    CREATE TABLE public.everything (
        id int PRIMARY KEY, tenant text, mail text, who int, secret jsonb, p public.pair, f float8, j json
    )
"""
# What it cannot know: the rows that EXECUTE gives; and what only some tables or settings need.
KNOWN = (
    "cannot determinate a result of dynamic SQL",
    "is not assigned yet",
    "unused variable",
    "unused parameter",
    "never read variable",
    "unmodified OUT variable",
)


@pytest.mark.servers("local", "dsn")
def test_plpgsql_check_finds_no_error(kit_db: Database):
    if not one(kit_db, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'plpgsql_check')"):
        pytest.skip("the server has no plpgsql_check")
    kit_db.execute(b"CREATE EXTENSION plpgsql_check SCHEMA public")
    kit_db.execute(TABLES.encode())
    enable(kit_db, "public.plain")
    enable(kit_db, "public.bulk", "--bulk")
    enable(kit_db, "public.people", "--bulk", "--personal", "mail")
    enable(
        *(kit_db, "public.everything", "--tenant-column", "tenant", "--personal", "mail"),
        *("--subject-column", "who", "--exclude", "secret"),
    )
    functions = kit_db.execute(
        "SELECT p.oid::regprocedure::text, coalesce(max(g.tgrelid), max(t.relation), 0)::bigint"
        " FROM pg_proc AS p INNER JOIN pg_language AS l ON l.oid = p.prolang"
        " LEFT JOIN pg_trigger AS g ON g.tgfoid = p.oid"
        " LEFT JOIN audit.audited_tables AS t "
        " ON p.proname IN (format('tg_generic_%%s', t.table_id), format('tg_bulk_generic_%%s', t.table_id))"
        " WHERE p.pronamespace = 'audit'::regnamespace AND l.lanname = 'plpgsql'"
        " AND p.prorettype <> 'anyelement'::regtype GROUP BY 1",
        [],
    ).fetchall()
    assert len(functions) > 20
    found = {}
    for name, relation in functions:
        rows = kit_db.execute(
            "SELECT level, lineno, message, statement FROM public.plpgsql_check_function_tb("
            " %s::regprocedure, relid => %s::oid::regclass, fatal_errors => false, newtable => %s)",
            [name, relation, "changed_rows" if "tg_bulk" in name else None],
        ).fetchall()
        errors = [row for row in rows if not any(text in row[2] for text in KNOWN)]
        if errors:
            found[name] = errors
    assert found == {}

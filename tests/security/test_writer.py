"""A role that may INSERT into an audited table and nothing else, with everything it can think of.

It owns a schema in which it shadows whatever the kit's functions use, puts it in front of the
search path, fills its temporary schema, and turns every setting that it may turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors, sql

from tests.kit import run
from tests.sealing import assert_sound, events, one, seal_all, sealed_once
from tests.servers import Database, connect

Connection = psycopg.Connection[Any]

# name, arguments, result, value: bodies tell who ran them, through the table public.ran
SHADOWS = [
    ("to_jsonb", "anyelement", "jsonb", "'{}'"),
    ("to_jsonb", "text", "jsonb", "'{}'"),
    ("row_to_json", "record", "json", "'{}'"),
    ("now", "", "timestamptz", "'2001-01-01'"),
    ("clock_timestamp", "", "timestamptz", "'2001-01-01'"),
    ("txid_current", "", "bigint", "7"),
    ("sha256", "bytea", "bytea", "'\\x00'"),
    ("convert_to", "text, name", "bytea", "'\\x00'"),
    ("nextval", "regclass", "bigint", "1"),
    ("nextval", "text", "bigint", "1"),
    ("format", "text, text", "text", "'forged'"),
    ("format", "text, anyelement", "text", "'forged'"),
    ("current_setting", "text", "text", "'forged'"),
    ("current_setting", "text, boolean", "text", '\'{"actor_id": "forged"}\''),
    ("set_config", "text, text, boolean", "text", "'forged'"),
    ("jsonb_build_object", "text, text", "jsonb", "'{}'"),
    ("jsonb_build_object", "text, anyelement", "jsonb", "'{}'"),
    ("octet_length", "text", "integer", "0"),
    ("starts_with", "text, text", "boolean", "false"),
    ("left", "text, integer", "text", "'D'"),
    ("host", "inet", "text", "'forged'"),
    ("num_nulls", "text", "integer", "1"),
    ("inet_client_addr", "", "inet", "'10.0.0.1'"),
    ("eq", "text, text", "boolean", "true"),
    ("ne", "text, text", "boolean", "false"),
    ("eq", "integer, integer", "boolean", "true"),
    ("ne", "record, record", "boolean", "false"),
    ("cat", "jsonb, jsonb", "jsonb", "'{}'"),
    ("cat", "text, text", "text", "'forged'"),
    ("get", "jsonb, text", "text", "'forged'"),
]
OPERATORS = [
    ("=", "eq", "text", "text"),
    ("=", "eq", "integer", "integer"),
    ("<>", "ne", "text", "text"),
    ("*<>", "ne", "record", "record"),
    ("||", "cat", "jsonb", "jsonb"),
    ("||", "cat", "text", "text"),
    ("->>", "get", "jsonb", "text"),
]
SETTINGS = {
    "search_path": "evil, pg_temp, pg_catalog, audit",
    "row_security": "off",
    "standard_conforming_strings": "off",
    "quote_all_identifiers": "on",
    "lock_timeout": "1ms",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "TimeZone": "Pacific/Kiritimati",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "bytea_output": "escape",
    "extra_float_digits": "-10",
    "client_encoding": "LATIN1",
    "client_min_messages": "error",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "check_function_bodies": "off",
    "plan_cache_mode": "force_generic_plan",
    "enable_indexscan": "off",
    "backslash_quote": "on",
    "default_table_access_method": "heap",
    "application_name": "forged '\"\\ name",
    "pgaudit_kit.context_audit": '{"actor_id": 5, "tenant_id": [1], "db_user": "postgres", "role": "x"}',
    "pgaudit_kit.tenant_id": "b",
    "pgaudit_kit.maintenance": "on",
}


ATTEMPTS = (
    "TABLE {} LIMIT 0",
    "SELECT FROM {}",
    "INSERT INTO {} DEFAULT VALUES",
    "DELETE FROM {}",
    "TRUNCATE {}",
    "DO $$ BEGIN LOCK TABLE {} IN ACCESS SHARE MODE; END $$",
    "COPY (SELECT FROM {}) TO STDOUT",
    "ALTER TABLE {} DISABLE TRIGGER ALL",
    "DROP TABLE {}",
    "CREATE TRIGGER t BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE r AS ON INSERT TO {} DO INSTEAD NOTHING",
)
# a view that nobody could write to is refused for that reason
REFUSED = (errors.InsufficientPrivilege, errors.WrongObjectType, errors.ObjectNotInPrerequisiteState)
PREVENTIONS = (
    "SET session_replication_role = replica",
    "SET ROLE pgaudit_kit_owner",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER TABLE public.doc DISABLE TRIGGER ALL",
    'DROP TRIGGER "00_pgaudit_kit_audit_row" ON public.doc',
    "CREATE RULE r AS ON INSERT TO public.doc DO INSTEAD NOTHING",
    "CREATE TRIGGER a BEFORE INSERT ON public.doc FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE FUNCTION audit.x() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE TABLE audit.x ()",
    "GRANT pgaudit_kit_owner TO CURRENT_USER",
    "ALTER EVENT TRIGGER pgaudit_kit_audit_ddl DISABLE",
    "COMMENT ON SCHEMA audit IS NULL",
    "ALTER DEFAULT PRIVILEGES FOR ROLE pgaudit_kit_owner GRANT ALL ON TABLES TO PUBLIC",
)


@pytest.fixture(params=["specialised", "generic"])
def writer(kit_db: Database, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """The role's connection; it shadows everything, and every shadow tells who ran it."""
    kit_db.execute(
        "CREATE TABLE public.doc"
        " (id integer PRIMARY KEY, tenant text, v text, j jsonb, f float8, t timestamptz);"
        "CREATE TABLE public.ran (who text, what text)"
    )
    kit_db.execute("GRANT INSERT ON public.ran TO PUBLIC")
    name = kit_db.role("writer")
    kit_db.execute(sql.SQL("GRANT INSERT ON public.doc TO {}").format(sql.Identifier(name)))
    kit_db.execute(sql.SQL("CREATE SCHEMA evil AUTHORIZATION {}").format(sql.Identifier(name)))
    answer = run("--dsn", kit_db.dsn, "enable", "public.doc", "--tenant-column", "tenant")
    assert answer.code == 0, answer.err
    if request.param == "generic":
        kit_db.execute("SELECT audit.use_generic_capture(1, 1)")
    seal_all(kit_db)
    with connect(kit_db, name) as conn:
        shadow(conn)
        yield conn


def shadow(conn: Connection) -> None:
    """Functions, operators, types and temporary tables in front of those that the kit uses."""
    for name, arguments, result, value in SHADOWS:
        conn.execute(
            f"CREATE FUNCTION evil.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $x$ BEGIN"
            f" INSERT INTO public.ran VALUES (current_user, '{name}'); RETURN {value}; END $x$"
        )
    for symbol, function, left, right in OPERATORS:
        conn.execute(
            f"CREATE OPERATOR evil.{symbol}"
            f" (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = evil.{function})"
        )
    for name in ("jsonb", "text", "bigint", "xid", "event_v1"):
        conn.execute(f"CREATE DOMAIN evil.{name} AS pg_catalog.text CHECK (false)")
    for name in (
        "change_events",
        "audited_tables",
        "settings",
        "maintenance_permits",
        "pg_trigger",
        "pg_class",
    ):
        conn.execute(f"CREATE TEMPORARY TABLE {name} (event_id bigint, value text)")
    conn.execute("CREATE TEMPORARY SEQUENCE event_id_seq")
    conn.execute("GRANT USAGE ON SCHEMA evil TO PUBLIC")  # else no function of the kit's owner would see them


def turn(conn: Connection) -> None:
    for name, value in SETTINGS.items():
        conn.execute("SELECT pg_catalog.set_config(%s, %s, false)", [name, value])


def test_every_write_is_recorded_as_it_was_and_no_shadow_runs_as_another(
    kit_db: Database, writer: Connection
) -> None:
    before = events(kit_db)
    turn(writer)
    writer.execute(
        "INSERT INTO public.doc VALUES (1, 'a', 'x\\\\y', '{\"k\": 1.10}', 0.1, '2026-01-01 00:00+00')"
    )
    writer.execute("INSERT INTO public.doc SELECT i, 'a', 'v' FROM pg_catalog.generate_series(2, 4) AS i")
    with writer.cursor() as cursor, cursor.copy("COPY public.doc (id, tenant) FROM STDIN") as copy:
        copy.write_row((5, "a"))
    assert len(events(kit_db) - before) == 5
    kit_db.execute("SET client_encoding = 'UTF8'")
    operation, tenant, new, context, transaction, age = (
        kit_db.execute(
            "SELECT operation, tenant_id, new_values, context, transaction_id, now() - occurred_at"
            " FROM audit.change_events WHERE record_key = '1'"
        ).fetchone()
        or [None] * 6
    )
    assert (operation, tenant) == ("I", "a")
    assert new["f"] == 0.1 and new["t"] == "2026-01-01T00:00:00+00:00" and new["id"] == 1
    assert context["db_user"] == writer.info.user != context["role"]
    assert one(kit_db, "SELECT actor_id FROM audit.change_events WHERE record_key = '1'") is None
    assert transaction > 100 and age.total_seconds() < 60
    ran = set(kit_db.execute("SELECT who FROM public.ran").fetchall())
    assert ran <= {(writer.info.user,)}
    seal_all(kit_db)
    assert sealed_once(kit_db)
    assert_sound(kit_db)


def test_nothing_of_the_kit_can_be_read_or_written(kit_db: Database, writer: Connection) -> None:
    kit_db.execute("INSERT INTO public.doc VALUES (1, 'a', 'v')")
    seal_all(kit_db)
    before = (events(kit_db), one(kit_db, "SELECT count(*) FROM audit.blocks"))
    relations = kit_db.execute(
        "SELECT c.relname, c.relkind::text FROM pg_class AS c"
        " WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')"
    ).fetchall()
    assert len(relations) > 30
    for name, kind in relations:
        target = sql.Identifier("audit", name)
        for attempt in ["SELECT * FROM {}"] if kind == "S" else ATTEMPTS:
            with pytest.raises(REFUSED):
                writer.execute(sql.SQL(attempt).format(target))
    for query in ("SELECT nextval('audit.event_id_seq')", "SELECT setval('audit.event_id_seq', 1)"):
        with pytest.raises(errors.InsufficientPrivilege):
            writer.execute(query)
    stats = "SELECT count(*) FROM pg_stats WHERE schemaname = 'audit'"
    assert one(writer, stats) == 0
    assert before == (events(kit_db), one(kit_db, "SELECT count(*) FROM audit.blocks"))


def test_no_function_of_the_kit_can_be_called_but_set_context(kit_db: Database, writer: Connection) -> None:
    functions = kit_db.execute(
        "SELECT p.proname, p.oid::regprocedure::text,"
        " ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) AS t)"
        " FROM pg_proc AS p WHERE p.pronamespace = 'audit'::regnamespace"
    ).fetchall()
    assert len(functions) > 25
    for name, signature, types in functions:
        if name == "set_context":
            continue
        values = ", ".join(f"NULL::{'text' if t.startswith('any') else t}" for t in types)
        with pytest.raises(
            (errors.InsufficientPrivilege, errors.FeatureNotSupported), match=r"permission|trigger"
        ):
            writer.execute(sql.SQL(f"SELECT audit.{name}({values})"))
        assert not one(writer, "SELECT pg_catalog.has_function_privilege(%s, 'EXECUTE')", [signature]), name
        with pytest.raises(errors.InsufficientPrivilege):
            writer.execute(f"ALTER FUNCTION {signature} SECURITY INVOKER")
    # a trigger function may be put on a table of one's own only by those who may execute it
    writer.execute("CREATE TABLE evil.mine (id integer)")
    for name, _, _ in functions:
        if name.startswith("tg_") and "ddl" not in name:
            with pytest.raises(errors.InsufficientPrivilege):
                writer.execute(
                    f"CREATE TRIGGER t AFTER INSERT ON evil.mine FOR EACH ROW EXECUTE FUNCTION audit.{name}()"
                )


def test_no_event_can_be_suppressed_or_given_another_author(kit_db: Database, writer: Connection) -> None:
    for query in PREVENTIONS:
        with pytest.raises(errors.InsufficientPrivilege):
            writer.execute(query)
    before = events(kit_db)
    with writer.transaction():
        writer.execute(
            "SELECT audit.set_context(actor_id => 'somebody', extra => '{\"db_user\": \"postgres\"}')"
        )
        writer.execute("INSERT INTO public.doc VALUES (1, 'b', 'v')")
    (row,) = events(kit_db) - before
    actor, context = (
        kit_db.execute(
            "SELECT actor_id, context FROM audit.change_events WHERE event_id = %s", [row]
        ).fetchone()
        or [None] * 2
    )
    # the actor is what the application says; who is connected it cannot choose
    assert (actor, context["db_user"]) == ("somebody", writer.info.user)


def test_errors_tell_nothing_of_other_tenants(kit_db: Database, writer: Connection) -> None:
    kit_db.execute("INSERT INTO public.doc VALUES (1, 'secret tenant', 'secret value')")
    turn(writer)
    with pytest.raises(errors.UniqueViolation) as caught:
        writer.execute("INSERT INTO public.doc VALUES (1, 'b', 'v')")
    assert not re.search("secret", str(caught.value))

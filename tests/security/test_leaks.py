"""What a reader of one tenant tries in order to learn of another: each is refused, or gives nothing."""

from __future__ import annotations

import subprocess
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.sealing import one
from tests.security.conftest import SECRET, tenants
from tests.servers import Database, connect

Connection = psycopg.Connection[Any]


@pytest.mark.parametrize(
    "condition",
    [
        "(new_values ->> 'v')::int > 0",
        "record_key::int > 0",
        "(actor_id || '')::int > 0",
        "1 / (CASE WHEN tenant_id = 'b' THEN 0 ELSE 1 END) = 1",
        "context::text::xml IS NULL",
        "tenant_id OPERATOR(public.<<<) tenant_id",
        "public.leak(record_key) AND public.leak(new_values::text)",
        "EXISTS (SELECT FROM audit.stored_events AS s WHERE public.leak(s.actor_id))",
        "EXISTS (SELECT FROM audit.personal_data AS d WHERE public.leak(d.new_values::text))",
    ],
)
def test_neither_operators_nor_functions_nor_errors_tell(
    secrets_db: Database, readers: tuple[str, str], condition: str
) -> None:
    with connect(secrets_db, readers[0]) as conn:
        said: list[str] = []
        conn.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
        conn.execute(
            "CREATE FUNCTION public.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS"
            " $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        conn.execute(
            "CREATE FUNCTION public.leak2(text, text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS"
            " $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        conn.execute("CREATE OPERATOR public.<<< (FUNCTION = public.leak2, LEFTARG = text, RIGHTARG = text)")
        for planned in ("on", "off"):
            conn.execute(f"SET enable_indexscan = {planned}; SET enable_seqscan = {planned}")
            try:
                rows = conn.execute(f"SELECT * FROM audit.events WHERE {condition}").fetchall()
                assert SECRET not in str(rows)
            except psycopg.errors.DivisionByZero:
                pytest.fail("a row of another tenant was looked at")
            except psycopg.Error as error:
                assert SECRET not in str(error)
        assert SECRET not in str(said)
        assert "b" not in said


def test_statistics_tell_nothing(secrets_db: Database, readers: tuple[str, str]) -> None:
    with connect(secrets_db, readers[0]) as conn:
        for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
            assert one(conn, f"SELECT count(*) FROM {view} WHERE schemaname = 'audit'") == 0
        for table in ("pg_statistic", "pg_statistic_ext_data"):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT FROM {table}")
        with connect(secrets_db, readers[1]) as other:
            other.execute(f"SELECT FROM audit.events WHERE record_key = '{SECRET}'")
            shown = conn.execute("SELECT query FROM pg_stat_activity").fetchall()
        assert SECRET not in str(shown)


def test_estimates_do_not_depend_on_what_others_wrote(secrets_db: Database, readers: tuple[str, str]) -> None:
    """Else EXPLAIN, asked for one text after another, spells out names and keys, and leaves no trace."""
    texts = ("!", "b", SECRET, SECRET + "1", SECRET + "~", "~")
    with connect(secrets_db, readers[0]) as conn:
        columns = conn.execute(
            "SELECT c.table_name::text, c.column_name::text, c.data_type::text"
            " FROM information_schema.columns AS c"
            " WHERE c.table_schema = 'audit' AND c.data_type IN ('text', 'bytea')"
        ).fetchall()
        assert {view for view, *_ in columns} > {"events", "stored_events", "personal_data", "chain"}
        for view, column, kind in columns:
            value = "'{}'" if kind == "text" else "convert_to('{}', 'UTF8')"
            collate = 'COLLATE "C"' if kind == "text" else ""
            for operator in ("<", "="):
                condition = f"{column} {collate} {operator} {value}"
                query = f"EXPLAIN (FORMAT JSON) SELECT FROM audit.{view} WHERE {condition}"
                estimates = {one(conn, query.format(text))[0]["Plan"]["Plan Rows"] for text in texts}
                assert len(estimates) == 1, (view, column, operator)


def test_asking_in_anothers_name_does_not_tell_which_tenants_it_reads(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    with connect(secrets_db, readers[0]) as conn:
        said: list[str] = []
        conn.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
        conn.execute("SET client_min_messages = debug5")
        conn.execute("SELECT audit.note_read(%s)", [readers[1]])
        conn.execute("SELECT audit.note_reading(%s, 'page', '{}', 1)", [readers[1]])
    assert [text for text in said if "tenants" in text] == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE x (e bigint, o timestamptz, FOREIGN KEY (e, o) REFERENCES audit.change_events)",
        "CREATE TABLE x (r name, t text, v text, FOREIGN KEY (r, t, v) REFERENCES audit.tenant_readers)",
        "CREATE TABLE x PARTITION OF audit.change_events FOR VALUES FROM ('1999-01-01') TO ('1999-01-02')",
        "CREATE TABLE x (LIKE audit.change_events); ALTER TABLE audit.change_events ATTACH PARTITION x"
        " FOR VALUES FROM ('1999-01-01') TO ('1999-01-02')",
        "ALTER TABLE audit.change_events DETACH PARTITION audit.change_events_default",
        "CREATE OR REPLACE VIEW audit.events AS SELECT * FROM audit.change_events",
        "CREATE VIEW audit.mine AS SELECT 1",
        "CREATE FUNCTION audit.note_read(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "CREATE OR REPLACE FUNCTION audit.note_read(name) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "ALTER FUNCTION audit.history(regclass, text) SECURITY DEFINER",
        "SET ROLE pgaudit_kit_view",
        "SET ROLE pgaudit_kit_owner",
        "SET SESSION AUTHORIZATION pgaudit_kit_view",
        "GRANT pgaudit_kit_view TO CURRENT_USER",
        "GRANT pgaudit_kit_auditor TO CURRENT_USER",
        "SELECT audit.grant_tenant(current_user, 'b', 'membership')",
        "SELECT audit.record_control('x', '{}')",
        "SET row_security = off; SELECT FROM audit.events",
        "SET row_security = off; SELECT FROM audit.history('public.named', 'k')",
        "COPY audit.change_events TO STDOUT",
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM audit.change_events",
        "CREATE PUBLICATION p FOR TABLE audit.change_events",
        "CREATE FUNCTION own() RETURNS bigint LANGUAGE sql SET row_security = off AS"
        " 'SELECT count(*) FROM audit.events'; SELECT own()",
        "SELECT FROM audit.change_events_default",
        "SELECT FROM ONLY audit.change_events",
        "DO $$ BEGIN EXECUTE (SELECT 'SELECT FROM ' || max(inhrelid::regclass::text) FROM pg_inherits"
        " WHERE inhparent = 'audit.change_events'::regclass); END $$",
        "SELECT FROM audit.personal_values",
        "SELECT FROM audit.events FOR UPDATE",
        "SELECT query_to_xml('SELECT * FROM audit.change_events_default', true, true, '')",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT pg_create_logical_replication_slot('s', 'pgoutput')",
        "CREATE VIEW through AS SELECT * FROM audit.change_events; SELECT * FROM through",
    ],
)
def test_what_would_open_the_log_is_refused(
    secrets_db: Database, readers: tuple[str, str], statement: str
) -> None:
    with connect(secrets_db, readers[0]) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute(statement)


@pytest.mark.parametrize("tenant", ["b", "*", "_system", "a,b", "{a,b}", "a' OR true; --"])
def test_the_tenant_setting_does_nothing_for_a_reader_by_membership(
    secrets_db: Database, readers: tuple[str, str], tenant: str
) -> None:
    with connect(secrets_db, readers[0]) as conn:
        conn.execute("SELECT set_config('pgaudit_kit.tenant_id', %s, false)", [tenant])
        assert tenants(conn) == {"a"}
        assert one(conn, "SELECT count(*) FROM audit.page(tenants => '{b}')") == 0


def test_neither_search_path_nor_temporary_objects_change_what_is_shown(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    with connect(secrets_db, readers[0]) as conn:
        conn.execute(
            "CREATE TEMPORARY TABLE tenant_readers (role name, tenant_id text, via text);"
            "INSERT INTO tenant_readers SELECT current_user, 'b', 'membership';"
            "CREATE TEMPORARY TABLE change_events (tenant_id text);"
            "CREATE FUNCTION public.pg_has_role(name, name, text) RETURNS boolean"
            " LANGUAGE sql AS 'SELECT true';"
            "CREATE FUNCTION public.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';"
            "CREATE OPERATOR public.= (FUNCTION = public.yes, LEFTARG = text, RIGHTARG = text);"
            "SET search_path = pg_temp, public, audit, pg_catalog"
        )
        assert {tenant for (tenant,) in conn.execute("SELECT tenant_id FROM audit.events")} == {"a"}
        for function in ("audit.page()", "audit.history('public.named', 'k')"):
            rows = conn.execute(f"SELECT tenant_id FROM {function}").fetchall()
            assert {tenant for (tenant,) in rows} == {"a"}, function


def test_a_copy_of_the_view_has_the_readers_tenants(secrets_db: Database, readers: tuple[str, str]) -> None:
    with connect(secrets_db, readers[0]) as conn:
        with conn.cursor().copy("COPY (SELECT * FROM audit.events) TO STDOUT") as copy:
            text = b"".join(bytes(block) for block in copy)
        assert b"open" in text and SECRET.encode() not in text
        conn.execute("CREATE TABLE public.copied AS TABLE audit.events")
        assert one(conn, "SELECT array_agg(DISTINCT tenant_id) FROM public.copied") == ["a"]


def test_explain_analyze_shows_no_value_of_another_tenant(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    with connect(secrets_db, readers[0]) as conn:
        plan = conn.execute("EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM audit.events").fetchall()
    assert SECRET not in str(plan)


@pytest.mark.own_programs
def test_pg_dump_by_a_reader_gets_nothing(secrets_db: Database, readers: tuple[str, str]) -> None:
    bindir = secrets_db.server.bindir
    assert bindir is not None
    for options in (["--schema=audit", "--data-only"], ["--table=audit.change_events"],
                    ["--table=audit.change_events", "--enable-row-security"]):  # fmt: skip
        done = subprocess.run(
            [str(bindir / "pg_dump"), *options, secrets_db.server.dsn(secrets_db.name, readers[0])],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "permission denied" in done.stderr
        assert SECRET not in done.stdout

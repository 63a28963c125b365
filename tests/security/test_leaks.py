"""What a reader of one tenant tries in order to learn of another: each is refused, or gives nothing."""

from __future__ import annotations

import subprocess
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.kit import Kit
from tests.sealing import audited_table, one, seal_all
from tests.servers import Database, connect

SECRET = "the-secret-of-b"

Connection = psycopg.Connection[Any]


@pytest.fixture
def readers(kit_db: Database, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Roles that read a and b; b's log holds the secret in key, value and context."""
    monkeypatch.chdir(tmp_path)
    audited_table(kit_db, kit_db.dsn)
    kit_db.execute("CREATE TABLE public.named (id text PRIMARY KEY, tenant text, v text)")
    kit = Kit(kit_db.dsn)
    kit("enable", "public.named", "--tenant-column", "tenant", "--personal", "v")
    kit_db.execute("INSERT INTO public.named VALUES ('k', 'a', 'open')")
    with kit_db.transaction():
        kit_db.execute("SELECT audit.set_context(actor_id => %s, ip => '192.0.2.7')", [SECRET])
        kit_db.execute("INSERT INTO public.named SELECT %s || i, 'b', %s FROM generate_series(1, 50) AS i",
                       [SECRET, SECRET])  # fmt: skip
    seal_all(kit_db)
    kit_db.execute("ANALYZE")
    roles = kit_db.role("of_a"), kit_db.role("of_b")
    for role, tenant in zip(roles, "ab", strict=True):
        kit("tenant", "grant", role, tenant)
    kit_db.execute(f"GRANT CREATE ON SCHEMA public TO {roles[0]}, {roles[1]}")
    return roles


def tenants(conn: Connection) -> set[str]:
    return {tenant for (tenant,) in conn.execute("SELECT DISTINCT tenant_id FROM audit.events")}


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
    ],
)
def test_neither_operators_nor_functions_nor_errors_tell(
    kit_db: Database, readers: tuple[str, str], condition: str
) -> None:
    with connect(kit_db, readers[0]) as conn:
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


def test_statistics_tell_nothing(kit_db: Database, readers: tuple[str, str]) -> None:
    with connect(kit_db, readers[0]) as conn:
        for view in ("pg_stats", "pg_stats_ext", "pg_stats_ext_exprs"):
            assert one(conn, f"SELECT count(*) FROM {view} WHERE schemaname = 'audit'") == 0
        for table in ("pg_statistic", "pg_statistic_ext_data"):
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute(f"SELECT FROM {table}")
        with connect(kit_db, readers[1]) as other:
            other.execute(f"SELECT FROM audit.events WHERE record_key = '{SECRET}'")
            shown = conn.execute("SELECT query FROM pg_stat_activity").fetchall()
        assert SECRET not in str(shown)


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
        "SELECT pg_read_file('postgresql.conf')",
        "CREATE VIEW through AS SELECT * FROM audit.change_events; SELECT * FROM through",
    ],
)
def test_what_would_open_the_log_is_refused(
    kit_db: Database, readers: tuple[str, str], statement: str
) -> None:
    with connect(kit_db, readers[0]) as conn, pytest.raises(errors.InsufficientPrivilege):
        conn.execute(statement)


def test_a_prepared_plan_is_the_present_roles(kit_db: Database, readers: tuple[str, str]) -> None:
    login = kit_db.role("login", "LOGIN NOINHERIT")
    kit_db.execute(f"GRANT {readers[0]}, {readers[1]} TO {login}")
    with connect(kit_db, login) as conn:
        for mode in ("force_generic_plan", "force_custom_plan"):
            conn.execute(f"SET plan_cache_mode = {mode}")
            conn.execute("DEALLOCATE ALL; RESET ROLE")
            conn.execute(f"SET ROLE {readers[0]}")
            conn.execute("PREPARE p AS SELECT DISTINCT tenant_id FROM audit.events")
            for _ in range(3):
                for role, seen in zip(readers, "ab", strict=True):
                    conn.execute(f"SET ROLE {role}")
                    assert conn.execute("EXECUTE p").fetchall() == [(seen,)]
            conn.execute("RESET ROLE")
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute("EXECUTE p")


def test_a_cursor_shows_one_roles_tenants(kit_db: Database, readers: tuple[str, str]) -> None:
    login = kit_db.role("login", "LOGIN NOINHERIT")
    kit_db.execute(f"GRANT {readers[0]}, {readers[1]} TO {login}")
    with connect(kit_db, login) as conn, conn.transaction():
        conn.execute(f"SET LOCAL ROLE {readers[1]}")
        conn.execute("DECLARE c CURSOR FOR SELECT tenant_id FROM audit.events")
        assert conn.execute("FETCH 1 FROM c").fetchall() == [("b",)]
        conn.execute(f"SET LOCAL ROLE {readers[0]}")
        rest = {tenant for (tenant,) in conn.execute("FETCH ALL FROM c")}
        assert rest == {"b"}  # what was opened as b's reader goes on as it began
        assert tenants(conn) == {"a"}


def test_anothers_view_shows_the_reader_what_is_the_readers(
    kit_db: Database, readers: tuple[str, str]
) -> None:
    with connect(kit_db, readers[1]) as b:
        b.execute("CREATE VIEW public.theirs AS SELECT * FROM audit.events")
        b.execute(f"GRANT SELECT ON public.theirs TO {readers[0]}")
    with connect(kit_db, readers[0]) as a:
        assert a.execute("SELECT DISTINCT tenant_id FROM public.theirs").fetchall() == [("a",)]


def test_a_definer_function_shows_its_owners_log_and_the_trace_names_who_called(
    kit_db: Database, readers: tuple[str, str]
) -> None:
    with connect(kit_db, readers[1]) as b:
        b.execute(
            "CREATE FUNCTION public.show() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
            " SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM audit.events'"
        )
    with connect(kit_db, readers[0]) as a:
        assert one(a, "SELECT public.show()") == 50  # b's reader published it
        assert tenants(a) == {"a"}
    reader, caller = kit_db.execute(
        "SELECT new_values ->> 'reader', context ->> 'db_user' FROM audit.change_events"
        " WHERE new_values ->> 'kind' = 'log-read' ORDER BY event_id LIMIT 1"
    ).fetchall()[0]
    assert (reader, caller) == (readers[1], readers[0])


def test_explain_analyze_shows_no_value_of_another_tenant(kit_db: Database, readers: tuple[str, str]) -> None:
    with connect(kit_db, readers[0]) as conn:
        plan = conn.execute("EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM audit.events").fetchall()
    assert SECRET not in str(plan)


@pytest.mark.own_programs
def test_pg_dump_by_a_reader_gets_nothing(kit_db: Database, readers: tuple[str, str]) -> None:
    bindir = kit_db.server.bindir
    assert bindir is not None
    for options in (["--schema=audit", "--data-only"], ["--table=audit.change_events"],
                    ["--table=audit.change_events", "--enable-row-security"]):  # fmt: skip
        done = subprocess.run(
            [str(bindir / "pg_dump"), *options, kit_db.server.dsn(kit_db.name, readers[0])],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode != 0
        assert "permission denied" in done.stderr
        assert SECRET not in done.stdout

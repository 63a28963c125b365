"""T8: ways around the triggers are recorded, or told by a control event and by doctor."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from psycopg import sql

from tests.capture.helpers import one
from tests.servers import connect
from tests.traps.trap import Trap

TABLE = "CREATE TABLE public.t (id int PRIMARY KEY, a text, b int)"
ROW = '"00_pgaudit_kit_audit_row"'


@contextlib.contextmanager
def may_set(trap: Trap, role: str, parameter: str) -> Iterator[None]:
    names = sql.SQL(parameter), sql.Identifier(role)
    trap.db.execute(sql.SQL("GRANT SET ON PARAMETER {} TO {}").format(*names))
    try:
        yield
    finally:
        trap.db.execute(sql.SQL("REVOKE SET ON PARAMETER {} FROM {}").format(*names))


def test_replica_role_writes_are_recorded_whoever_may_set_it(trap: Trap, mode: str):
    if trap.db.info.server_version < 150000:
        pytest.skip("GRANT SET ON PARAMETER came with PostgreSQL 15")
    t = trap.audit(TABLE, mode=mode)
    role = trap.db.role()
    trap.do(f"GRANT INSERT, UPDATE, DELETE, TRUNCATE, SELECT ON public.t TO {role}")
    with may_set(trap, role, "session_replication_role"), connect(trap.db, role) as conn:
        conn.execute("SET session_replication_role = replica")
        for statement in (
            "INSERT INTO public.t VALUES (1, 'x', 1)",
            "UPDATE public.t SET a = 'y'",
            "DELETE FROM public.t",
            "TRUNCATE public.t",
        ):
            conn.execute(statement.encode())
    assert [event.operation for event in t.events()] == ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
    assert {event.context["db_user"] for event in t.events()} == {role}
    trap.proved()


def test_replica_role_ddl_is_followed(trap: Trap):
    t = trap.audit(TABLE)
    trap.do(
        "SET session_replication_role = replica",
        "ALTER TABLE public.t DROP COLUMN a",
        "ALTER TABLE public.t ADD COLUMN c int DEFAULT 7",
        "INSERT INTO public.t VALUES (1, 2)",
        "RESET session_replication_role",
    )
    assert t.changes == [("INSERT", "1", {}, {"id": "1", "b": "2", "c": "7"})]
    columns = [[column["name"] for column in event["columns"]] for event in trap.controls("table-changed")]
    assert columns == [["id", "b"], ["id", "b", "c"]]
    trap.proved()


def test_disabling_and_enabling_all_triggers_is_recorded_and_leaves_them_always(trap: Trap):
    t = trap.audit(TABLE)
    trap.do("ALTER TABLE public.t DISABLE TRIGGER ALL")
    assert trap.doctor("triggers")[0] == "fail"
    trap.do("INSERT INTO public.t VALUES (1, 'unseen', 1)", "ALTER TABLE public.t ENABLE TRIGGER ALL")
    assert trap.doctor("triggers")[0] == "ok"
    off, *_, on = trap.controls("triggers-changed")
    assert f"{ROW} D" in off["after"] and f"{ROW} A" in on["after"]
    trap.do("SET session_replication_role = replica", "UPDATE public.t SET a = 'seen'")
    trap.do("RESET session_replication_role")
    assert [event.operation for event in t.events()] == ["UPDATE"]
    trap.proved()


REWRITES = {
    "type": ("ALTER TABLE public.t ALTER a TYPE varchar(9) USING left(a, 9)", "table-changed"),
    "default": ("ALTER TABLE public.t ADD c int DEFAULT 7", "table-changed"),
    "drop": ("ALTER TABLE public.t DROP a", "table-changed"),
    "the same type": ("ALTER TABLE public.t ALTER a TYPE text USING 'forged'", "table-rewritten"),
}


@pytest.mark.parametrize("how", REWRITES)
def test_ddl_that_changes_rows_is_a_control_event_with_the_columns(trap: Trap, how: str):
    statement, kind = REWRITES[how]
    t = trap.audit(TABLE)
    trap.do("INSERT INTO public.t VALUES (1, 'x', 1)", statement)
    (event,) = trap.controls(kind)
    assert (event["command"], event["query"], event["table"]) == ("ALTER TABLE", statement, "public.t")
    names = one(
        trap.db,
        "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = 'public.t'::regclass AND attnum > 0 AND NOT attisdropped",
    )
    assert [column["name"] for column in event["columns"]] == names
    assert [event.operation for event in t.events()] == ["INSERT"]
    if how == "the same type":
        trap.proved("unknown")  # the log tells that rows were written anew, and not what was in them
    else:
        trap.proved()


def test_a_rule_that_leads_writes_elsewhere_is_told_by_the_log_and_by_doctor(trap: Trap):
    t = trap.audit(TABLE)
    owner = trap.db.role()
    trap.do(f"ALTER TABLE public.t OWNER TO {owner}")
    with connect(trap.db, owner) as conn:
        conn.execute("CREATE RULE elsewhere AS ON INSERT TO public.t DO INSTEAD NOTHING")
        conn.execute("INSERT INTO public.t VALUES (1, 'lost', 1)")
    assert t.events() == [] and one(trap.db, "SELECT count(*) FROM public.t") == 0
    (event,) = trap.controls("triggers-changed")
    assert (event["command"], event["table"]) == ("CREATE RULE", "public.t")
    assert "rule elsewhere" in event["after"] and "rule elsewhere" not in event["before"]
    level, says = trap.doctor("triggers")
    assert level == "warn" and "rule elsewhere" in says
    trap.do("DROP RULE elsewhere ON public.t", "INSERT INTO public.t VALUES (1, 'x', 1)")
    assert len(trap.controls("triggers-changed")) == 2
    assert [event.operation for event in t.events()] == ["INSERT"]
    assert trap.doctor("triggers")[0] == "ok"
    trap.proved()


def test_a_role_that_shadows_what_the_capture_function_calls_runs_nothing_as_another(trap: Trap, mode: str):
    """T6: with a schema of its own in front, INSERT on an audited table was enough to become its owner."""
    t = trap.audit(TABLE, mode=mode)
    role = trap.db.role()
    trap.do(
        "CREATE TABLE public.ran (who text)",
        "GRANT INSERT ON public.ran TO PUBLIC",
        f"GRANT INSERT ON public.t TO {role}",
        f"CREATE SCHEMA evil AUTHORIZATION {role}",
    )
    with connect(trap.db, role) as conn:
        for signature, result in (("to_jsonb(public.t)", "jsonb"), ("clock_timestamp()", "timestamptz")):
            conn.execute(
                f"CREATE FUNCTION evil.{signature} RETURNS {result} LANGUAGE plpgsql AS"
                " $$BEGIN INSERT INTO public.ran VALUES (current_user); RETURN NULL; END$$".encode()
            )
        conn.execute("GRANT USAGE ON SCHEMA evil TO PUBLIC")  # else the kit's owner would not see them
        conn.execute("CREATE TEMPORARY TABLE change_events (event_id bigint)")
        conn.execute("SET search_path = evil, pg_temp, pg_catalog")
        conn.execute("INSERT INTO public.t VALUES (1, 'x', 1)")
    assert trap.db.execute("SELECT who FROM public.ran").fetchall() == []
    assert t.changes == [("INSERT", "1", {}, {"id": "1", "a": "x", "b": "1"})]
    trap.proved()


@pytest.mark.any_server
@pytest.mark.parametrize("value", ["", "{", "[1]", '{"actor_id": 5, "tenant_id": [1], "ip": "no"}', "\x01"])
def test_a_context_that_anybody_wrote_by_hand_fails_no_write(trap: Trap, value: str):
    """After SET LOCAL ends a setting is '' and not NULL: ''::uuid would fail the business's write."""
    t = trap.audit(TABLE, "--tenant-setting", "app.tenant")
    trap.do(
        "SELECT set_config('pgaudit_kit.context_audit', "
        + sql.Literal(value).as_string(trap.db)
        + ", false)",
        "BEGIN; SET LOCAL app.tenant = 'x'; COMMIT",
        "INSERT INTO public.t VALUES (1, 'x', 1)",
        "UPDATE public.t SET a = 'y'",
    )
    assert [event.operation for event in t.events()] == ["INSERT", "UPDATE"]
    assert {(event.tenant_id, event.actor_id) for event in t.events()} == {("default", None)}
    trap.do("RESET ALL")
    trap.proved()

"""Tables that are renamed, moved, emptied, or of a kind that cannot be audited."""

from __future__ import annotations

import pytest

from tests.capture.helpers import controls, enable, one
from tests.servers import connect
from tests.traps.trap import Trap

TABLE = "CREATE TABLE public.t (id int PRIMARY KEY, a text)"


def test_a_table_that_is_renamed_and_moved_goes_on_being_recorded(trap: Trap):
    t = trap.audit(TABLE)
    trap.do(
        "INSERT INTO public.t VALUES (1, 'x')",
        "ALTER TABLE public.t RENAME TO u",
        "INSERT INTO public.u VALUES (2, 'x')",
        "CREATE SCHEMA s",
        "ALTER TABLE public.u SET SCHEMA s",
        "INSERT INTO s.u VALUES (3, 'x')",
        "ALTER SCHEMA s RENAME TO other",
        "UPDATE other.u SET a = 'y' WHERE id = 3",
        "ALTER TABLE other.u SET SCHEMA public",
        "TRUNCATE public.u",
    )
    told = [(event.table_name, event.operation, event.record_key) for event in t.events()]
    assert told == [
        ("public.t", "INSERT", "1"),
        ("public.u", "INSERT", "2"),
        ("s.u", "INSERT", "3"),
        ("other.u", "UPDATE", "3"),
        ("public.u", "TRUNCATE", None),
    ]
    moves = [(event["table_before"], event["table"]) for event in trap.controls("table-changed")]
    assert moves == [
        ("public.t", "public.u"),
        ("public.u", "s.u"),
        ("s.u", "other.u"),
        ("other.u", "public.u"),
    ]
    trap.kit("apply", "--yes")
    assert one(trap.db, "SELECT specialised FROM audit.audited_tables")
    trap.do("INSERT INTO public.u VALUES (4, 'x')")
    assert t.events()[-1].table_name == "public.u"
    trap.proved()


def test_a_truncate_is_an_event_whoever_and_however(trap: Trap):
    t = trap.audit(f"{TABLE}; CREATE TABLE public.child (id int REFERENCES public.t)")
    trap.do(
        "INSERT INTO public.t VALUES (1, 'x')",
        "TRUNCATE public.t CASCADE",
        "SET session_replication_role = replica",
        "TRUNCATE ONLY public.child, public.t RESTART IDENTITY",
        "RESET session_replication_role",
        "BEGIN; TRUNCATE public.t, public.child; ROLLBACK",
    )
    assert [event.operation for event in t.events()] == ["INSERT", "TRUNCATE", "TRUNCATE"]
    assert {(event.record_key, event.old_text) for event in t.events()[1:]} == {(None, None)}
    trap.proved()


def test_an_unlogged_table_is_recorded_and_doctor_warns(trap: Trap):
    """A crash empties it without an event."""
    t = trap.audit(TABLE.replace("TABLE", "UNLOGGED TABLE"))
    trap.do("INSERT INTO public.t VALUES (1, 'x')")
    assert t.changes == [("INSERT", "1", {}, {"id": "1", "a": "x"})]
    assert trap.doctor("unlogged")[0] == "warn"
    trap.do("ALTER TABLE public.t SET LOGGED")
    assert trap.doctor("unlogged")[0] == "ok"
    trap.do("ALTER TABLE public.t SET UNLOGGED", "UPDATE public.t SET a = 'y'")
    assert trap.doctor("unlogged")[0] == "warn"
    queries = [event["query"] for event in trap.controls("table-rewritten")]
    assert queries == ["ALTER TABLE public.t SET LOGGED", "ALTER TABLE public.t SET UNLOGGED"]
    assert t.changes[-1] == ("UPDATE", "1", {"a": "x"}, {"a": "y"})
    trap.proved()


def test_a_temporary_table_of_the_same_name_neither_records_nor_disturbs(trap: Trap):
    t = trap.audit(TABLE)
    before = len(controls(trap.db))
    with connect(trap.db) as conn:
        for statement in (
            "SET search_path = pg_temp, public",
            "CREATE TEMPORARY TABLE t (id int PRIMARY KEY, a text)",
            "INSERT INTO t VALUES (1, 'temporary')",
            "INSERT INTO public.t VALUES (2, 'x')",
            "ALTER TABLE t ADD c int",
            "ALTER TABLE t ALTER a TYPE text USING 'y'",
            "UPDATE public.t SET a = 'y'",
            "TRUNCATE t",
            "DROP TABLE t",
        ):
            conn.execute(statement.encode())
    assert [(event.operation, event.record_key) for event in t.events()] == [("INSERT", "2"), ("UPDATE", "2")]
    assert len(controls(trap.db)) == before
    trap.kit("plan", "--exit-code")
    trap.proved()


KINDS = {
    "view": ("CREATE VIEW public.x AS SELECT 1 AS id", "a view", "Audit the tables that it reads."),
    "materialized view": (
        "CREATE MATERIALIZED VIEW public.x AS SELECT 1 AS id",
        "a materialized view",
        "Audit the tables that it reads.",
    ),
    "foreign table": (
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE FOREIGN TABLE public.x (id int) SERVER s",
        "a foreign table",
        "Audit the table on the server where it is.",
    ),
    "sequence": ("CREATE SEQUENCE public.x", "", ""),
    "index": ("CREATE TABLE public.of (id int); CREATE INDEX x ON public.of (id)", "", ""),
    "composite type": ("CREATE TYPE public.x AS (id int)", "", ""),
}


@pytest.mark.any_server
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_ordinary_table_is_refused_with_a_hint(trap: Trap, kind: str):
    statement, what, hint = KINDS[kind]
    trap.do(statement)
    before = controls(trap.db)
    answer = enable(trap.db, "public.x", "--key", "id", code=2)
    assert "public.x" in answer.err and what in answer.err and hint in answer.err
    assert controls(trap.db) == before


def test_a_table_that_was_dropped_and_made_again_is_told(trap: Trap):
    trap.audit(TABLE)
    trap.do("DROP TABLE public.t", TABLE, "INSERT INTO public.t VALUES (1, 'unseen')")
    (event,) = trap.controls("table-dropped")
    assert (event["table"], event["query"]) == ("public.t", "DROP TABLE public.t")
    trap.kit("enable", "public.t", "--baseline")
    (row,) = trap.db.execute("SELECT operation, record_key FROM audit.events WHERE record_key IS NOT NULL")
    assert row == ("BASELINE", "1")
    trap.proved()

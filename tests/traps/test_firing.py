"""T9: statements fire triggers in ways of their own; the log has what happened, in order, and no more."""

from __future__ import annotations

import psycopg
import pytest

from tests.capture.helpers import one
from tests.servers import connect
from tests.traps.trap import Trap

TABLE = "CREATE TABLE public.t (id int PRIMARY KEY, a text)"
MERGE = (
    "MERGE INTO public.t USING (VALUES (-1)) AS s (id) ON t.id = s.id AND false"
    " WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND false THEN INSERT VALUES (0, 'x')"
)
NOTHING = (
    "INSERT INTO public.t SELECT 0, 'x' WHERE false",
    "INSERT INTO public.t VALUES (1, 'x') ON CONFLICT DO NOTHING",
    "UPDATE public.t SET a = 'z' WHERE false",
    "UPDATE public.t SET a = a",
    "DELETE FROM public.t WHERE false",
    "WITH d AS (DELETE FROM public.t WHERE false RETURNING *) INSERT INTO public.t SELECT * FROM d",
)


def test_statements_without_effect_take_no_number_and_no_lock(trap: Trap, mode: str):
    t = trap.audit(TABLE, mode=mode)
    trap.do("INSERT INTO public.t VALUES (1, 'x')")
    t.seen()
    before = one(trap.db, "SELECT last_value FROM audit.event_id_seq")
    nothing = NOTHING + ((MERGE,) if trap.db.info.server_version >= 150000 else ())
    with connect(trap.db, autocommit=False) as conn:
        for statement in nothing:
            conn.execute(statement.encode())
        locks = conn.execute(
            "SELECT l.relation::regclass::text FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation"
            " WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'audit'::regnamespace"
            " UNION ALL SELECT l.locktype FROM pg_locks AS l"
            " WHERE l.pid = pg_backend_pid() AND l.locktype = 'advisory'"
        ).fetchall()
        conn.commit()
    assert locks == []
    assert t.events() == []
    assert one(trap.db, "SELECT last_value FROM audit.event_id_seq") == before
    trap.proved()


def test_one_statement_of_many_parts_is_recorded_once_and_in_order(trap: Trap, mode: str):
    t = trap.audit(
        TABLE
        + "; CREATE TABLE public.child (id int PRIMARY KEY, t int REFERENCES public.t ON DELETE CASCADE)",
        mode=mode,
    )
    child = trap.audit("", table="public.child", mode=mode)
    trap.do(
        "INSERT INTO public.t VALUES (1, 'x'), (2, 'x') ON CONFLICT (id) DO UPDATE SET a = 'never'",
        "INSERT INTO public.t VALUES (1, 'y'), (3, 'y') ON CONFLICT (id) DO UPDATE SET a = excluded.a",
        "WITH u AS (UPDATE public.t SET a = 'z' WHERE id = 3 RETURNING id)"
        " INSERT INTO public.child SELECT i, id FROM u, generate_series(1, 3) AS i",
        "DELETE FROM public.t",
    )
    both = sorted(t.events() + child.events(), key=lambda event: event.event_id)
    told = [(event.table_name, event.operation[0], event.record_key) for event in both]
    assert told[:4] == [(t.table, *what) for what in (("I", "1"), ("I", "2"), ("U", "1"), ("I", "3"))]
    assert set(told[4:8]) == {(t.table, "U", "3"), *((child.table, "I", str(i)) for i in (1, 2, 3))}
    assert set(told[8:]) == {(table, "D", str(i)) for table in (t.table, child.table) for i in (1, 2, 3)}
    assert len(told) == 14
    trap.proved()


@pytest.mark.any_server
@pytest.mark.parametrize("name", ["01", "a"])
def test_an_application_trigger_that_updates_its_own_row_comes_after_what_it_follows(trap: Trap, name: str):
    """Where its name sorts before ours its UPDATE would be recorded before the INSERT that it came from."""
    t = trap.audit(
        TABLE + "; CREATE FUNCTION public.again() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN UPDATE public.t SET a = a || '!' WHERE id = NEW.id; RETURN NULL; END$$;"
        f'CREATE TRIGGER "{name}" AFTER INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.again()'
    )
    trap.do("INSERT INTO public.t VALUES (1, 'x')")
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "a": "x"}),
        ("UPDATE", "1", {"a": "x"}, {"a": "x!"}),
    ]
    trap.proved()


def test_a_savepoint_that_is_rolled_back_takes_its_events_along(trap: Trap):
    t = trap.audit(TABLE)
    with connect(trap.db, autocommit=False) as conn:
        conn.execute("INSERT INTO public.t VALUES (1, 'x')")
        with pytest.raises(psycopg.errors.UniqueViolation), conn.transaction():
            conn.execute("INSERT INTO public.t VALUES (2, 'x')")
            conn.execute("INSERT INTO public.t VALUES (2, 'x')")
        conn.execute("INSERT INTO public.t VALUES (3, 'x')")
        conn.commit()
    assert [event.record_key for event in t.events()] == ["1", "3"]
    trap.proved()

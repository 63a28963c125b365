"""T1, T2: a bulk statement is not slow for what the session did before; rows are never paired wrongly."""

from __future__ import annotations

import pytest

from tests.capture.helpers import one
from tests.traps.trap import Trap

TABLE = "CREATE TABLE public.t (id int PRIMARY KEY, a int)"


def test_a_bulk_update_after_single_ones_is_recorded_without_a_plan_for_single_ones(trap: Trap, mode: str):
    """Statement triggers keep the plan that was made for one row, and join 8,000 with 8,000 by it."""
    t = trap.audit(TABLE, mode=mode)
    trap.do("INSERT INTO public.t SELECT i, 0 FROM generate_series(1, 3000) AS i")
    trap.do(*("UPDATE public.t SET a = a + 1 WHERE id = 1" for _ in range(10)))
    t.seen()
    trap.do("SET statement_timeout = '2min'", "UPDATE public.t SET a = 100 + a")
    found = {event.record_key: (event.old, event.new) for event in t.events()}
    expected = {str(i): ({"a": "0"}, {"a": "100"}) for i in range(2, 3001)}
    assert found == expected | {"1": ({"a": "10"}, {"a": "110"})}
    row_by_row = one(
        trap.db,
        "SELECT bool_and(g.tgtype & 1 = 1 AND g.tgoldtable IS NULL AND g.tgnewtable IS NULL)"
        " FROM pg_trigger AS g WHERE g.tgrelid = 'public.t'::regclass AND g.tgtype & 32 = 0",
    )
    assert row_by_row, "no transition tables, whose size a plan would be made for"
    trap.proved()


@pytest.mark.any_server
def test_rows_that_exchange_their_keys_are_told_apart(trap: Trap, mode: str):
    t = trap.audit("CREATE TABLE public.t (id int, a text, UNIQUE (id) DEFERRABLE)", "--key", "id", mode=mode)
    trap.do("INSERT INTO public.t VALUES (1, 'one'), (2, 'two'), (3, 'three')")
    t.seen()
    trap.do("UPDATE public.t SET id = id % 3 + 1")
    assert sorted(t.changes) == [
        ("UPDATE", str(i), {"id": str(i)}, {"id": str(i % 3 + 1)}) for i in (1, 2, 3)
    ]
    trap.proved()


def test_a_row_that_a_trigger_drops_on_its_way_to_another_partition_shifts_no_other(trap: Trap, mode: str):
    """Pairing by row number gave {1 -> 2}, {2 -> 3} and nothing for 3."""
    t = trap.audit(
        "CREATE TABLE public.t (id int, p int, a text, PRIMARY KEY (id, p)) PARTITION BY LIST (p);"
        "CREATE TABLE public.t1 PARTITION OF public.t FOR VALUES IN (1);"
        "CREATE TABLE public.t2 PARTITION OF public.t FOR VALUES IN (2);"
        "CREATE FUNCTION public.drop_1() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RETURN CASE WHEN NEW.id <> 1 THEN NEW END; END$$;"
        "INSERT INTO public.t VALUES (1, 1, 'x'), (2, 1, 'x'), (3, 1, 'x');"
        "CREATE TRIGGER drop_1 BEFORE INSERT ON public.t2 FOR EACH ROW EXECUTE FUNCTION public.drop_1()",
        mode=mode,
    )
    trap.do("UPDATE public.t SET p = 2")
    gone = [(f'["{i}", "1"]', str(i)) for i in (1, 2, 3)]
    come = [(f'["{i}", "2"]', str(i)) for i in (2, 3)]
    deletes = [("DELETE", key, {"id": i, "p": "1", "a": "x"}, dict[str, str]()) for key, i in gone]
    inserts = [("INSERT", key, dict[str, str](), {"id": i, "p": "2", "a": "x"}) for key, i in come]
    assert sorted(t.changes) == [*deletes, *inserts]
    trap.proved()

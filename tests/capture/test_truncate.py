"""TRUNCATE of partitioned tables."""

from __future__ import annotations

from tests.kit import Kit
from tests.servers import Database


def test_truncating_a_partitioned_table_is_one_event(kit_db: Database):
    kit_db.execute(
        "CREATE TABLE public.p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE public.p_1 PARTITION OF public.p FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE public.p_2 PARTITION OF public.p FOR VALUES FROM (10) TO (20)"
    )
    Kit(kit_db.dsn)("enable", "public.p")
    for tables in ("public.p", "public.p_2", "public.p"):
        kit_db.execute(f"TRUNCATE {tables}")
    query = "SELECT old_values, new_values FROM audit.change_events WHERE operation = 'T' ORDER BY event_id"
    whole, leaf = (None, None), (None, {"partition": "public.p_2"})
    assert kit_db.execute(query).fetchall() == [whole, leaf, whole]

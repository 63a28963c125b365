"""Partitioned tables: events name the root, one event for one TRUNCATE, movement is DELETE and INSERT."""

from __future__ import annotations

from psycopg import IsolationLevel

from tests.capture.conftest import Audit
from tests.capture.helpers import Audited, enable
from tests.servers import Database, connect

TABLE = """
    CREATE TABLE public.t (id int, region text, a text, f float8, PRIMARY KEY (id, region))
        PARTITION BY LIST (region);
    CREATE TABLE public.eu PARTITION OF public.t FOR VALUES IN ('eu');
    CREATE TABLE public.us (gone int, f float8, region text NOT NULL, a text, id int NOT NULL);
    ALTER TABLE public.us DROP COLUMN gone;
    ALTER TABLE public.t ATTACH PARTITION public.us FOR VALUES IN ('us');
    CREATE TABLE public.rest PARTITION OF public.t DEFAULT PARTITION BY RANGE (id);
    CREATE TABLE public.rest_low PARTITION OF public.rest FOR VALUES FROM (MINVALUE) TO (100);
    CREATE TABLE public.rest_high PARTITION OF public.rest FOR VALUES FROM (100) TO (MAXVALUE)
"""


def test_events_name_the_root(audited: Audit):
    t = audited(TABLE)
    t.do(
        "INSERT INTO public.t VALUES (1, 'eu', 'x', 0)",
        "INSERT INTO public.us (id, region, a, f) VALUES (2, 'us', 'x', 0)",
        "UPDATE public.us SET a = 'y', f = '-0'",
        "INSERT INTO public.rest_low VALUES (3, 'zz', 'x', 0)",
        "UPDATE public.t SET region = 'us' WHERE id = 1",
        "DELETE FROM public.t WHERE id = 1",
    )
    one = {"id": "1", "region": "eu", "a": "x", "f": "0"}
    moved = one | {"region": "us"}
    raw = {"~row": "(2,us,x,0)"}, {"~row": "(2,us,y,-0)"}
    assert t.changes == [
        ("INSERT", '["1", "eu"]', {}, one),
        ("INSERT", '["2", "us"]', {}, {"id": "2", "region": "us", "a": "x", "f": "0"}),
        ("UPDATE", '["2", "us"]', {"a": "x", "f": "0"} | raw[0], {"a": "y", "f": "0"} | raw[1]),
        ("INSERT", '["3", "zz"]', {}, {"id": "3", "region": "zz", "a": "x", "f": "0"}),
        ("DELETE", '["1", "eu"]', one, {}),
        ("INSERT", '["1", "us"]', {}, moved),
        ("DELETE", '["1", "us"]', moved, {}),
    ]
    assert {event.table_name for event in t.events()} == {"public.t"}


def truncations(t: Audited, *statements: str) -> list[str | None]:
    """The partition that each TRUNCATE event of these statements names; None: the whole table."""
    events = t.do(*statements)
    assert {event.operation for event in events} <= {"TRUNCATE"}
    return [event.new.get("partition") for event in events]


def test_one_event_for_one_truncate(kit_db: Database):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t")
    t = Audited(kit_db, "public.t", "specialised")
    assert truncations(t, "TRUNCATE public.t") == [None]
    assert truncations(t, "TRUNCATE public.eu") == ["public.eu"]
    assert truncations(t, "TRUNCATE public.rest") == ["public.rest"]
    assert truncations(t, "TRUNCATE public.rest_low, public.us") == ["public.rest_low", "public.us"]
    assert truncations(t, "TRUNCATE public.t; TRUNCATE public.eu; TRUNCATE public.t") == [
        None,
        "public.eu",
        None,
    ]
    mixed = truncations(t, "TRUNCATE public.eu, public.t; TRUNCATE public.eu")
    assert mixed[-2:] == [None, "public.eu"]
    assert truncations(t, "TRUNCATE public.eu") == ["public.eu"]


def test_rolled_back_truncate_leaves_nothing(kit_db: Database):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t")
    t = Audited(kit_db, "public.t", "specialised")
    with connect(kit_db, autocommit=False) as conn:
        conn.execute(b"SAVEPOINT s")
        conn.execute(b"TRUNCATE public.t")
        conn.execute(b"ROLLBACK TO s")
        conn.execute(b"TRUNCATE public.us")
        conn.commit()
    assert [event.new for event in t.events()] == [{"partition": "public.us"}]


def test_truncating_different_tables_at_serializable_does_not_conflict(kit_db: Database):
    for name in ("t", "u"):
        kit_db.execute(f"CREATE TABLE public.{name} (id int PRIMARY KEY)".encode())
        enable(kit_db, f"public.{name}")
    first, second = (connect(kit_db, autocommit=False) for _ in range(2))
    for conn, name in ((first, "t"), (second, "u")):
        conn.isolation_level = IsolationLevel.SERIALIZABLE
        conn.execute(f"TRUNCATE public.{name}".encode())
    for conn, name in ((first, "t"), (second, "u")):
        conn.execute(f"TRUNCATE public.{name}".encode())
    first.commit()
    second.commit()
    assert len(Audited(kit_db, "public.t", "specialised").events(0)) == 2


def test_new_partition_is_recorded_from_its_first_write(audited: Audit):
    t = audited(TABLE)
    t.do(
        "CREATE TABLE public.asia PARTITION OF public.t FOR VALUES IN ('asia')",
        "ALTER TABLE public.t ADD b int",
        "INSERT INTO public.t VALUES (1, 'asia', 'x', 0, 7)",
        "ALTER TABLE public.t RENAME a TO name",
        "UPDATE public.asia SET name = 'y'",
    )
    assert t.changes[1] == ("UPDATE", '["1", "asia"]', {"name": "x"}, {"name": "y"})

"""Every kind of statement: right order, right pairs, nothing twice, nothing that was rolled back."""

from __future__ import annotations

import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import BULK_MODES, MODES, events
from tests.servers import Database, connect

IN_MODES = MODES + BULK_MODES

TABLE = "CREATE TABLE public.t (id int PRIMARY KEY, a text)"


def operations(t) -> list[tuple[str, str | None]]:
    return [(event.operation, event.record_key) for event in t.events()]


def test_on_conflict(audited: Audit):
    t = audited(TABLE)
    t.do("INSERT INTO public.t VALUES (1, 'x')")
    t.seen()
    t.do(
        "INSERT INTO public.t VALUES (1, 'y'), (2, 'y') ON CONFLICT DO NOTHING",
        "INSERT INTO public.t VALUES (1, 'z'), (3, 'z') ON CONFLICT (id) DO UPDATE SET a = excluded.a",
        "INSERT INTO public.t VALUES (1, 'z') ON CONFLICT (id) DO UPDATE SET a = excluded.a",
    )
    assert t.changes == [
        ("INSERT", "2", {}, {"id": "2", "a": "y"}),
        ("UPDATE", "1", {"a": "x"}, {"a": "z"}),
        ("INSERT", "3", {}, {"id": "3", "a": "z"}),
    ]


def test_merge(audited: Audit, kit_db: Database):
    if kit_db.info.server_version < 150000:
        pytest.skip("MERGE came with PostgreSQL 15")
    t = audited(TABLE)
    t.do("INSERT INTO public.t VALUES (1, 'x'), (2, 'x'), (3, 'x')")
    t.seen()
    t.do(
        "MERGE INTO public.t USING (VALUES (1, 'y'), (2, NULL), (4, 'new')) AS s (id, a) ON t.id = s.id"
        " WHEN MATCHED AND s.a IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET a = s.a"
        " WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.a)"
    )
    assert sorted(t.changes) == [
        ("DELETE", "2", {"id": "2", "a": "x"}, {}),
        ("INSERT", "4", {}, {"id": "4", "a": "new"}),
        ("UPDATE", "1", {"a": "x"}, {"a": "y"}),
    ]


def test_copy(audited: Audit):
    t = audited(TABLE)
    with t.db.cursor() as cursor, cursor.copy("COPY public.t FROM STDIN") as copy:
        for number in range(50):
            copy.write_row((number, "x"))
    assert operations(t) == [("INSERT", str(number)) for number in range(50)]


def test_data_modifying_ctes(audited: Audit):
    t = audited(TABLE)
    t.do("INSERT INTO public.t VALUES (1, 'x'), (2, 'x')")
    t.seen()
    t.do(
        "WITH gone AS (DELETE FROM public.t WHERE id = 1 RETURNING *),"
        " changed AS (UPDATE public.t SET a = 'y' WHERE id = 2 RETURNING *)"
        " INSERT INTO public.t SELECT id + 10, a FROM gone UNION ALL SELECT id + 10, a FROM changed"
    )
    assert sorted(t.changes) == [
        ("DELETE", "1", {"id": "1", "a": "x"}, {}),
        ("INSERT", "11", {}, {"id": "11", "a": "x"}),
        ("INSERT", "12", {}, {"id": "12", "a": "y"}),
        ("UPDATE", "2", {"a": "x"}, {"a": "y"}),
    ]


def test_foreign_key_actions_are_recorded(audited: Audit):
    t = audited(
        "CREATE TABLE public.parent (id int PRIMARY KEY); INSERT INTO public.parent VALUES (0), (1), (2);"
        "CREATE TABLE public.t (id int PRIMARY KEY,"
        " c int REFERENCES public.parent ON DELETE CASCADE ON UPDATE CASCADE,"
        " n int REFERENCES public.parent ON DELETE SET NULL,"
        " d int DEFAULT 0 REFERENCES public.parent ON DELETE SET DEFAULT);"
        "INSERT INTO public.t VALUES (1, 1, NULL, NULL), (2, NULL, 2, NULL), (3, NULL, NULL, 2)"
    )
    t.do(
        "UPDATE public.parent SET id = 11 WHERE id = 1",
        "DELETE FROM public.parent WHERE id = 2",
        "DELETE FROM public.parent WHERE id = 11",
    )
    assert t.changes == [
        ("UPDATE", "1", {"c": "1"}, {"c": "11"}),
        ("UPDATE", "2", {"n": "2"}, {"n": None}),
        ("UPDATE", "3", {"d": "2"}, {"d": "0"}),
        ("DELETE", "1", {"id": "1", "c": "11", "n": None, "d": None}, {}),
    ]


def test_key_of_every_row_moves(audited: Audit):
    t = audited("CREATE TABLE public.t (id int, a text, UNIQUE (id) DEFERRABLE)", "--key", "id")
    t.do("INSERT INTO public.t SELECT n, 'x' FROM generate_series(1, 300) AS n")
    t.seen()
    t.do("UPDATE public.t SET id = id + 100")
    assert t.changes == [("UPDATE", str(n), {"id": str(n)}, {"id": str(n + 100)}) for n in range(1, 301)]


def test_keys_are_swapped(audited: Audit):
    t = audited("CREATE TABLE public.t (id int, a text, UNIQUE (id) DEFERRABLE)", "--key", "id")
    t.do("INSERT INTO public.t VALUES (1, 'one'), (2, 'two')")
    t.seen()
    t.do("UPDATE public.t SET id = 3 - id")
    assert sorted(t.changes) == [
        ("UPDATE", "1", {"id": "1"}, {"id": "2"}),
        ("UPDATE", "2", {"id": "2"}, {"id": "1"}),
    ]


def test_what_is_rolled_back_leaves_no_event(audited: Audit):
    t = audited(TABLE)
    with connect(t.db, autocommit=False) as conn:
        conn.execute(b"INSERT INTO public.t VALUES (1, 'x')")
        conn.execute(b"SAVEPOINT s")
        conn.execute(b"UPDATE public.t SET a = 'lost'")
        conn.execute(b"ROLLBACK TO s")
        conn.execute(b"SAVEPOINT r")
        conn.execute(b"UPDATE public.t SET a = 'kept'")
        conn.execute(b"RELEASE r")
        conn.commit()
        conn.execute(b"DELETE FROM public.t")
        conn.rollback()
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "a": "x"}),
        ("UPDATE", "1", {"a": "x"}, {"a": "kept"}),
    ]
    assert len({event.row_xmin for event in t.events()}) == 2, "a savepoint has an xmin of its own"


def test_prepared_transaction_is_recorded_when_committed(audited: Audit):
    t = audited(TABLE)
    for verdict in ("COMMIT", "ROLLBACK"):
        with connect(t.db, autocommit=False) as conn:
            conn.execute(b"SELECT audit.set_context(actor_id => 'two-phase')")
            conn.execute(f"INSERT INTO public.t VALUES ({len(verdict)}, 'x')".encode())
            conn.execute(f"PREPARE TRANSACTION '{verdict}_{t.db.name}'".encode())
        assert len(t.events()) == (verdict == "ROLLBACK")
        t.db.execute(f"{verdict} PREPARED '{verdict}_{t.db.name}'".encode())
    (event,) = t.events()
    assert (event.record_key, event.actor_id) == ("6", "two-phase")


def test_application_triggers_come_in_order(audited: Audit):
    t = audited(
        TABLE
        + """;
        CREATE FUNCTION public.before() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN NEW.a := upper(NEW.a); RETURN NEW; END$$;
        CREATE TRIGGER a BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.before();
        CREATE FUNCTION public.after() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN UPDATE public.t SET a = a || '!' WHERE id = NEW.id; RETURN NULL; END$$;
        CREATE TRIGGER "01" AFTER INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.after();
        CREATE TRIGGER zz AFTER INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.after()"""
    )
    t.do("INSERT INTO public.t VALUES (1, 'x')")
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "a": "X"}),
        ("UPDATE", "1", {"a": "X"}, {"a": "X!"}),
        ("UPDATE", "1", {"a": "X!"}, {"a": "X!!"}),
    ]


def test_replica_role_is_recorded(audited: Audit):
    t = audited(TABLE)
    t.do("SET session_replication_role = replica; INSERT INTO public.t VALUES (1, 'x'); TRUNCATE public.t")
    t.db.execute(b"RESET session_replication_role")
    assert operations(t) == [("INSERT", "1"), ("TRUNCATE", None)]


def test_only_the_declared_operations_are_recorded(audited: Audit):
    for number, only in enumerate(("insert", "truncate", "update,delete")):
        table = f"public.t{number}"
        t = audited(f"CREATE TABLE {table} (id int PRIMARY KEY, a text)", "--operations", only, table=table)
        t.do(
            f"INSERT INTO {table} VALUES (1, 'x')",
            f"UPDATE {table} SET a = 'y'",
            f"DELETE FROM {table}",
            f"TRUNCATE {table}",
            f"ALTER TABLE {table} ADD b int",
            f"INSERT INTO {table} VALUES (1, 'x', 1)",
        )
        wanted = [name.upper() for name in only.split(",")]
        assert [event.operation for event in t.events()] == wanted * (2 if only == "insert" else 1)


def test_several_tables_are_truncated_at_once(audited: Audit):
    t = audited(TABLE)
    other = audited(
        "CREATE TABLE public.u (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, r int REFERENCES public.t)",
        table="public.u",
    )
    t.do("TRUNCATE public.t, public.u", "TRUNCATE public.t RESTART IDENTITY CASCADE", "TRUNCATE public.u")
    assert operations(t) == [("TRUNCATE", None)] * 2
    assert operations(other) == [("TRUNCATE", None)] * 3
    assert {event.table_name for event in events(t.db)} == {"public.t", "public.u"}

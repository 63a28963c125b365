"""Changes of definition: no write fails, none is lost, and what was done to the table is on record."""

from __future__ import annotations

from typing import Any

import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import Audited, controls, enable, events, one
from tests.kit import run
from tests.servers import Database, connect

TABLE = "CREATE TABLE public.t (id int PRIMARY KEY, a text, b int)"


def last_control(db: Database) -> dict[str, Any]:
    return controls(db)[-1]


def test_new_column_is_recorded_from_its_first_write(audited: Audit):
    t = audited(TABLE)
    t.do("INSERT INTO public.t VALUES (1, 'x', 1)")
    t.seen()
    t.do("ALTER TABLE public.t ADD c text DEFAULT 'd'; UPDATE public.t SET c = 'e'")
    t.do("ALTER TABLE public.t RENAME a TO name", "UPDATE public.t SET name = 'y'")
    t.do("ALTER TABLE public.t ALTER b TYPE numeric USING b + 0.50", "UPDATE public.t SET b = 1.500")
    t.do("ALTER TABLE public.t DROP name", "UPDATE public.t SET c = 'f'", "DELETE FROM public.t")
    assert t.changes == [
        ("UPDATE", "1", {"c": "d"}, {"c": "e"}),
        ("UPDATE", "1", {"name": "x"}, {"name": "y"}),
        ("UPDATE", "1", {"b": "1.50"}, {"b": "1.500"}),
        ("UPDATE", "1", {"c": "e"}, {"c": "f"}),
        ("DELETE", "1", {"id": "1", "b": "1.500", "c": "f"}, {}),
    ]
    assert [event.table_version for event in t.events()] == [2, 3, 4, 5, 5]


def test_change_of_definition_is_a_control_event(audited: Audit):
    t = audited(TABLE)
    t.do("ALTER TABLE public.t RENAME id TO nr")
    event = last_control(t.db)
    assert (event["kind"], event["command"], event["table"]) == ("table-changed", "ALTER TABLE", "public.t")
    assert event["query"] == "ALTER TABLE public.t RENAME id TO nr"
    assert event["key"] == ["nr"]
    assert [column["name"] for column in event["columns"]] == ["nr", "a", "b"]


def test_what_is_no_change_of_columns_records_nothing(audited: Audit):
    t = audited(TABLE)
    before = len(controls(t.db))
    t.do(
        "COMMENT ON TABLE public.t IS 'x'",
        "CREATE INDEX ON public.t (a)",
        "ALTER TABLE public.t ALTER b SET NOT NULL",
    )
    assert len(controls(t.db)) == before


@pytest.mark.parametrize(
    "command",
    ["CREATE TABLE public.other (a int)", "CREATE TEMP TABLE other (a int)", "CREATE INDEX ON public.t (a)"],
)
def test_ddl_that_concerns_no_audit_locks_nothing_of_the_log(audited: Audit, command: str):
    t = audited(TABLE)
    with t.db.transaction():
        t.db.execute(command.encode())
        locked = t.db.execute(
            "SELECT DISTINCT l.relation::regclass::text FROM pg_locks AS l"
            " INNER JOIN pg_class AS c ON c.oid = l.relation"
            " WHERE l.pid = pg_backend_pid() AND c.relname LIKE 'change_events%'"
        ).fetchall()
    assert locked == []


def test_declared_columns_are_followed_when_renamed(audited: Audit):
    t = audited(
        "CREATE TABLE public.t (id int PRIMARY KEY, tenant text, secret text, mail text, who text)",
        *(
            "--tenant-column",
            "tenant",
            "--exclude",
            "secret",
            "--personal",
            "mail",
            "--subject-column",
            "who",
        ),
    )
    for name in ("tenant", "secret", "mail", "who", "id"):
        t.do(f'ALTER TABLE public.t RENAME {name} TO "new {name}"')
    (event,) = t.do("INSERT INTO public.t VALUES (1, 'acme', 's', 'a@b.c', 'ann')")
    assert (event.tenant_id, event.record_key) == ("acme", "1")
    assert event.new == {"new id": "1", "new tenant": "acme", "new who": "ann"}
    stored = t.db.execute("SELECT subject, new_values FROM audit.personal_values").fetchall()
    assert stored == [("ann", {"new mail": "a@b.c"})]


def test_declared_columns_may_be_dropped(audited: Audit):
    t = audited(
        "CREATE TABLE public.t (id int PRIMARY KEY, k2 int, tenant text, mail text, who text)",
        *("--tenant-column", "tenant", "--personal", "mail", "--subject-column", "who"),
    )
    t.do("INSERT INTO public.t VALUES (1, 2, 'acme', 'm', 'w')")
    t.seen()
    for name in ("tenant", "mail", "who", "id"):
        t.do(f"ALTER TABLE public.t DROP {name}")
    t.do("UPDATE public.t SET k2 = 3", "DELETE FROM public.t")
    assert [(event.tenant_id, event.record_key, event.old) for event in t.events()] == [
        ("default", None, {"k2": "2"}),
        ("default", None, {"k2": "3"}),
    ]
    answer = run("--dsn", t.db.dsn, "apply", "--yes")
    assert answer.code == 2
    assert "public.t" in answer.err


def test_dropped_part_of_a_key(audited: Audit):
    t = audited("CREATE TABLE public.t (a int, b int, c int, PRIMARY KEY (b, a))")
    t.do("ALTER TABLE public.t DROP b", "INSERT INTO public.t VALUES (1, 2)")
    assert [event.record_key for event in t.events()] == ['["1"]']


def test_dropped_type_takes_its_column_along(audited: Audit):
    t = audited(
        "CREATE TYPE public.mood AS ENUM ('x');"
        "CREATE TABLE public.t (id int PRIMARY KEY, m public.mood, b int)"
    )
    t.do("DROP TYPE public.mood CASCADE", "INSERT INTO public.t VALUES (1, 2)")
    assert t.changes == [("INSERT", "1", {}, {"id": "1", "b": "2"})]
    assert last_control(t.db)["command"] == "DROP TYPE"


def test_ddl_under_replica_role_is_noticed(audited: Audit):
    t = audited(TABLE)
    t.do(
        "SET session_replication_role = replica; ALTER TABLE public.t DROP a; RESET session_replication_role"
    )
    t.do("INSERT INTO public.t VALUES (1, 2)")
    assert t.changes == [("INSERT", "1", {}, {"id": "1", "b": "2"})]


def test_name_is_that_of_the_events_version(audited: Audit):
    t = audited(TABLE)
    t.do(
        "INSERT INTO public.t VALUES (1)",
        'CREATE SCHEMA "Other"',
        'ALTER TABLE public.t RENAME TO "New Name"',
    )
    t.do('INSERT INTO public."New Name" VALUES (2)', 'ALTER TABLE public."New Name" SET SCHEMA "Other"')
    t.do('INSERT INTO "Other"."New Name" VALUES (3)', 'ALTER SCHEMA "Other" RENAME TO later')
    names = [event.table_name for event in t.events()]
    assert names == ["public.t", 'public."New Name"', '"Other"."New Name"']
    (event,) = t.do('INSERT INTO later."New Name" VALUES (4)')
    assert event.table_name == 'later."New Name"'


def test_dropped_table_is_a_control_event(audited: Audit):
    t = audited(TABLE)
    t.do("DROP TABLE public.t")
    assert last_control(t.db) == {
        "kind": "table-dropped",
        "command": "DROP TABLE",
        "query": "DROP TABLE public.t",
        "table": "public.t",
    }


@pytest.mark.parametrize(
    ("statement", "command"),
    [
        ("DROP TRIGGER {row} ON public.t", "DROP TRIGGER"),
        ("ALTER TRIGGER {row} ON public.t RENAME TO other", "ALTER TRIGGER"),
        ("ALTER TABLE public.t DISABLE TRIGGER {row}", "ALTER TABLE"),
        ("CREATE RULE nothing AS ON INSERT TO public.t DO INSTEAD NOTHING", "CREATE RULE"),
    ],
)
def test_way_around_the_triggers_is_a_control_event(kit_db: Database, statement: str, command: str):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t")
    owner = kit_db.role()
    kit_db.execute(f"ALTER TABLE public.t OWNER TO {owner}".encode())
    with connect(kit_db, owner) as conn:
        conn.execute(statement.replace("{row}", '"00_pgaudit_kit_audit_row"').encode())
    event = last_control(kit_db)
    assert (event["kind"], event["command"], event["table"]) == ("triggers-changed", command, "public.t")
    assert event["before"] != event["after"]


def test_enable_trigger_all_is_put_back_to_always(kit_db: Database):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t")
    owner = kit_db.role()
    kit_db.execute(f"ALTER TABLE public.t OWNER TO {owner}".encode())
    before = len(controls(kit_db))
    with connect(kit_db, owner) as conn:
        conn.execute(b"ALTER TABLE public.t DISABLE TRIGGER USER")
        conn.execute(b"INSERT INTO public.t VALUES (1)")
        conn.execute(b"ALTER TABLE public.t ENABLE TRIGGER USER")
    states = one(
        kit_db,
        "SELECT array_agg(DISTINCT tgenabled::text) FROM pg_trigger WHERE tgrelid = 'public.t'::regclass",
    )
    assert states == ["A"]
    recorded = controls(kit_db)[before:]
    assert " D" in recorded[0]["after"]
    assert " O" in recorded[1]["after"]
    assert recorded[-1]["after"] == recorded[0]["before"]
    assert events(kit_db) == []


def test_without_a_ddl_watch_a_restored_copy_has_other_numbers(kit_db: Database):
    columns = "id int PRIMARY KEY, secret text, mail text, a text"
    kit_db.execute(f"CREATE TABLE public.t (gone int, {columns}); ALTER TABLE public.t DROP gone".encode())
    enable(kit_db, "public.t", "--exclude", "secret", "--personal", "mail")
    t = Audited(kit_db, "public.t", "unguarded")
    for name in ("ddl", "drop", "rearm"):
        kit_db.execute(f"ALTER EVENT TRIGGER pgaudit_kit_audit_{name} DISABLE".encode())
    kit_db.execute(f"DROP TABLE public.t; CREATE TABLE public.t ({columns})".encode())
    kit_db.execute(
        f"CREATE TRIGGER copied AFTER INSERT ON public.t FOR EACH ROW"
        f" EXECUTE FUNCTION audit.tg_capture_{t.table_id}()".encode()
    )
    kit_db.execute(b"INSERT INTO public.t VALUES (1, 'secret', 'mail', 'x')")
    assert [event.change for event in events(kit_db)] == [("INSERT", "1", {}, {"id": "1", "a": "x"})]

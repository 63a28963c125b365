"""Tables declared `bulk`: INSERT and DELETE by statement, once each, in order, and nothing else differs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import BULK_MODES, Audited, controls, enable, one, unguarded
from tests.capture.test_statements import TABLE, operations
from tests.kit import Kit, run
from tests.servers import Database, connect

ROW = "00_pgaudit_kit_audit_row"
INSERT, DELETE = "00_pgaudit_kit_audit_bulk_insert", "00_pgaudit_kit_audit_bulk_delete"


IN_MODES = BULK_MODES


@pytest.fixture
def kit(kit_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kit]:
    """The kit with a configuration file."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "pgaudit.toml"
    file.write_text("")
    yield Kit(kit_db.dsn, config=file)


def triggers(db: Database, table: str = "public.t") -> dict[str, str]:
    """The kit's triggers on a table: name and how each is enabled."""
    rows = db.execute(
        "SELECT g.tgname, g.tgenabled::text FROM pg_trigger AS g INNER JOIN pg_proc AS p ON p.oid = g.tgfoid"
        " WHERE g.tgrelid = %s::regclass AND p.pronamespace = 'audit'::regnamespace",
        [table],
    ).fetchall()
    return dict(rows)


def doctor(db: Database, check: str) -> list[tuple[str, str]]:
    """What one check of doctor finds: level and message."""
    answer = run("--dsn", db.dsn, "doctor", "--json").json
    (found,) = [item for item in answer["checks"] if item["name"] == check]
    return [(finding["level"], finding["message"]) for finding in found["findings"]]


def test_rows_stand_in_the_order_in_which_they_were_written(audited: Audit):
    t = audited(TABLE)
    t.do("INSERT INTO public.t SELECT n, 'x' FROM generate_series(5000, 1, -1) AS n")
    assert operations(t) == [("INSERT", str(n)) for n in range(5000, 0, -1)]
    (inserted,) = {event.row_xmin for event in t.events()}
    assert inserted is None, "transition tables know no xmin"


def test_rows_that_do_not_fit_into_memory(audited: Audit):
    t = audited(TABLE)
    t.db.execute(b"SET work_mem = '64kB'")
    t.do("INSERT INTO public.t SELECT n, repeat('x', 100) FROM generate_series(1, 2000) AS n")
    t.db.execute(b"RESET work_mem")
    assert operations(t) == [("INSERT", str(n)) for n in range(1, 2001)]


def test_one_value_that_jsonb_cannot_hold_among_many(audited: Audit):
    t = audited("CREATE TABLE public.t (id int PRIMARY KEY, a jsonb[], n numeric)")
    t.db.execute(b"SET work_mem = '64kB'")
    t.do(
        "INSERT INTO public.t SELECT n, NULL, n FROM generate_series(1, 1000) AS n"
        " UNION ALL SELECT 1001, array_fill(to_jsonb(repeat('x', 1000)), ARRAY[3]), 1"
        " UNION ALL SELECT 1002, NULL, NULL"
    )
    t.do("DELETE FROM public.t")
    assert operations(t) == [(kind, str(n)) for kind in ("INSERT", "DELETE") for n in range(1, 1003)]


def test_statement_without_rows_records_nothing_and_takes_no_transaction_id(audited: Audit):
    t = audited(TABLE)
    with connect(t.db, autocommit=False) as conn:
        conn.execute(b"DELETE FROM public.t")
        conn.execute(b"INSERT INTO public.t SELECT 1, 'x' WHERE false")
        row = conn.execute(b"SELECT pg_current_xact_id_if_assigned() IS NULL").fetchone()
        conn.commit()
    assert (row, t.events()) == ((True,), [])


def test_rows_that_cascades_delete_stand_there_once(audited: Audit):
    t = audited(
        "CREATE TABLE public.t (id int PRIMARY KEY, up int REFERENCES public.t ON DELETE CASCADE);"
        "INSERT INTO public.t VALUES (1, NULL), (2, 1), (3, 2), (4, 3), (5, NULL)"
    )
    t.do("DELETE FROM public.t WHERE id IN (1, 5)")
    assert sorted(operations(t)) == [("DELETE", str(n)) for n in range(1, 6)]
    assert one(t.db, "SELECT count(*) FROM public.t") == 0


def test_two_writable_ctes_on_one_table(audited: Audit):
    t = audited(TABLE)
    t.do(
        "WITH a AS (INSERT INTO public.t VALUES (1, 'a')), b AS (INSERT INTO public.t VALUES (2, 'b'))"
        " INSERT INTO public.t VALUES (3, 'c')"
    )
    assert sorted(operations(t)) == [("INSERT", "1"), ("INSERT", "2"), ("INSERT", "3")]


def test_trigger_that_inserts_into_the_table_again(audited: Audit):
    t = audited(
        TABLE
        + """;
        CREATE FUNCTION public.again() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
            IF NEW.id < 3 THEN INSERT INTO public.t VALUES (NEW.id + 1, NEW.a); END IF;
            RETURN NEW; END$$;
        CREATE TRIGGER a BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.again()"""
    )
    t.do("INSERT INTO public.t VALUES (1, 'x')")
    assert sorted(operations(t)) == [("INSERT", "1"), ("INSERT", "2"), ("INSERT", "3")]


@pytest.mark.parametrize("declared", [(), ("--personal", "a")])
def test_context_and_personal_values(audited: Audit, declared: tuple[str, ...]):
    t = audited(TABLE, *declared)
    with t.db.transaction():
        t.db.execute(b"SELECT audit.set_context(actor_id => 'u', action => 'load', ip => '10.0.0.1')")
        t.db.execute(b"INSERT INTO public.t VALUES (1, 'x'), (2, 'y')")
    assert [(event.actor_id, event.action) for event in t.events()] == [("u", "load")] * 2
    assert all("ip" not in event.context for event in t.events())
    kept = t.db.execute("SELECT context ->> 'ip', new_values ->> 'a' FROM audit.personal_values").fetchall()
    assert sorted(kept, key=str) == [("10.0.0.1", a if declared else None) for a in ("x", "y")]
    assert [event.new.get("a") for event in t.events()] == ([None] * 2 if declared else ["x", "y"])


def test_personal_keys_are_kept_apart(audited: Audit):
    options = ("--personal", "id", "--personal", "a", "--subject-column", "a")
    t = audited("CREATE TABLE public.t (id text PRIMARY KEY, a text, b int)", *options)
    t.do("INSERT INTO public.t SELECT 'k' || n, 's' || n, n FROM generate_series(1, 50) AS n")
    t.do("DELETE FROM public.t")
    events = t.events()
    assert [event.operation for event in events] == ["INSERT"] * 50 + ["DELETE"] * 50
    assert [event.new or event.old for event in events] == [{"b": str(n)} for n in range(1, 51)] * 2
    found = t.db.execute(
        "SELECT k.record_key, p.subject, coalesce(p.old_values, p.new_values) FROM audit.change_events AS e"
        " INNER JOIN audit.personal_keys AS k USING (event_id, occurred_at)"
        " INNER JOIN audit.personal_values AS p USING (event_id, occurred_at)"
        " WHERE e.record_key = 'sha256:' || encode(sha256(k.salt || convert_to(k.record_key, 'UTF8')), 'hex')"
        " AND e.personal_commitment = sha256(p.salt || convert_to("
        "jsonb_build_array(p.old_values, p.new_values, p.context)::text, 'UTF8'))"
        " AND (p.old_values IS NULL) = (e.operation = 'I') AND p.salt <> k.salt ORDER BY e.event_id"
    ).fetchall()
    assert found == [(f"k{n}", f"s{n}", {"id": f"k{n}", "a": f"s{n}"}) for n in range(1, 51)] * 2
    t.db.execute("SELECT audit.seal()")
    Kit(t.db.dsn)("verify", "--all")


def test_a_virtual_column_that_is_personal(kit_db: Database):
    if kit_db.info.server_version < 180000:
        pytest.skip("virtual columns came with PostgreSQL 18")
    kit_db.execute(b"CREATE TABLE public.t (id int PRIMARY KEY, a int GENERATED ALWAYS AS (id + 1) VIRTUAL)")
    enable(kit_db, "public.t", "--bulk", "--personal", "a")
    t = Audited(kit_db, "public.t", "bulk")
    t.do("INSERT INTO public.t VALUES (1), (2)")
    assert [event.new for event in t.events()] == [{"id": "1"}, {"id": "2"}]
    assert one(kit_db, "SELECT count(*) FROM audit.personal_values") == 0


def test_replica_role_fires_statement_triggers_too(audited: Audit):
    t = audited(TABLE)
    t.do("SET session_replication_role = replica; INSERT INTO public.t VALUES (1, 'x'); DELETE FROM public.t")
    t.db.execute(b"RESET session_replication_role")
    assert operations(t) == [("INSERT", "1"), ("DELETE", "1")]


def test_hostile_column_names_without_a_ddl_watch(kit_db: Database):
    kit_db.execute(b'CREATE TABLE public.t (r int, q text, v_shape text, "A ""b"" %s" text, PRIMARY KEY (r))')
    enable(kit_db, "public.t", "--bulk", "--tenant-column", "q")
    t = Audited(kit_db, "public.t", "bulk unguarded")
    t.do("INSERT INTO public.t VALUES (1, 'q', 's', 'b')")
    (event,) = t.events()
    assert (event.tenant_id, event.new) == ("q", {"r": "1", "q": "q", "v_shape": "s", 'A "b" %s': "b"})


def test_rename_without_a_ddl_watch(kit_db: Database):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t", "--bulk")
    kit_db.execute(unguarded(kit_db, "public.t").encode())
    t = Audited(kit_db, "public.t", "bulk")
    kit_db.execute(b"ALTER EVENT TRIGGER pgaudit_kit_audit_ddl DISABLE")
    t.do("ALTER TABLE public.t RENAME id TO nr", "INSERT INTO public.t VALUES (7, 'x')")
    assert t.changes == [("INSERT", "7", {}, {"nr": "7", "a": "x"})]


def test_ddl_between_two_statements_of_one_transaction(audited: Audit):
    t = audited(TABLE)
    with t.db.transaction():
        t.db.execute(b"INSERT INTO public.t VALUES (1, 'x')")
        t.db.execute(b"ALTER TABLE public.t ADD b int DEFAULT 5")
        t.db.execute(b"INSERT INTO public.t VALUES (2, 'x')")
        t.db.execute(b"ALTER TABLE public.t DROP a")
        t.db.execute(b"DELETE FROM public.t")
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "a": "x"}),
        ("INSERT", "2", {}, {"id": "2", "a": "x", "b": "5"}),
        ("DELETE", "1", {"id": "1", "b": "5"}, {}),
        ("DELETE", "2", {"id": "2", "b": "5"}, {}),
    ]
    assert [event.table_version for event in t.events()] == [1, 2, 3, 3]
    assert doctor(t.db, "objects")[0][0] == "ok", "the stand-ins are what they should be"


def test_altered_stand_in_is_found(audited: Audit):
    t = audited(TABLE)
    t.do("ALTER TABLE public.t ADD b int")
    t.db.execute(
        b"CREATE OR REPLACE FUNCTION audit.tg_bulk_1() RETURNS trigger LANGUAGE plpgsql"
        b" AS 'BEGIN RETURN NULL; END'"
    )
    assert doctor(t.db, "objects")[0][0] == "fail"


def test_triggers_that_were_turned_to_origin_are_always_again(kit_db: Database):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t", "--bulk")
    kit_db.execute(b"ALTER TABLE public.t DISABLE TRIGGER ALL; ALTER TABLE public.t ENABLE TRIGGER ALL")
    assert triggers(kit_db) == dict.fromkeys([INSERT, DELETE, ROW, "00_pgaudit_kit_audit_truncate"], "A")


@pytest.mark.parametrize("name", [INSERT, DELETE])
def test_doctor_and_plan_miss_a_dropped_trigger(kit_db: Database, name: str):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t", "--bulk")
    assert [status for status, _ in doctor(kit_db, "triggers")] == ["ok"]
    kit_db.execute(f'DROP TRIGGER "{name}" ON public.t'.encode())
    assert ("fail", f"public.t: trigger {name} is missing.") in doctor(kit_db, "triggers")
    kit = Kit(kit_db.dsn)
    kit("apply", "--yes")
    assert triggers(kit_db)[name] == "A"
    kit("plan", "--exit-code")


def test_bulk_comes_and_goes_by_apply(kit: Kit, kit_db: Database):
    kit_db.execute(TABLE.encode())
    plain = '[[tables]]\nname = "public.t"\n'
    for version, text in enumerate((plain, plain + "bulk = true\n", plain), 1):
        kit.declare(text)
        kit("apply", "--yes")
        kit("plan", "--exit-code")
        kit_db.execute("INSERT INTO public.t VALUES (%s, 'x')", [version])
        assert (INSERT in triggers(kit_db)) == ("bulk" in text)
        assert ("tg_bulk_1" in functions(kit_db)) == ("bulk" in text)
        configured = [said["declaration"] for said in controls(kit_db) if "declaration" in said]
        assert configured[-1]["bulk"] == ("bulk" in text)
    rows = kit_db.execute(
        "SELECT e.record_key, e.table_version, e.row_xmin IS NULL, v.bulk FROM audit.change_events AS e"
        " INNER JOIN audit.table_versions AS v USING (table_id, table_version)"
        " WHERE e.operation = 'I' ORDER BY e.event_id"
    ).fetchall()
    assert rows == [("1", 1, False, False), ("2", 2, True, True), ("3", 3, False, False)]
    kit_db.execute(b"SELECT audit.seal()")
    kit("verify", "--all")


def functions(db: Database) -> set[str]:
    rows = db.execute("SELECT proname FROM pg_proc WHERE pronamespace = 'audit'::regnamespace").fetchall()
    return {name for (name,) in rows}


def test_enable_writes_bulk_into_the_file(kit: Kit, kit_db: Database):
    kit_db.execute(TABLE.encode())
    kit("enable", "public.t", "--bulk")
    assert kit.config is not None
    assert kit.config.read_text() == '[[tables]]\nname = "public.t"\nbulk = true\n'
    kit("plan", "--exit-code")


def test_uninstall_takes_bulk_capture_away(kit_db: Database):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t", "--bulk")
    Kit(kit_db.dsn)("uninstall", "--yes")
    assert not {name for name in functions(kit_db) if name.startswith(("tg_bulk", "tg_capture"))}
    assert one(kit_db, "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'public.t'::regclass") == 0


def test_bulk_and_only_some_operations(kit_db: Database):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t", "--bulk", "--operations", "delete")
    assert set(triggers(kit_db)) == {DELETE}
    assert [status for status, _ in doctor(kit_db, "triggers")] == ["ok"]


AFTER = "CREATE TRIGGER app AFTER {} ON public.t FOR EACH {} EXECUTE FUNCTION public.app()"
APP = "CREATE FUNCTION public.app() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"


@pytest.mark.parametrize(
    ("trigger", "by_statement"),
    [
        (AFTER.format("INSERT", "ROW"), {DELETE}),
        (AFTER.format("DELETE", "ROW"), {INSERT}),
        (AFTER.format("INSERT OR DELETE", "ROW"), set()),
        (AFTER.format("UPDATE", "ROW"), {INSERT, DELETE}),
        (AFTER.format("INSERT OR DELETE", "STATEMENT"), {INSERT, DELETE}),
        (AFTER.format("INSERT", "STATEMENT").replace("app AFTER", '"0" AFTER'), {DELETE}),
        (AFTER.format("INSERT", "ROW").replace("AFTER", "BEFORE"), {INSERT, DELETE}),
    ],
)
def test_what_application_triggers_could_overtake_is_recorded_by_row(
    kit_db: Database, trigger: str, by_statement: set[str]
):
    kit_db.execute(f"{TABLE}; {APP}; {trigger}".encode())
    noted = enable(kit_db, "public.t", "--bulk")
    left = [name for name in ("INSERT", "DELETE") if not any(name.lower() in item for item in by_statement)]
    assert set(triggers(kit_db)) - {ROW, "00_pgaudit_kit_audit_truncate"} == by_statement
    for name in left:
        assert f"public.t is bulk, but {name} is recorded by row" in " ".join((noted.err + noted.out).split())
    assert [status for status, _ in doctor(kit_db, "bulk")] == (["warn"] * len(left) or ["ok"])
    assert [status for status, _ in doctor(kit_db, "triggers")] == ["ok"]
    Kit(kit_db.dsn)("plan", "--exit-code")


def test_order_is_kept_where_a_trigger_changes_what_was_inserted(kit_db: Database):
    kit_db.execute(
        f"{TABLE}; CREATE FUNCTION public.app() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN UPDATE public.t SET a = a || '!' WHERE id = NEW.id; RETURN NULL; END$$;".encode()
    )
    enable(kit_db, "public.t", "--bulk")
    t = Audited(kit_db, "public.t", "bulk")
    kit_db.execute(AFTER.format("INSERT", "ROW").encode())
    assert doctor(kit_db, "bulk")[0][0] == "warn"
    Kit(kit_db.dsn)("apply", "--yes")
    t.do("INSERT INTO public.t VALUES (1, 'x')", "DELETE FROM public.t")
    assert operations(t) == [("INSERT", "1"), ("UPDATE", "1"), ("DELETE", "1")]


RELATED = {
    "partitioned": ("CREATE TABLE public.t (id int PRIMARY KEY) PARTITION BY RANGE (id)", "public.t"),
    "partition": (
        "CREATE TABLE public.p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        "CREATE TABLE public.t PARTITION OF public.p DEFAULT",
        "public.t",
    ),
    "parent": (
        "CREATE TABLE public.t (id int PRIMARY KEY); CREATE TABLE public.c () INHERITS (public.t)",
        "public.t",
    ),
    "child": (
        "CREATE TABLE public.p (id int); CREATE TABLE public.t (PRIMARY KEY (id)) INHERITS (public.p)",
        "public.t",
    ),
}


@pytest.mark.parametrize("kind", RELATED)
def test_tables_with_relatives_are_refused(kit_db: Database, kind: str):
    ddl, table = RELATED[kind]
    kit_db.execute(ddl.encode())
    answer = enable(kit_db, table, "--bulk", code=2)
    assert "cannot be bulk" in answer.err
    assert "without bulk" in answer.err


def test_a_bulk_table_that_becomes_a_child_is_told(kit_db: Database):
    kit_db.execute(f"{TABLE}; CREATE TABLE public.p (id int NOT NULL, a text)".encode())
    enable(kit_db, "public.t", "--bulk")
    kit_db.execute(b"ALTER TABLE public.t INHERIT public.p")
    said: dict[str, Any] = controls(kit_db)[-1]
    assert (said["kind"], said["table"]) == ("triggers-changed", "public.t")
    assert "below public.p" in said["after"]
    assert "below" not in said["before"]
    assert ("fail", "public.t") in [(status, said[:8]) for status, said in doctor(kit_db, "bulk")]
    enable(kit_db, "public.t")
    assert [status for status, _ in doctor(kit_db, "bulk")] == ["ok"]


def test_null_row_xmin_is_forged_where_the_table_is_not_bulk(kit_db: Database):
    kit_db.execute(f"{TABLE}; {TABLE.replace('public.t', 'public.u')}".encode())
    enable(kit_db, "public.t", "--bulk")
    enable(kit_db, "public.u")
    kit_db.execute(b"INSERT INTO public.t VALUES (1, 'x'); UPDATE public.t SET a = 'y'; DELETE FROM public.t")
    kit_db.execute(b"SELECT audit.seal()")
    Kit(kit_db.dsn)("verify", "--all")
    for table, operation, forged in (("t", "I", False), ("t", "U", True), ("u", "I", True)):
        with kit_db.transaction():
            number = kit_db.execute(
                "INSERT INTO audit.change_events (event_id, occurred_at, transaction_id, table_id,"
                " table_version, operation, tenant_id, record_key, context, new_values)"
                " SELECT nextval('audit.event_id_seq'), clock_timestamp(), txid_current(), table_id, 1, %s,"
                " 'default', '1', '{}', '{}' FROM audit.audited_tables WHERE relation = %s::regclass"
                " RETURNING event_id",
                [operation, f"public.{table}"],
            ).fetchone()
        answer = run("--dsn", kit_db.dsn, "verify", "--all", "--json")
        about_events = [one for one in answer.json["findings"] if one["level"] == "events"]
        assert len(about_events) == (1 if forged else 0), table + operation
        kit_db.execute(b"SET session_replication_role = replica")
        kit_db.execute(b"ALTER TABLE audit.change_events DISABLE TRIGGER append_only_row")
        kit_db.execute("DELETE FROM audit.change_events WHERE event_id = %s", number)
        kit_db.execute(b"ALTER TABLE audit.change_events ENABLE ALWAYS TRIGGER append_only_row")
        kit_db.execute(b"RESET session_replication_role")

"""install and uninstall: what they leave, what they keep, and that doing them again changes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.kit import Kit, catalog_state, data_state
from tests.servers import Database, connect

HOSTILE_SCHEMAS = ["Audit Log ü", 'a"b.c', "select", "x" * 63, "\u017f{{ x }}-- /*"]


@pytest.fixture
def kit(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """The command line on an empty database, with a configuration file that is not there yet."""
    monkeypatch.chdir(tmp_path)
    return Kit(db.dsn)


def tenants(db: Database, schema: str = "audit") -> list[tuple[str, str]]:
    query = sql.SQL("SELECT tenant_id, operation FROM {} WHERE operation <> 'CONTROL' ORDER BY event_id")
    return db.execute(query.format(sql.Identifier(schema, "events"))).fetchall()


def controls(db: Database, schema: str = "audit") -> list[str]:
    query = sql.SQL("SELECT new_values ->> 'kind' FROM {} WHERE operation = 'CONTROL' ORDER BY event_id")
    return [kind for (kind,) in db.execute(query.format(sql.Identifier(schema, "events")))]


def one(db: psycopg.Connection[tuple[object, ...]], query: str, *parameters: object) -> object:
    row = db.execute(query, parameters).fetchone()
    assert row is not None
    return row[0]


def test_installing_twice_changes_nothing(kit: Kit, db: Database):
    db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, tenant_id text)")
    kit("install", "--yes")
    kit("enable", "public.doc", "--tenant-column", "tenant_id")
    before = catalog_state(db), data_state(db)
    answer = kit("install", "--yes")
    assert "Nothing to do" in answer.out
    kit("apply", "--yes")
    assert (catalog_state(db), data_state(db)) == before
    kit("plan", "--exit-code")


def test_the_plan_of_an_empty_database_ends_with_1(kit: Kit, db: Database):
    before = catalog_state(db)
    answer = kit("plan", "--exit-code", code=1)
    assert "to create" in answer.out
    assert catalog_state(db) == before
    kit("plan")


def test_a_dry_run_is_valid_sql_that_install_only_stamps(kit: Kit, db: Database, tmp_path: Path):
    script = kit("install", "--dry-run").out
    (tmp_path / "install.sql").write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(tmp_path / "install.sql"), "-d", db.dsn],
        capture_output=True, text=True, env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    before = data_state(db)
    kit("install", "--yes")
    assert (
        one(db, "SELECT count(*) FROM audit.change_events WHERE new_values ->> 'kind' = 'kit-changed'") == 1
    )
    log = {name for name, digest in data_state(db).items() if digest != before[name]}
    assert all(name.startswith("change_events") for name in log), "what it made again is on record"
    kit("plan", "--exit-code")


def test_uninstalling_keeps_the_data_and_the_chain_goes_on(kit: Kit, db: Database):
    db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, tenant_id text)")
    kit("install", "--yes")
    kit("enable", "public.doc", "--tenant-column", "tenant_id", "--exclude", "tenant_id")
    db.execute("INSERT INTO public.doc VALUES (1, 'acme')")
    kit("seal")
    db.execute("INSERT INTO public.doc VALUES (2, 'acme')")
    kit("uninstall", "--yes")
    sealed = one(db, "SELECT sum(event_count) FROM audit.blocks")
    assert sealed == one(db, "SELECT count(*) FROM audit.change_events"), "uninstall leaves nothing unsealed"
    db.execute("INSERT INTO public.doc VALUES (3, 'acme')")
    assert one(db, "SELECT count(*) FROM audit.change_events WHERE operation = 'I'") == 2
    kit("install", "--yes")
    db.execute("INSERT INTO public.doc VALUES (4, 'acme')")
    kit("seal")
    assert tenants(db) == [("acme", "INSERT")] * 3
    blocks = db.execute(
        "SELECT block_number, prev_hash = lag(block_hash) OVER (ORDER BY block_number)"
        " FROM audit.blocks WHERE tenant_id = 'acme' ORDER BY 1"
    ).fetchall()
    assert blocks == [(1, None), (2, True), (3, True)]
    assert [kind for kind in controls(db) if "install" in kind] == ["installed", "uninstalled", "installed"]
    kit("plan", "--exit-code")


def test_what_is_kept_after_uninstalling_is_still_append_only(kit: Kit, db: Database):
    kit("install", "--yes")
    kit("uninstall", "--yes")
    for statement in ("DELETE FROM audit.change_events", "TRUNCATE audit.blocks"):
        with pytest.raises(psycopg.errors.RestrictViolation):
            db.execute(statement)


def test_uninstalling_twice_does_nothing_more(kit: Kit, db: Database):
    kit("install", "--yes")
    kit("uninstall", "--yes")
    before = catalog_state(db), data_state(db)
    assert "Nothing to do" in kit("uninstall", "--yes").out
    assert (catalog_state(db), data_state(db)) == before


def test_uninstalling_waits_for_a_seal_at_work(kit: Kit, db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pgaudit_kit.db.DDL_ATTEMPTS", 2)
    kit("install", "--yes")
    with connect(db, autocommit=False) as sealer:
        sealer.execute("LOCK TABLE audit.seal_lock IN SHARE UPDATE EXCLUSIVE MODE")
        assert "error[lock-timeout]" in kit("uninstall", "--yes", code=3).err
        sealer.rollback()
    kit("uninstall", "--yes")
    assert one(db, "SELECT sum(event_count) FROM audit.blocks") == one(
        db, "SELECT count(*) FROM audit.change_events"
    )


def test_an_uninstall_that_was_cut_short_can_be_finished(
    kit: Kit, db: Database, monkeypatch: pytest.MonkeyPatch
):
    def fail(*args: object) -> None:
        raise psycopg.errors.AdminShutdown("terminating connection")

    kit("install", "--yes")
    with monkeypatch.context() as patched:
        patched.setattr("pgaudit_kit.install.uninstall._seal", fail)
        kit("uninstall", "--yes", code=3)
    kit("uninstall", "--yes")
    assert one(db, "SELECT sum(event_count) FROM audit.blocks") == one(
        db, "SELECT count(*) FROM audit.change_events"
    )
    kit("install", "--yes")
    kit("plan", "--exit-code")


def test_data_is_dropped_only_when_its_schema_is_named(kit: Kit, db: Database):
    kit("install", "--yes")
    answer = kit("uninstall", "--drop-data", "--yes", code=2)
    assert "--confirm audit" in answer.err
    kit("uninstall", "--drop-data", "--confirm", "other", code=2)
    kit("uninstall", "--drop-data", "--confirm", "audit")
    assert one(db, "SELECT to_regnamespace('audit') IS NULL")
    assert one(db, "SELECT count(*) FROM pg_event_trigger") == 0
    kit("install", "--yes")
    kit("plan", "--exit-code")


def test_data_can_be_dropped_after_uninstalling(kit: Kit, db: Database):
    kit("install", "--yes")
    kit("uninstall", "--yes")
    kit("uninstall", "--drop-data", "--confirm", "audit")
    assert one(db, "SELECT to_regnamespace('audit') IS NULL")


@pytest.mark.parametrize("schema", HOSTILE_SCHEMAS)
def test_any_schema_name_serves(kit: Kit, db: Database, schema: str):
    kit.schema = schema
    db.execute(
        'CREATE SCHEMA "My ""S"""; CREATE TABLE "My ""S"""."T ü%s" ("the id" int PRIMARY KEY, "te$na" text)'
    )
    kit("install", "--yes")
    kit("enable", '"My ""S"""."T ü%s"', "--tenant-column", "te$na", "--exclude", "te$na")
    db.execute('INSERT INTO "My ""S"""."T ü%s" VALUES (1, $$acme$$)')
    kit("seal")
    assert tenants(db, schema) == [("acme", "INSERT")]
    kit("plan", "--exit-code")
    db.execute('ALTER TABLE "My ""S"""."T ü%s" ADD COLUMN more text')
    db.execute('UPDATE "My ""S"""."T ü%s" SET more = 1')
    kit("apply", "--yes")
    kit("plan", "--exit-code")
    db.execute('UPDATE "My ""S"""."T ü%s" SET more = 2')
    assert tenants(db, schema) == [("acme", "INSERT"), ("acme", "UPDATE"), ("acme", "UPDATE")]
    kit("disable", '"My ""S"""."T ü%s"', "--yes")
    kit("uninstall", "--yes")
    kit("uninstall", "--drop-data", "--confirm", schema)


def test_two_installations_do_not_disturb_each_other(kit: Kit, db: Database):
    other = Kit(db.dsn, schema="Audit Log ü")
    db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, note text)")
    for each, tenant in ((kit, "a"), (other, "b")):
        each("install", "--yes")
        each("enable", "public.doc", "--tenant-value", tenant)
    for each in (kit, other):
        each("plan", "--exit-code")
    with db.transaction():
        db.execute("SELECT audit.set_context(actor_id => 'ann')")
        db.execute("INSERT INTO public.doc VALUES (1)")
    query = "SELECT tenant_id, actor_id FROM {} WHERE operation = 'INSERT'"
    for schema, expected in (("audit", ("a", "ann")), ("Audit Log ü", ("b", None))):
        row = db.execute(sql.SQL(query).format(sql.Identifier(schema, "events"))).fetchone()
        assert row == expected
    db.execute("ALTER TABLE public.doc ADD COLUMN more text")
    db.execute("INSERT INTO public.doc VALUES (2)")
    for each in (kit, other):
        each("seal")
        each("apply", "--yes")
        each("plan", "--exit-code")
    kit("uninstall", "--yes")
    db.execute("INSERT INTO public.doc VALUES (3)")
    assert tenants(db, "Audit Log ü") == [("b", "INSERT")] * 3
    kit("uninstall", "--drop-data", "--confirm", "audit")
    db.execute("ALTER TABLE public.doc DROP COLUMN more")
    db.execute("INSERT INTO public.doc VALUES (4)")
    assert tenants(db, "Audit Log ü") == [("b", "INSERT")] * 4
    assert "table-changed" in controls(db, "Audit Log ü")[-2:]
    other("apply", "--yes")
    other("plan", "--exit-code")


SETTINGS = {
    "search_path": "evil, public",
    "row_security": "off",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "lock_timeout": "1",
    "statement_timeout": "250",
    "quote_all_identifiers": "on",
    "standard_conforming_strings": "off",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "check_function_bodies": "off",
    "bytea_output": "escape",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Pacific/Apia",
    "extra_float_digits": "-5",
    "client_encoding": "LATIN1",
    "client_min_messages": "debug5",
    "xmloption": "content",
    "track_functions": "all",
    "plpgsql.extra_errors": "all",
    "plpgsql.extra_warnings": "all",
    "default_table_access_method": "heap",
    "gin_pending_list_limit": "64",
    "enable_partition_pruning": "off",
}


@pytest.mark.parametrize("where", ["ROLE", "DATABASE"])
def test_settings_of_the_role_or_database_do_not_matter(kit: Kit, db: Database, where: str):
    name = db.name
    if where == "ROLE":
        name = db.role("admin", "LOGIN SUPERUSER")
        kit.dsn = psycopg.conninfo.make_conninfo(db.dsn, user=name)
    db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, at timestamptz DEFAULT now(), n numeric)")
    for setting, value in SETTINGS.items():
        db.execute(
            sql.SQL("ALTER {} {} SET {} TO {}").format(
                sql.SQL(where), sql.Identifier(name), sql.SQL(setting),
                sql.SQL(value) if setting in ("search_path", "DateStyle") else sql.Literal(value),
            )
        )  # fmt: skip
    kit("install", "--yes")
    kit("enable", "public.doc")
    with psycopg.connect(kit.dsn, autocommit=True) as hostile:
        hostile.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        hostile.execute("INSERT INTO public.doc VALUES (1)")
        hostile.execute("ALTER TABLE public.doc ADD COLUMN more text")
        hostile.execute("UPDATE public.doc SET more = 'x'")
    kit("seal")
    kit("apply", "--yes")
    kit("plan", "--exit-code")
    Kit(db.dsn)("plan", "--exit-code")
    assert [operation for _, operation in tenants(db)] == ["INSERT", "UPDATE"]
    kit("uninstall", "--yes")
    kit("uninstall", "--drop-data", "--confirm", "audit")


def test_a_read_only_default_is_refused_clearly(kit: Kit, db: Database):
    user = db.role("admin", "LOGIN SUPERUSER")
    db.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only TO on").format(sql.Identifier(user)))
    kit.dsn = psycopg.conninfo.make_conninfo(db.dsn, user=user)
    answer = kit("install", "--yes", code=3)
    assert "error[read-only-server]" in answer.err
    kit("plan")


def test_who_may_not_create_event_triggers_leaves_those_that_are_there(kit: Kit, db: Database):
    db.execute("CREATE TABLE public.doc (id int PRIMARY KEY)")
    kit("install", "--yes")
    kit("enable", "public.doc")
    admin = db.role("admin")
    db.execute(
        sql.SQL("GRANT pgaudit_kit_owner TO {0}; ALTER TABLE public.doc OWNER TO {0}").format(
            sql.Identifier(admin)
        )
    )
    other = Kit(psycopg.conninfo.make_conninfo(db.dsn, user=admin))
    other("plan", "--exit-code")
    with connect(db, user=admin) as conn:
        conn.execute("ALTER TABLE public.doc ADD COLUMN more text")
    other("apply", "--yes")
    other("plan", "--exit-code")
    kit("plan", "--exit-code")
    db.execute("ALTER EVENT TRIGGER pgaudit_kit_audit_ddl DISABLE")
    assert "error[insufficient-privilege]" in other("apply", "--yes", code=3).err

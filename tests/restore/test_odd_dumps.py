"""Dumps of data alone, of parts, in place, and by an ordinary role: what happens, and that it is said."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.kit import Kit
from tests.restore.dumps import dump, restore, source_lines
from tests.restore.programs import call, newest
from tests.restore.story import NOT_ALWAYS, WORK, assert_goes_on, incarnations, lines, recorded, work
from tests.restore.story import newest as newest_event
from tests.sealing import assert_sound, one, seal, seal_all, sealed_once
from tests.servers import Database, PgServer, unique

WATCH = ("pgaudit_kit_audit_ddl", "pgaudit_kit_audit_drop", "pgaudit_kit_audit_rearm")


def test_data_alone_without_triggers_is_the_log_as_it_was(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    file = dump(server, source, tmp_path / "dump", "-Fc")
    restore(file, copy, "--schema-only")
    restore(file, copy, "--data-only", "--disable-triggers")
    assert lines(copy) == source_lines(server, source)
    assert copy.execute(NOT_ALWAYS).fetchall() == [], (
        "ENABLE TRIGGER ALL left them ORIGIN; the watch re-armed them"
    )
    assert Kit(copy.dsn).plan() == []
    assert_goes_on(copy)


def test_without_a_ddl_watch_apply_puts_triggers_back_to_always(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    file = dump(server, source, tmp_path / "dump", "-Fc")
    restore(file, copy, "--schema-only")
    for name in WATCH:
        copy.execute(f"DROP EVENT TRIGGER {name}")
    restore(file, copy, "--data-only", "--disable-triggers")
    assert copy.execute(NOT_ALWAYS).fetchall() != []
    kit = Kit(copy.dsn)
    assert "it is no longer ALWAYS" in kit.reasons()
    kit("apply", "--yes")
    assert kit.plan() == []
    assert_goes_on(copy)


def test_data_alone_under_triggers_is_refused_by_the_seal(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    """Each row is recorded as inserted again, under a number that the log has too."""
    file = dump(server, source, tmp_path / "dump", "-Fc")
    restore(file, copy, "--schema-only")
    restore(file, copy, "--data-only")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="several events of one number"):
        seal(copy)


def test_data_alone_on_top_of_the_data_is_refused_by_the_log(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    file = dump(server, source, tmp_path / "dump", "-Fc")
    restore(file, copy)
    for options in ([], ["--disable-triggers"]):
        said = restore(file, copy, "--data-only", *options, code=1)
        for table in ("change_events_p", "blocks_p", "personal_values_p", "seal_state", "chain_heads"):
            assert f'COPY failed for table "{table}' in said
    assert lines(copy)[: len(source_lines(server, source))] == source_lines(server, source)
    seal(copy)  # it set the sequence back, though the log was ahead
    assert one(copy, "SELECT count(*) = count(DISTINCT event_id) FROM audit.change_events")
    assert_goes_on(copy, new=0)


def test_a_sequence_that_was_set_back_is_set_right_and_told(kit_db: Database):
    for _ in range(3):
        kit_db.execute("SELECT audit.record_control('told', '{}')")
    seal_all(kit_db)
    highest = newest_event(kit_db)
    kit_db.execute("SELECT setval('audit.event_id_seq', 2)")
    seal(kit_db)
    seal_all(kit_db)
    query = "SELECT new_values ->> 'kind' FROM audit.change_events WHERE event_id > %s ORDER BY event_id"
    assert ("sequence-set-back",) in kit_db.execute(query, [highest]).fetchall()
    assert_sound(kit_db)
    assert sealed_once(kit_db)


def test_a_number_that_was_sealed_twice_stops_no_later_incarnation(kit_db: Database):
    seal_all(kit_db)
    kit_db.execute("SELECT setval('audit.event_id_seq', 1, false); SELECT audit.record_control('told', '{}')")
    seal(kit_db)
    seal_all(kit_db)
    assert not one(kit_db, "SELECT count(*) = count(DISTINCT event_id) FROM audit.change_events")
    kit_db.execute("UPDATE audit.seal_state SET database_oid = 1")
    seal(kit_db)
    assert incarnations(kit_db) == 1


def test_without_its_data_the_kit_says_what_to_do(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    restore(dump(server, source, tmp_path / "dump", "-Fc", "--schema-only"), copy)
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="without the log's data") as caught:
        seal(copy)
    assert "DROP SCHEMA audit CASCADE" in (caught.value.diag.message_hint or "")
    copy.execute("DROP SCHEMA audit CASCADE")
    kit = Kit(copy.dsn)
    kit("install", "--yes")
    kit("enable", "public.doc", "--tenant-column", "tenant", "--personal", "email")
    assert kit.plan() == []
    copy.execute("INSERT INTO public.doc VALUES (1, 't', 'v', 'e')")
    seal_all(copy)
    assert_sound(copy)
    assert sealed_once(copy)


def test_a_restore_in_place_is_a_new_incarnation(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    restore(dump(server, source, tmp_path / "first", "-Fc"), copy)
    work(copy, 3)
    seal_all(copy)
    file = dump(server, copy.name, tmp_path / "dump", "-Fc")
    before = lines(copy)
    work(copy, 4)
    seal_all(copy)
    # PostgreSQL's own: constraints of partitions cannot be dropped before their parent's
    restore(file, copy, "--clean", "--if-exists", code=1)
    assert lines(copy) == before
    assert incarnations(copy) == 1
    assert_goes_on(copy, n=4)


def test_the_application_alone_comes_without_triggers(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    said = restore(dump(server, source, tmp_path / "dump", "-Fc", "-n", "public"), copy, code=1)
    assert 'schema "audit" does not exist' in said
    assert one(copy, "SELECT count(*) FROM public.doc") == 2
    assert one(copy, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == 0
    kit = Kit(copy.dsn)
    kit("install", "--yes")
    kit("enable", "public.doc", "--tenant-column", "tenant", "--baseline")
    assert kit.plan() == []


def test_the_log_alone_can_be_read_and_proved(server: PgServer, source: str, copy: Database, tmp_path: Path):
    """The registry refers to tables that are not there, so its rows do not come."""
    said = restore(dump(server, source, tmp_path / "dump", "-Fc", "-n", "audit"), copy, code=1)
    assert 'COPY failed for table "audited_tables": ERROR:  relation' in said
    assert lines(copy) == source_lines(server, source)
    assert set(recorded(copy, 0)) == set(WORK)
    assert_sound(copy)
    seal_all(copy)
    assert_sound(copy)
    assert sealed_once(copy)


@pytest.mark.parametrize("watched", [True, False])
def test_columns_keep_their_meaning_where_their_numbers_change(
    kit_db: Database, copy: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, watched: bool
):
    """A restored table has no gap where a column was dropped: key, tenant and personal column move up."""
    if not watched:  # as on a managed service
        for name in WATCH:
            kit_db.execute(f"DROP EVENT TRIGGER {name}")
        monkeypatch.setattr("pgaudit_kit.catalog.event_triggers_allowed", lambda conn: False)
    kit_db.execute("CREATE TABLE public.t (gone int, id int PRIMARY KEY, tenant text, v json, email text)")
    kit_db.execute("ALTER TABLE public.t DROP COLUMN gone")
    Kit(kit_db.dsn)(
        "enable", "public.t", "--tenant-column", "tenant", "--personal", "email", "--exclude", "v"
    )
    restore(dump(kit_db.server, kit_db.name, tmp_path / "dump", "-Fc"), copy)
    kit = Kit(copy.dsn)

    def assert_recorded(db: psycopg.Connection[tuple[object, ...]], n: int) -> None:
        db.execute("INSERT INTO public.t (id, tenant, email) VALUES (%s, 'a', 'me@example.org')", [n])
        event = copy.execute(
            "SELECT record_key, tenant_id, new_values, personal_commitment IS NOT NULL"
            " FROM audit.change_events ORDER BY event_id DESC LIMIT 1"
        ).fetchone()
        assert event is not None and event[:2] == (str(n), "a") and event[3] and "email" not in event[2]

    assert_recorded(copy, 1)
    copy.execute("ALTER TABLE public.t ADD COLUMN more text DEFAULT 'x'")
    assert_recorded(copy, 2)
    assert {target for _, _, target in kit.plan()} >= {"public.t"}
    kit("apply", "--yes")
    assert kit.plan() == []
    assert_recorded(copy, 3)
    declared = one(copy, "SELECT declaration FROM audit.audited_tables WHERE enabled")
    assert declared["tenant"] == {"kind": "column", "name": "tenant"}
    assert (declared["personal"], declared["exclude"]) == (["email"], ["v"])


def test_a_dropped_table_does_not_come_back_as_another(kit_db: Database, copy: Database, tmp_path: Path):
    kit_db.execute("CREATE TABLE public.t (id int PRIMARY KEY); CREATE TABLE public.u (id int PRIMARY KEY)")
    kit = Kit(kit_db.dsn)
    kit("enable", "public.t")
    kit("enable", "public.u")
    kit_db.execute("DROP TABLE public.t")
    kit("disable", "public.u", "--yes")
    kit_db.execute("DROP TABLE public.u")
    relations = "SELECT relation::text FROM audit.audited_tables ORDER BY table_id"
    assert kit_db.execute(relations).fetchall()[0] == ("-",)
    restore(dump(kit_db.server, kit_db.name, tmp_path / "dump", "-Fc"), copy)
    assert copy.execute(relations).fetchall()[0] == ("-",)


def test_an_ordinary_role_dumps_as_the_dump_role(
    server: PgServer, source: str, copy: Database, tmp_path: Path
):
    """Row security hides the log even from its owner, so a dump must go past it, and say so."""
    name = unique("dumper")
    server.admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
    try:
        dsn = make_conninfo(server.dsn(source), user=name)
        file = tmp_path / "dump"
        bindir = newest(server)
        said = call(bindir, "pg_dump", "-Fc", "--file", file, dsn, code=1)
        assert "permission denied" in said
        server.admin.execute(
            "ALTER ROLE pgaudit_kit_dump BYPASSRLS; GRANT pg_read_all_data TO pgaudit_kit_dump;"
            f'GRANT pgaudit_kit_dump TO "{name}"'
        )
        said = call(bindir, "pg_dump", "-Fc", "--file", file, dsn, code=1)
        assert "row-level security" in said, "the attribute counts only for the role itself"
        call(bindir, "pg_dump", "-Fc", "--role", "pgaudit_kit_dump", "--file", file, dsn)
        restore(file, copy)
        assert lines(copy) == source_lines(server, source)
    finally:
        server.admin.execute(
            "ALTER ROLE pgaudit_kit_dump NOBYPASSRLS; REVOKE pg_read_all_data FROM pgaudit_kit_dump"
        )
        server.admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
    assert_goes_on(copy)

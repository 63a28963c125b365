"""plan and apply: what was changed by hand, by DDL and in the configuration file is shown and mended."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from pgaudit_kit import db as connections
from pgaudit_kit.catalog import read_objects
from pgaudit_kit.install import apply, build
from pgaudit_kit.install.build import Wanted, build_plan
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render.templates import Templates
from pgaudit_kit.timeouts import Timeouts
from tests.kit import Kit, catalog_state, data_state
from tests.servers import Database, connect


@pytest.fixture
def kit(kit_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    """The kit installed, and public.doc (with a partitioned public.log) audited."""
    monkeypatch.chdir(tmp_path)
    kit_db.execute(
        "CREATE TABLE public.doc (id int PRIMARY KEY, tenant_id text, body text, email text);"
        "CREATE TABLE public.log (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);"
        "CREATE TABLE public.log_1 PARTITION OF public.log FOR VALUES FROM (0) TO (100)"
    )
    kit = Kit(kit_db.dsn)
    kit("enable", "public.doc", "--tenant-column", "tenant_id", "--personal", "email")
    kit("enable", "public.log")
    kit("plan", "--exit-code")
    return kit


@pytest.fixture
def filed(kit: Kit, tmp_path: Path) -> Kit:
    """The same with a configuration file that says so."""
    kit.config = tmp_path / "pgaudit.toml"
    kit.declare(DECLARED)
    kit("plan", "--exit-code")
    return kit


DECLARED = """\
# who may change this file: the DBAs
[[tables]]
name = "public.doc"
tenant = { column = "tenant_id" }
personal = ["email"]   # the author's

[[tables]]
name = "public.log"
"""

ROW = '"00_pgaudit_kit_audit_row"'
BY_HAND: dict[str, tuple[str, str, str]] = {
    # what somebody does, the target that `plan` names, and what it says of it
    "function body": (
        "CREATE OR REPLACE FUNCTION audit.merkle_root(p_leaves bytea) RETURNS bytea"
        " LANGUAGE sql AS 'SELECT $1'",
        "merkle_root",
        "its text, owner or grants changed in the database",
    ),
    "function setting": (
        "ALTER FUNCTION audit.seal() SET search_path = public",
        "seal",
        "its text, owner or grants changed in the database",
    ),
    "capture function": (
        "CREATE OR REPLACE FUNCTION audit.tg_capture_1() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "tg_capture_1",
        "its text, owner or grants changed in the database",
    ),
    "function dropped": (
        "DROP FUNCTION audit.set_context CASCADE",
        "set_context",
        "missing from the database",
    ),
    "function granted within the kit": (
        "GRANT EXECUTE ON FUNCTION audit.record_control TO pgaudit_kit_reader",
        "record_control",
        "its text, owner or grants changed in the database",
    ),
    "function granted": (
        "GRANT EXECUTE ON FUNCTION audit.seal() TO PUBLIC",
        "EXECUTE on seal to PUBLIC",
        "granted by somebody else than the kit",
    ),
    "trigger disabled": (
        f"ALTER TABLE public.doc DISABLE TRIGGER {ROW}",
        "00_pgaudit_kit_audit_row on public.doc",
        "it was disabled",
    ),
    "trigger dropped": (
        f"DROP TRIGGER {ROW} ON public.doc",
        "00_pgaudit_kit_audit_row on public.doc",
        "it was missing",
    ),
    "trigger narrowed": (
        f"CREATE OR REPLACE TRIGGER {ROW} AFTER INSERT ON public.doc"
        " FOR EACH ROW EXECUTE FUNCTION audit.tg_capture_1()",
        "00_pgaudit_kit_audit_row on public.doc",
        "changed in the database",
    ),
    "a partition's trigger disabled": (
        f"ALTER TABLE public.log_1 DISABLE TRIGGER {ROW}",
        "00_pgaudit_kit_audit_row on public.log_1",
        "it was disabled",
    ),
    "trigger's comment": (
        f"COMMENT ON TRIGGER {ROW} ON public.doc IS 'mine'",
        "00_pgaudit_kit_audit_row on public.doc",
        "its comment carries no digest",
    ),
    "an old digest": (
        f"COMMENT ON TRIGGER {ROW} ON public.doc IS '[pgaudit-kit sha256:{'0' * 64}]'",
        "00_pgaudit_kit_audit_row on public.doc",
        "changed in the database",
    ),
    "event trigger disabled": (
        "ALTER EVENT TRIGGER pgaudit_kit_audit_drop DISABLE",
        "pgaudit_kit_audit_drop",
        "it was disabled",
    ),
    "event trigger dropped": (
        "DROP EVENT TRIGGER pgaudit_kit_audit_ddl",
        "pgaudit_kit_audit_ddl",
        "pgaudit_kit_audit_ddl is missing",
    ),
    "guard disabled": (
        "ALTER TABLE ONLY audit.blocks DISABLE TRIGGER append_only_truncate",
        "append_only_truncate on audit.blocks",
        "it was disabled",
    ),
    "guard of a partition disabled": (
        "ALTER TABLE audit.blocks_default DISABLE TRIGGER append_only_row",
        "append_only_row on audit.blocks_default",
        "it was disabled",
    ),
    "policy dropped": (
        "DROP POLICY blocks_select_view ON audit.blocks",
        "blocks_select_view on audit.blocks",
        "blocks_select_view on audit.blocks is missing",
    ),
    "policy altered": (
        "ALTER POLICY blocks_select_view ON audit.blocks USING (true)",
        "blocks_select_view on audit.blocks",
        "changed in the database",
    ),
    "policy added": (
        "CREATE POLICY everybody ON audit.change_events FOR SELECT TO PUBLIC USING (true)",
        "everybody on audit.change_events",
        "nothing declared needs it",
    ),
    "policy of a partition": (
        "CREATE POLICY everybody ON audit.change_events_default FOR SELECT TO PUBLIC USING (true)",
        "change_events_default",
        "not those of its parent",
    ),
    "row security": (
        "ALTER TABLE audit.change_events DISABLE ROW LEVEL SECURITY",
        "change_events",
        "it was switched off",
    ),
    "row security of a partition": (
        "ALTER TABLE audit.change_events_default NO FORCE ROW LEVEL SECURITY",
        "change_events_default",
        "it was switched off",
    ),
    "table granted": (
        "GRANT SELECT, INSERT ON audit.change_events TO PUBLIC",
        "INSERT, SELECT on change_events to PUBLIC",
        "granted by somebody else than the kit",
    ),
    "column granted": (
        "GRANT SELECT (tenant_id) ON audit.change_events_default TO pgaudit_kit_reader",
        "SELECT on change_events_default to pgaudit_kit_reader",
        "granted by somebody else than the kit",
    ),
    "sequence granted": (
        "GRANT USAGE ON SEQUENCE audit.event_id_seq TO PUBLIC",
        "USAGE on event_id_seq to PUBLIC",
        "granted by somebody else than the kit",
    ),
    "schema granted": (
        "GRANT CREATE ON SCHEMA audit TO PUBLIC",
        "CREATE on audit to PUBLIC",
        "granted by somebody else than the kit",
    ),
    "grant taken": (
        "REVOKE SELECT ON audit.change_events FROM pgaudit_kit_view",
        "SELECT on change_events to pgaudit_kit_view",
        "the reading views need it",
    ),
    "view replaced": (
        "DROP VIEW audit.chain; CREATE VIEW audit.chain AS SELECT 1 AS one",
        "chain",
        "its comment carries no digest",
    ),
    "view widened": (
        "ALTER VIEW audit.events RENAME COLUMN actor_id TO who",
        "events",
        "its text, owner or grants changed",
    ),
    "view granted": (
        "GRANT SELECT ON audit.events TO PUBLIC",
        "SELECT on events to PUBLIC",
        "granted by somebody else than the kit",
    ),
    "owner": (
        "ALTER TABLE audit.blocks OWNER TO postgres",
        "blocks",
        "it belongs to postgres",
    ),
    "somebody's trigger": (
        "CREATE FUNCTION public.hide() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER hide BEFORE INSERT ON audit.change_events"
        " FOR EACH ROW EXECUTE FUNCTION public.hide()",
        "hide on change_events",
        "it is not the kit's",
    ),
    "somebody's rule": (
        "CREATE RULE hide AS ON INSERT TO audit.personal_keys_default DO INSTEAD NOTHING",
        "hide on personal_keys_default",
        "it is not the kit's",
    ),
    "a namesake": (
        "CREATE FUNCTION audit.set_context(text) RETURNS void LANGUAGE sql AS ''",
        "set_context",
        "nothing declared needs it",
    ),
    "the kit's function under another trigger": (
        "CREATE TRIGGER mine AFTER INSERT ON public.doc FOR EACH ROW EXECUTE FUNCTION audit.tg_capture_1()",
        "mine on public.doc",
        "nothing declared needs it",
    ),
}


@pytest.mark.parametrize("start", range(0, len(BY_HAND), 6))
def test_what_was_changed_by_hand_is_shown_and_mended(kit: Kit, kit_db: Database, start: int):
    for number, case in enumerate(list(BY_HAND)[start : start + 6]):
        statement, target, reason = BY_HAND[case]
        kit_db.execute(statement)
        changes = [(change["target"], change["why"]) for change in kit.changes()]
        assert any(target in named and reason in why for named, why in changes), (case, changes)
        assert all("new" != why for _, why in changes), case
        kit("apply", "--yes")
        assert kit.plan() == [], case
        kit_db.execute("INSERT INTO public.doc VALUES (%s, 'a')", [number])
        kit_db.execute("INSERT INTO public.log VALUES (%s)", [number])
        row = kit_db.execute("SELECT count(*) FROM audit.events WHERE operation = 'INSERT'").fetchone()
        assert row == (2 * number + 2,), case


def test_a_view_that_others_depend_on_is_mended_in_place(kit: Kit, kit_db: Database):
    kit_db.execute("CREATE VIEW public.mine AS SELECT tenant_id FROM audit.events")
    kit_db.execute("GRANT SELECT ON audit.events TO pgaudit_kit_sealer")
    kit("apply", "--yes")
    assert kit.plan() == []


def test_what_others_made_in_the_schema_stays(kit: Kit, kit_db: Database):
    kit_db.execute("CREATE FUNCTION audit.theirs() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    kit_db.execute("REVOKE ALL ON FUNCTION audit.theirs() FROM PUBLIC")
    kit("plan", "--exit-code")
    kit("uninstall", "--yes")
    assert kit_db.execute("SELECT audit.theirs()").fetchone() == (1,)


def test_uninstalling_takes_what_lost_its_digest(kit: Kit, kit_db: Database):
    kit_db.execute(f"COMMENT ON TRIGGER {ROW} ON public.doc IS 'mine'")
    kit_db.execute("COMMENT ON FUNCTION audit.seal() IS NULL; COMMENT ON VIEW audit.events IS 'ours'")
    kit_db.execute("COMMENT ON EVENT TRIGGER pgaudit_kit_audit_ddl IS NULL")
    kit("uninstall", "--yes")
    kit_db.execute("INSERT INTO public.doc VALUES (1, 'acme')")
    left = kit_db.execute(
        "SELECT proname::text FROM pg_proc WHERE pronamespace = 'audit'::regnamespace"
    ).fetchall()
    assert left == [("tg_append_only",)]


def test_a_changed_table_is_named_as_the_reason(kit: Kit, kit_db: Database):
    kit_db.execute("ALTER TABLE public.doc ADD COLUMN more text")
    reasons = {change["target"]: change["why"] for change in kit.changes()}
    assert reasons["tg_capture_1"].startswith("the table changed; the generic function stands in")
    assert not any("hand" in why or "in the database" in why for why in reasons.values())
    kit("apply", "--yes")
    kit("plan", "--exit-code")


def test_an_older_text_is_replaced_and_said_to_be_older(
    kit: Kit, kit_db: Database, monkeypatch: pytest.MonkeyPatch
):
    from pgaudit_kit import resources
    from pgaudit_kit.render import templates

    # compiled once in a process; this one is a newer version of the kit
    monkeypatch.setattr(templates, "_environment", functools.cache(templates._environment.__wrapped__))
    text = resources.sql_text
    monkeypatch.setattr(
        resources,
        "sql_text",
        lambda path: (
            text(path).replace("BEGIN\n", "BEGIN\n    -- 2.0\n", 1)
            if path == "functions/seal.sql"
            else text(path)
        ),
    )
    changes = kit.changes()
    assert [(change["op"], change["target"]) for change in changes] == [("replace", "seal")]
    assert "this version of pgaudit-kit asks for another text" in changes[0]["why"]
    kit("install", "--yes")
    kit("plan", "--exit-code")


FILES: dict[str, tuple[Callable[[str], str], str, str]] = {
    "tenant": (
        lambda text: text.replace('{ column = "tenant_id" }', '{ value = "acme" }'),
        "tg_capture_1",
        "asks for another text",
    ),
    "operations": (
        lambda text: text.replace("personal =", 'operations = ["insert"]\npersonal ='),
        "00_pgaudit_kit_audit_row on public.doc",
        "asks for another text",
    ),
    "personal context": (
        lambda text: text + '\n[context]\npersonal = ["ip"]\n',
        "tg_capture_2",
        "asks for another text",
    ),
    "partitions": (
        lambda text: text + '\n[partitions]\ninterval = "1 month"\npremake = 2\n',
        "partitions",
        "declared otherwise",
    ),
    "actions": (
        lambda text: text + '\n[actions]\npublish = ["update"]\n',
        "actions",
        "declared otherwise",
    ),
    "removed": (
        lambda text: text.replace('[[tables]]\nname = "public.log"\n', ""),
        "public.log",
        "no longer declared; its events stay",
    ),
}


def test_a_changed_configuration_file_is_shown_and_applied(filed: Kit, kit_db: Database):
    kit_db.execute("INSERT INTO public.log VALUES (1)")
    for case, (change, target, reason) in FILES.items():
        filed.declare(change(DECLARED))
        changes = [(each["target"], each["why"]) for each in filed.changes()]
        assert any(target in named and reason in why for named, why in changes), (case, changes)
        filed("apply", "--yes")
        assert filed.plan() == [], case
        filed.declare(DECLARED)
        filed("apply", "--yes")
        assert filed.plan() == [], case
    row = kit_db.execute("SELECT count(*) FROM audit.events WHERE table_name = 'public.log'").fetchone()
    assert row is not None and row[0] >= 1


def test_every_capture_function_knows_new_personal_context(filed: Kit, kit_db: Database):
    filed.declare(DECLARED + '\n[context]\npersonal = ["geo"]\n')
    filed("apply", "--yes")
    with kit_db.transaction():
        kit_db.execute("SELECT audit.set_context(geo => 'CH', ip => '10.0.0.1')")
        kit_db.execute("INSERT INTO public.doc VALUES (1, 'a'); INSERT INTO public.log VALUES (1)")
    rows = kit_db.execute(
        "SELECT context ? 'geo', context ? 'ip' FROM audit.change_events WHERE operation = 'I'"
    ).fetchall()
    assert rows == [(False, True)] * 2


def test_removed_actions_are_no_longer_kept(filed: Kit, kit_db: Database):
    filed.declare(DECLARED + '\n[actions]\npublish = ["update"]\n')
    filed("apply", "--yes")
    filed.declare(DECLARED)
    filed("apply", "--yes")
    assert kit_db.execute("SELECT FROM audit.settings WHERE name = 'actions'").fetchall() == []


BROKEN: dict[str, tuple[str, str]] = {
    'name = "public.absent"': ("absent-table", "public.absent"),
    'name = "public.nokey"': ("no-primary-key", "public.nokey"),
    'name = "public.a_view"': ("config-error", "is a view"),
    'name = "public.a_matview"': ("config-error", "is a materialized view"),
    'name = "public.foreign"': ("config-error", "is a foreign table"),
    'name = "audit.change_events"': ("config-error", "belongs to the kit itself"),
    'name = "pg_catalog.pg_class"': ("config-error", "belongs to the server"),
    'name = "public.nokey"\nkey = ["absent"]': ("config-error", "no column 'absent' (key)"),
    'name = "public.nokey"\nkey = ["n"]\ntenant = { column = "absent" }': ("config-error", "(tenant)"),
    'name = "public.nokey"\nkey = ["n"]\nexclude = ["absent"]': ("config-error", "(exclude)"),
    'name = "public.nokey"\nkey = ["n"]\npersonal = ["absent"]': ("config-error", "(personal)"),
    'name = "public.nokey"\nkey = ["n"]\nsubject = "absent"': ("config-error", "(subject)"),
}


def test_a_broken_reference_is_named_with_its_place(filed: Kit, kit_db: Database):
    kit_db.execute(
        "CREATE TABLE public.nokey (n int); CREATE VIEW public.a_view AS SELECT 1 AS a;"
        "CREATE MATERIALIZED VIEW public.a_matview AS SELECT 1 AS a;"
        "CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing;"
        "CREATE FOREIGN TABLE public.foreign (a int) SERVER nowhere"
    )
    before = catalog_state(kit_db), data_state(kit_db)
    for entry, (error, message) in BROKEN.items():
        filed.declare(f"{DECLARED}\n[[tables]]\n{entry}\n")
        for command in (["plan"], ["apply", "--yes"], ["install", "--yes"]):
            answer = filed(*command, code=2)
            assert f"error[{error}]" in answer.err, entry
            assert message in answer.err
            assert "at:   pgaudit.toml: tables[2]" in answer.err
    assert (catalog_state(kit_db), data_state(kit_db)) == before


def test_a_temporary_table_is_refused(kit: Kit, kit_db: Database):
    kit_db.execute("CREATE TEMP TABLE mine (id int PRIMARY KEY)")
    row = kit_db.execute("SELECT pg_my_temp_schema()::regnamespace::text").fetchone()
    assert row is not None
    answer = kit("enable", f"{row[0]}.mine", code=2).err
    assert "temporary table" in answer and "ends with its session" in answer


def test_a_renamed_table_goes_on_without_a_file_and_is_named_with_one(filed: Kit, kit_db: Database):
    kit_db.execute("ALTER TABLE public.doc RENAME TO paper")
    answer = filed("plan", code=2)
    assert "It is called public.paper now." in answer.err
    assert filed.config is not None
    filed.config.unlink()
    filed.config = None
    assert all(change["why"].startswith(("the table changed", "capture is")) for change in filed.changes())
    filed("apply", "--yes")
    filed("plan", "--exit-code")


def test_a_dropped_table_leaves_nothing_behind(kit: Kit, kit_db: Database):
    kit_db.execute("DROP TABLE public.doc")
    kit("apply", "--yes")
    kit("plan", "--exit-code")
    assert kit_db.execute("SELECT FROM pg_proc WHERE proname LIKE '%capture_1'").fetchall() == []


def test_a_table_that_came_back_is_another_table(filed: Kit, kit_db: Database):
    kit_db.execute(
        "DROP TABLE public.doc; CREATE TABLE public.doc (id int PRIMARY KEY, tenant_id text, email text)"
    )
    filed("apply", "--yes")
    filed("plan", "--exit-code")
    rows = kit_db.execute("SELECT table_id, enabled FROM audit.audited_tables ORDER BY 1").fetchall()
    assert rows == [(1, False), (2, True), (3, True)]


class Waiter:
    """A transaction that holds a table while a command runs."""

    def __init__(self, db: Database, statement: str) -> None:
        self.conn = connect(db, autocommit=False)
        self.conn.execute(statement)

    def end(self) -> None:
        self.conn.rollback()
        self.conn.close()


def test_a_long_transaction_is_waited_for_briefly_and_nothing_is_changed(
    filed: Kit, kit_db: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connections, "DDL_ATTEMPTS", 2)
    filed.declare(
        '[timeouts]\nlock = "200ms"\n' + DECLARED.replace("personal =", 'operations = ["insert"]\npersonal =')
    )
    holder = Waiter(kit_db, "INSERT INTO public.doc VALUES (1, 'a')")
    before = catalog_state(kit_db)
    answer = filed("apply", "--yes", code=3)
    assert "error[lock-timeout]" in answer.err
    assert "trying again" in answer.err
    assert catalog_state(kit_db) == before
    holder.end()
    filed("apply", "--yes")


def test_a_writer_is_never_the_victim_of_a_deadlock(
    filed: Kit, kit_db: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(connections, "DDL_ATTEMPTS", 1)
    tables = [f'[[tables]]\nname = "public.{name}"\noperations = ["insert"]\n' for name in ("log", "doc")]
    filed.declare('[timeouts]\nlock = "30s"\n' + "".join(tables))
    writer = connect(kit_db, autocommit=False)
    writer.execute("INSERT INTO public.log VALUES (1)")
    codes: list[int] = []
    command = threading.Thread(target=lambda: codes.append(filed_run(filed)))
    command.start()
    wait_until(
        kit_db, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND relation = 'public.log'::regclass"
    )
    writer.execute("INSERT INTO public.doc VALUES (1, 'a')")
    writer.commit()
    command.join()
    writer.close()
    assert codes[0] in (0, 3)
    rows = kit_db.execute("SELECT count(*) FROM audit.events WHERE operation = 'INSERT'").fetchone()
    assert rows == (2,)


def filed_run(kit: Kit) -> int:
    from pgaudit_kit.cli.main import main

    return main(["--dsn", kit.dsn, "--config", str(kit.config), "apply", "--yes"])


def wait_until(db: Database, query: str) -> None:
    for _ in range(2000):
        row = db.execute(query).fetchone()
        if row is not None and row[0]:
            return
        db.execute("SELECT pg_sleep(0.005)")
    raise AssertionError(f"never came true: {query}")


def test_an_error_in_the_last_step_leaves_nothing_half_done(
    filed: Kit, kit_db: Database, monkeypatch: pytest.MonkeyPatch
):
    filed.declare(
        DECLARED.replace("personal =", 'operations = ["insert"]\npersonal =')
        + "\n[partitions]\npremake = 3\n"
    )
    before = catalog_state(kit_db), data_state(kit_db)

    def fail(*args: object) -> None:
        raise psycopg.errors.DiskFull("no space left")

    monkeypatch.setattr(apply, "_stamp", fail)
    filed("apply", "--yes", code=3)
    monkeypatch.undo()
    assert (catalog_state(kit_db), data_state(kit_db)) == before
    filed("apply", "--yes")
    filed("plan", "--exit-code")


@pytest.fixture
def conn(kit: Kit) -> Iterator[connections.Connection]:
    """A connection as the commands open it."""
    with connections.connect(kit.dsn, timeouts=Timeouts()) as conn:
        yield conn


def test_a_plan_that_is_no_longer_true_is_not_carried_out(conn: connections.Connection, kit_db: Database):
    kit_db.execute(f"DROP TRIGGER {ROW} ON public.doc")
    plan = build_plan(conn, "audit", Wanted())
    kit_db.execute("ALTER TABLE public.log ADD COLUMN more text")
    with pytest.raises(apply.PlanOutdated) as caught:
        apply.apply_plan(conn, "audit", Wanted(), approved=plan, timeouts=Timeouts())
    assert caught.value.exit_code == 3
    plan = build_plan(conn, "audit", Wanted())
    apply.apply_plan(conn, "audit", Wanted(), approved=plan, timeouts=Timeouts())
    assert not build_plan(conn, "audit", Wanted())


def test_the_session_is_left_as_it_was(conn: connections.Connection, kit_db: Database):
    kit_db.execute(f"DROP TRIGGER {ROW} ON public.doc")
    query = (
        "SELECT current_user, session_user, current_setting('lock_timeout'), current_setting('search_path')"
    )
    before = conn.execute(query).fetchone()
    plan = build_plan(conn, "audit", Wanted())
    apply.apply_plan(conn, "audit", Wanted(), approved=plan, timeouts=Timeouts())
    assert conn.execute(query).fetchone() == before


def test_two_runs_at_once_do_not_meet(kit: Kit, kit_db: Database):
    kit_db.execute("ALTER FUNCTION audit.seal() SET search_path = public")
    holder = Waiter(kit_db, "LOCK TABLE audit.settings IN SHARE ROW EXCLUSIVE MODE")
    codes: list[int] = []
    command = threading.Thread(target=lambda: codes.append(_apply(kit.dsn)))
    command.start()
    wait_until(kit_db, "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
    holder.end()
    command.join()
    assert codes == [0]


def _apply(dsn: str) -> int:
    from pgaudit_kit.cli.main import main

    return main(["--dsn", dsn, "apply", "--yes"])


def test_enabling_leaves_other_tables_as_they_are(filed: Kit, kit_db: Database):
    kit_db.execute(f"DROP TRIGGER {ROW} ON public.doc; CREATE TABLE public.more (id int PRIMARY KEY)")
    filed("enable", "public.more")
    assert [target for _, _, target in filed.plan()] == ["00_pgaudit_kit_audit_row on public.doc"]
    filed("disable", "public.more", "--yes")
    assert [target for _, _, target in filed.plan()] == ["00_pgaudit_kit_audit_row on public.doc"]


def test_a_table_whose_declaration_no_longer_fits_does_not_hold_up_others(kit: Kit, kit_db: Database):
    kit_db.execute(
        "ALTER TABLE public.doc DROP COLUMN tenant_id; CREATE TABLE public.more (id int PRIMARY KEY)"
    )
    assert "tenant_id" in kit("plan", code=2).err
    kit("enable", "public.more")
    kit("disable", "public.doc", "--yes")
    kit("plan", "--exit-code")


def test_names_are_sql_in_the_plan_of_a_hostile_table(kit: Kit, kit_db: Database, tmp_path: Path):
    name = '"x; DROP TABLE y --"'
    kit_db.execute(
        sql.SQL("CREATE SCHEMA {0}; CREATE TABLE {0}.{0} ({0} int PRIMARY KEY)").format(
            sql.Identifier("x; DROP TABLE y --")
        )
    )
    kit("enable", f"{name}.{name}", "--dry-run")
    kit("enable", f"{name}.{name}")
    kit("plan", "--exit-code")
    assert build.audited_names(connections.connect(kit.dsn, timeouts=Timeouts()), "audit")


@pytest.mark.any_server
def test_what_is_dropped_beside_it_is_not_there(kit: Kit, kit_db: Database):
    templates = Templates("audit")
    with connect(kit_db) as conn:
        conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        before = conn.execute("SELECT count(*) FROM audit.settings").fetchone()
        assert before
        kit_db.execute("DROP TABLE public.doc")
        there = {item.id.parent for item in read_objects(conn, templates)}
    assert QualifiedName("public", "doc") not in there
    assert QualifiedName("public", "log") in there

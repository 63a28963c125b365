"""verify on logs that nobody tampered with, on damaged tables, and on copies of a database."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pgaudit_kit.verify.session import Session
from tests.conftest import install_kit
from tests.kit import Answer, run
from tests.servers import Database, PgServer, connect
from tests.verifying import audit_documents, disable_guards, found, verdicts, write_and_seal

OK = ("ok", "ok")


def verify(db: Database, *args: str) -> Answer:
    return run("--dsn", db.dsn, "verify", *(args or ("--all",)), "--json")


@pytest.fixture
def log(server: PgServer) -> Iterator[Database]:
    """A database with a sealed log, a copy in which the kit has sealed since."""
    with server.database(server.template("sealed", build_sealed)) as database:
        for _ in range(2):
            database.execute("SELECT audit.seal()")
        yield database


@pytest.fixture
def unguarded(server: PgServer) -> Iterator[Database]:
    """The same with its guards off."""
    with server.database(server.template("unguarded", build_unguarded)) as database:
        yield database


def build_sealed(dsn: str) -> None:
    install_kit(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        audit_documents(conn, dsn)
        write_and_seal(conn, "acme", "globex")
        conn.execute("SELECT audit.seal()")


def build_unguarded(dsn: str) -> None:
    build_sealed(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        disable_guards(conn)
        conn.execute("SELECT audit.seal()")
        for (trigger,) in conn.execute("SELECT evtname FROM pg_event_trigger").fetchall():
            conn.execute(f"ALTER EVENT TRIGGER {trigger} DISABLE")


def test_a_sealed_log_is_ok(log: Database) -> None:
    answer = verify(log)
    assert (answer.code, answer.json["verdict"], answer.json["findings"]) == (0, "ok", [])
    assert set(verdicts(answer).values()) == {OK}
    (acme,) = [one for one in answer.json["tenants"] if one["tenant_id"] == "acme"]
    assert {name: acme[name] for name in ("checked", "sealed", "unsealed", "erased", "archived")} == {
        "checked": 4, "sealed": 4, "unsealed": 0, "erased": 0, "archived": 0,
    }  # fmt: skip
    assert acme["oldest_unsealed_s"] is None


def test_unsealed_events_are_counted_with_the_age_of_the_oldest(log: Database) -> None:
    log.execute("INSERT INTO public.doc VALUES (77, 'acme', 'x', 1), (78, 'acme', 'x', 1)")
    answer = verify(log, "--tenant", "acme")
    (acme,) = answer.json["tenants"]
    assert (answer.code, acme["unsealed"], acme["sealed"]) == (0, 2, 4)
    assert 0 <= acme["oldest_unsealed_s"] < 600


def test_nothing_sealed_is_unknown(kit_db: Database) -> None:
    audit_documents(kit_db, kit_db.dsn)
    answer = verify(kit_db)
    assert (answer.code, answer.json["verdict"]) == (4, "unknown")


def test_an_unknown_tenant_is_unknown(log: Database) -> None:
    answer = verify(log, "--tenant", "nobody")
    assert (answer.code, answer.json["verdict"], answer.json["findings"]) == (4, "unknown", [])
    assert any("no such tenant" in note["message"] for note in answer.json["notes"])


def test_an_unknown_tenant_beside_a_known_one_is_unknown(log: Database) -> None:
    answer = verify(log, "--tenant", "acme", "--tenant", "nobody")
    assert (answer.code, verdicts(answer)) == (4, {"acme": OK, "nobody": ("unknown", "unknown")})


def test_a_tenant_that_has_only_begun_is_unknown_by_itself_and_no_doubt_about_the_rest(log: Database) -> None:
    log.execute("INSERT INTO public.doc VALUES (77, 'newcomer', 'x', 1)")
    assert verify(log, "--tenant", "newcomer").code == 4
    answer = verify(log)
    assert (answer.code, verdicts(answer)["newcomer"]) == (0, ("unknown", "unknown"))


def test_no_kit_is_unknown(db: Database) -> None:
    answer = verify(db)
    assert (answer.code, answer.json["error"]["id"]) == (4, "not-installed")


def test_the_log_is_verified_after_uninstall(log: Database) -> None:
    assert run("--dsn", log.dsn, "uninstall", "--yes").code == 0
    answer = verify(log, "--tenant", "acme")
    assert answer.code == 0
    assert answer.json["tenants"][0]["levels"]["replay"] == "not_run"


def test_events_of_a_transaction_that_is_open_are_neither_seen_nor_missed(log: Database) -> None:
    with connect(log) as other, other.transaction(force_rollback=True):
        other.execute("INSERT INTO public.doc VALUES (77, 'acme', 'x', 1)")
        log.execute("INSERT INTO public.doc VALUES (78, 'acme', 'x', 1)")
        log.execute("SELECT audit.seal()")
        assert verify(log).code == 0
    assert verify(log).code == 0


def test_late_commits_are_in_order(log: Database) -> None:
    """A transaction that began first and commits last: its events have lower ids than sealed ones."""
    with connect(log) as late:
        with late.transaction():
            late.execute("INSERT INTO public.doc VALUES (77, 'acme', 'x', 1)")
            write_and_seal(log, "acme", "globex")
            with late.transaction():
                late.execute("UPDATE public.doc SET price = 3 WHERE id = 77")
        log.execute("SELECT audit.seal()")
    answer = verify(log)
    assert (answer.code, answer.json["findings"]) == (0, [])


def test_verify_beside_writers_and_a_sealer_finds_nothing(log: Database) -> None:
    stop = threading.Event()

    def write(number: int) -> None:
        with connect(log) as conn:
            step = 0
            while not stop.is_set():
                step += 1
                with conn.transaction(force_rollback=step % 5 == 0):
                    conn.execute(
                        "INSERT INTO public.doc VALUES (%s, %s, 'x', 1)",
                        (number * 1_000_000 + step, f"t{step % 3}"),
                    )
                    if step % 3 == 0:
                        with conn.transaction(force_rollback=True):
                            conn.execute("UPDATE public.doc SET price = 2 WHERE id = %s", (number,))

    def seal() -> None:
        with connect(log) as conn:
            while not stop.is_set():
                conn.execute("SELECT audit.seal()")

    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2)]
    threads.append(threading.Thread(target=seal))
    for thread in threads:
        thread.start()
    try:
        answers = [verify(log) for _ in range(5)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert [(answer.code, answer.json["findings"]) for answer in answers] == [(0, [])] * 5


def test_a_block_is_split_where_there_are_many_events_and_chunks_where_ids_are_far_apart(
    log: Database,
) -> None:
    log.execute("INSERT INTO public.doc SELECT i, 'acme', 'x', 1 FROM generate_series(100, 66000) AS i")
    log.execute("SELECT setval('audit.event_id_seq', 3000000)")
    log.execute("INSERT INTO public.doc VALUES (99, 'acme', 'x', 1)")
    log.execute("SELECT audit.seal()")
    answer = verify(log)
    assert (answer.code, answer.json["findings"]) == (0, [])
    (acme,) = [one for one in answer.json["tenants"] if one["tenant_id"] == "acme"]
    assert acme["checked"] == acme["sealed"] == 65_906


def test_another_copy_of_the_database_is_judged_with_a_note(server: PgServer) -> None:
    with server.database(server.template("sealed", build_sealed)) as copy:
        copy.execute("INSERT INTO public.doc VALUES (77, 'acme', 'x', 1)")
        answer = verify(copy)
        assert (answer.code, answer.json["findings"]) == (0, [])
        assert "Another copy" in answer.json["notes"][0]["message"]
        copy.execute("SELECT audit.seal()")
        copy.execute("SELECT audit.seal()")
        answer = verify(copy)
        assert (answer.code, answer.json["findings"]) == (0, [])
        assert not any("Another copy" in note["message"] for note in answer.json["notes"])
        disable_guards(copy)
        copy.execute("SELECT audit.seal()")
        copy.execute("DELETE FROM audit.change_events WHERE tenant_id = 'globex'")
        assert verdicts(verify(copy))["globex"] == ("failed", "ok")


def test_an_event_inserted_into_a_copy_is_found_there(server: PgServer) -> None:
    with server.database(server.template("sealed", build_sealed)) as copy:
        for number in range(4):
            copy.execute("INSERT INTO public.doc VALUES (%s, 'globex', 'x', 1)", (800 + number,))
            copy.execute("SELECT audit.seal()")
        disable_guards(copy)
        unused = (
            "SELECT min(i) FROM generate_series(1, 60) AS i"
            " WHERE i NOT IN (SELECT event_id FROM audit.change_events)"
        )
        row = copy.execute(
            f"INSERT INTO audit.change_events SELECT ({unused}), e.occurred_at, e.transaction_id,"
            " e.table_id, e.table_version, e.row_xmin, e.operation, e.tenant_id, e.record_key"
            " FROM audit.change_events AS e WHERE e.tenant_id = 'acme' ORDER BY e.event_id LIMIT 1"
            " RETURNING event_id"
        ).fetchone()
        assert row is not None
        assert found(verify(copy)) == {("event-unsealed", "acme", row[0], None)}


def test_a_personal_value_that_a_sealed_record_names_is_erased(log: Database) -> None:
    event = log.execute("SELECT min(event_id) FROM audit.personal_values WHERE tenant_id = 'acme'").fetchone()
    assert event is not None
    disable_guards(log)
    log.execute("DELETE FROM audit.personal_values WHERE event_id = %s", event)
    log.execute("DELETE FROM audit.personal_keys WHERE event_id = %s", event)
    assert verify(log, "--tenant", "acme").code == 1
    log.execute(
        "SELECT audit.record_control('erasure',"
        " jsonb_build_object('event_ids', jsonb_build_array(%s::bigint)), NULL, 'acme')",
        event,
    )
    assert verify(log, "--tenant", "acme").code == 1, "the record is not sealed yet"
    log.execute("SELECT audit.seal()")
    answer = verify(log, "--tenant", "acme")
    assert (answer.code, answer.json["tenants"][0]["erased"]) == (0, 1)


@pytest.mark.parametrize(
    ("damage", "kind"),
    [
        ("DROP TABLE audit.blocks CASCADE", "table-missing"),
        ("DROP TABLE audit.change_events CASCADE", "table-missing"),
        ("DROP TABLE audit.chain_heads CASCADE", "table-missing"),
        ("DROP TABLE audit.seal_state", "table-missing"),
        ("DROP TABLE audit.table_versions CASCADE", "table-missing"),
        ("DROP TABLE audit.personal_values CASCADE", "table-missing"),
        ("ALTER TABLE audit.seal_state ALTER log_size TYPE text", "table-altered"),
        ("DROP VIEW audit.events, audit.chain, audit.sealed_events CASCADE;"
         " ALTER TABLE audit.blocks ALTER header TYPE varchar", "table-altered"),
        ("DROP VIEW audit.events, audit.chain, audit.sealed_events CASCADE;"
         " ALTER TABLE audit.blocks ALTER block_number TYPE numeric", "table-altered"),
        ("DROP VIEW audit.events; ALTER TABLE audit.change_events DROP actor_id CASCADE", "table-altered"),
        ("CREATE INDEX i ON audit.change_events (lower(actor_id))", "table-altered"),
        ("ALTER TABLE audit.seal_state RENAME TO s; CREATE VIEW audit.seal_state AS SELECT * FROM audit.s",
         "table-altered"),
        ("ALTER TABLE audit.seal_state DROP CONSTRAINT seal_state_only_row_pk;"
         "INSERT INTO audit.seal_state SELECT * FROM audit.seal_state", "seal-state"),
        ("DELETE FROM audit.seal_state", "seal-state"),
        ("ALTER TABLE audit.chain_heads DROP CONSTRAINT chain_heads_tenant_id_pk;"
         "INSERT INTO audit.chain_heads SELECT * FROM audit.chain_heads WHERE tenant_id = 'acme'",
         "head-mismatch"),
        ("ALTER TABLE audit.chain_heads ALTER block_hash DROP NOT NULL;"
         "UPDATE audit.chain_heads SET block_hash = NULL", "head-mismatch"),
        ("UPDATE audit.blocks SET header = 'garbage' WHERE tenant_id = 'acme'", "header-malformed"),
        ("UPDATE audit.blocks SET header = repeat('[', 100000) WHERE tenant_id = 'acme'", "header-malformed"),
        ("UPDATE audit.blocks SET header = repeat('x', 100000000) WHERE tenant_id = 'acme'",
         "header-malformed"),
        ("UPDATE audit.blocks SET header = '{\"v\":1e999}'", "header-malformed"),
        ("ALTER TABLE audit.blocks DROP CONSTRAINT blocks_log_index_sealed_at_pk;"
         "ALTER TABLE audit.blocks ALTER header DROP NOT NULL, ALTER tenant_id DROP NOT NULL,"
         " ALTER log_index DROP NOT NULL; UPDATE audit.blocks SET header = NULL, tenant_id = NULL,"
         " log_index = NULL WHERE tenant_id = 'acme'", "block-missing"),
        ("ALTER TABLE audit.blocks ALTER event_ids DROP NOT NULL, ALTER event_hashes DROP NOT NULL;"
         "UPDATE audit.blocks SET event_ids = NULL, event_hashes = NULL WHERE tenant_id = 'acme'",
         "event-count"),
        ("UPDATE audit.blocks SET event_ids = '{NULL,NULL,3,4}' WHERE tenant_id = 'acme'", "event-order"),
        ("UPDATE audit.blocks SET event_ids = '{{1,2},{3,4}}' WHERE tenant_id = 'acme'", "event-count"),
        ("UPDATE audit.blocks SET event_ids = '{-9223372036854775808,0,1,9223372036854775807}'"
         " WHERE tenant_id = 'acme'", "event-order"),
        ("UPDATE audit.blocks SET sealed_at = 'infinity' WHERE tenant_id = 'acme'", "header-column"),
        ("UPDATE audit.blocks SET log_index = -5 WHERE tenant_id = 'acme'", "log-order"),
        ("UPDATE audit.blocks SET log_index = 9223372036854775807 WHERE tenant_id = 'acme'", "log-gap"),
        ("ALTER TABLE audit.change_events_default DROP CONSTRAINT change_events_default_occurred_at_ck;"
         "UPDATE audit.change_events SET occurred_at = 'infinity' WHERE tenant_id = 'acme'", "event-changed"),
        ("UPDATE audit.change_events SET event_id = -event_id WHERE tenant_id = 'acme'", "event-missing"),
        ("UPDATE audit.change_events SET transaction_id = -9223372036854775808 WHERE tenant_id = 'acme'",
         "event-changed"),
        ("UPDATE audit.table_versions SET columns = '7'", None),
        ("DROP SEQUENCE audit.event_id_seq CASCADE", "table-missing"),
    ],
)  # fmt: skip
def test_damage_is_a_finding_and_never_ok(unguarded: Database, damage: str, kind: str | None) -> None:
    log = unguarded
    log.execute(damage)
    for args in (("--all",), ("--tenant", "acme")):
        answer = verify(log, *args)
        kinds = {finding["kind"] for finding in answer.json["findings"]}
        assert kind is None or (answer.code, kind in kinds) == (1, True), kinds
        text = run("--dsn", log.dsn, "verify", *args)
        assert text.code == answer.code


def test_what_the_server_cannot_carry_out_is_inconclusive(
    log: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Session._text
    monkeypatch.setattr(
        Session,
        "_text",
        lambda self, name, *parts: "SELECT 1 / 0" if name == "events" else original(self, name, *parts),
    )
    answer = verify(log)
    assert (answer.code, answer.json["verdict"]) == (4, "unknown")
    assert verdicts(answer)["acme"] == ("unknown", "ok")
    assert "could not be finished" in answer.json["notes"][0]["message"]


def test_a_role_that_may_not_read_the_log_is_refused(log: Database) -> None:
    role = log.role()
    answer = run("--dsn", make_conninfo(log.dsn, user=role), "verify", "--all")
    assert answer.code == 3
    assert "insufficient-privilege" in answer.err


def test_a_member_of_the_owner_role_can_verify(log: Database) -> None:
    role = log.role()
    log.execute(f"GRANT pgaudit_kit_owner TO {role}")
    dsn = make_conninfo(log.dsn, user=role)
    answer = run("--dsn", dsn, "verify", "--all", "--json")
    (acme,) = [one for one in answer.json["tenants"] if one["tenant_id"] == "acme"]
    assert (answer.code, acme["levels"]["events"], acme["levels"]["replay"]) == (4, "ok", "unknown")
    assert any("may not read" in note["message"] for note in answer.json["notes"])
    log.execute(f"GRANT SELECT ON public.doc, public.person TO {role}")
    assert run("--dsn", dsn, "verify", "--all").code == 0


def test_row_security_that_hides_rows_is_no_verdict(log: Database) -> None:
    role = log.role()
    log.execute(f"GRANT pgaudit_kit_owner TO {role}")
    log.execute(
        "CREATE POLICY hide ON audit.blocks AS RESTRICTIVE FOR SELECT TO PUBLIC USING (log_index < 2)"
    )
    answer = run("--dsn", make_conninfo(log.dsn, user=role), "verify", "--all")
    assert answer.code == 3
    assert "Row security" in answer.err


def test_hostile_settings_of_the_role_change_nothing(log: Database) -> None:
    log.execute(
        f"ALTER ROLE CURRENT_USER IN DATABASE {log.name} SET DateStyle = 'SQL, DMY';"
        f"ALTER ROLE CURRENT_USER IN DATABASE {log.name} SET TimeZone = 'Asia/Kathmandu';"
        f"ALTER ROLE CURRENT_USER IN DATABASE {log.name} SET extra_float_digits = -10;"
        f"ALTER ROLE CURRENT_USER IN DATABASE {log.name} SET bytea_output = 'escape';"
        f"ALTER ROLE CURRENT_USER IN DATABASE {log.name} SET search_path = 'audit';"
        f"ALTER ROLE CURRENT_USER IN DATABASE {log.name} SET default_transaction_isolation = 'serializable'"
    )
    assert verify(log).code == 0


def test_verify_changes_nothing(log: Database) -> None:
    count = "SELECT pg_current_xact_id_if_assigned(), (SELECT count(*) FROM audit.change_events)"
    before = log.execute(count).fetchone()
    verify(log)
    assert log.execute(count).fetchone() == before

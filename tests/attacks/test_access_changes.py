"""Changes of the audit itself are in the log: who got access, which guard was touched, by whose command."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit import Answer, Kit, run
from tests.sealing import audited_table, one, seal_all, write
from tests.servers import Database, connect

Event = dict[str, Any]

DEFAULTS = "ALTER DEFAULT PRIVILEGES FOR ROLE pgaudit_kit_owner IN SCHEMA audit GRANT SELECT ON TABLES TO {x}"
VIEW = "CREATE OR REPLACE VIEW audit.readable_tenants AS SELECT tenant_id FROM audit.tenant_readers"
FUNCTION = "CREATE OR REPLACE FUNCTION audit.{} RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"


@pytest.fixture
def log(kit_db: Database) -> Database:
    """A sealed log of one table, and no event triggers, as on a managed server."""
    audited_table(kit_db, kit_db.dsn)
    for (name,) in kit_db.execute("SELECT quote_ident(evtname) FROM pg_event_trigger").fetchall():
        kit_db.execute(f"DROP EVENT TRIGGER {name}")
    kit_db.execute("SELECT audit.record_control('kit-changed', '{}')")
    write(kit_db, 1)
    seal_all(kit_db)
    return kit_db


@pytest.fixture
def watched(kit_db: Database) -> Database:
    """A sealed log of one table, with event triggers."""
    audited_table(kit_db, kit_db.dsn)
    write(kit_db, 1)
    seal_all(kit_db)
    return kit_db


def said(log: Database, kind: str) -> list[Event]:
    """The control events of a kind; db_user is the server's word."""
    rows = log.execute(
        "SELECT new_values || jsonb_build_object('user', context ->> 'db_user') FROM audit.change_events"
        " WHERE operation = 'C' AND new_values ->> 'kind' = %s ORDER BY event_id",
        [kind],
    )
    return [event for (event,) in rows]


def verify(log: Database) -> Answer:
    return run("--dsn", log.dsn, "verify", "--all", "--json")


def found(log: Database) -> list[str]:
    answer = verify(log)
    return [one["kind"] for one in answer.json["findings"] if one["kind"] == "config-changed"]


def reseal(log: Database) -> None:
    """Two seals at least: what the first records the second seals."""
    write(log, one(log, "SELECT max(id) + 1 FROM public.doc"))
    seal_all(log)


ACCESS: dict[str, tuple[str, list[Any]]] = {
    "table": ("GRANT SELECT ON audit.change_events TO {x}",
              ["grant", "table", "change_events", "{x}", "SELECT", False]),
    "partition": ("GRANT SELECT ON audit.change_events_default TO {x}",
                  ["grant", "table", "change_events_default", "{x}", "SELECT", False]),
    "column": ("GRANT UPDATE (role) ON audit.tenant_readers TO {x}",
               ["grant", "column", "tenant_readers.role", "{x}", "UPDATE", False]),
    "view": ("GRANT SELECT ON audit.events TO {x} WITH GRANT OPTION",
             ["grant", "view", "events", "{x}", "SELECT", True]),
    "sequence": ("GRANT USAGE ON SEQUENCE audit.event_id_seq TO PUBLIC",
                 ["grant", "sequence", "event_id_seq", "PUBLIC", "USAGE", False]),
    "schema": ("GRANT CREATE ON SCHEMA audit TO {x}", ["grant", "schema", "audit", "{x}", "CREATE", False]),
    "owner": ("ALTER VIEW audit.events OWNER TO {x}", ["owner", "view", "events", "{x}"]),
    "defaults": (DEFAULTS, ["default", "pgaudit_kit_owner", "audit", "r", "{x}", "SELECT", False]),
    "BYPASSRLS": ("ALTER ROLE {x} BYPASSRLS", ["role", "{x}", "BYPASSRLS"]),
    "superuser": ("ALTER ROLE {x} SUPERUSER", ["role", "{x}", "SUPERUSER"]),
}  # fmt: skip


@pytest.mark.parametrize("what", ACCESS)
def test_the_next_seal_says_who_got_access_and_verify_needs_no_more(log: Database, what: str) -> None:
    role = log.role("x")
    statement, line = ACCESS[what]
    log.execute(statement.format(x=role))
    before = verify(log)
    assert before.code == 0 and "the next seal puts the difference on record" in before.out
    reseal(log)
    (event,) = said(log, "access-changed")
    assert [part.format(x=role) if isinstance(part, str) else part for part in line] in event["added"]
    assert event["more"] == 0 and said(log, "guards-changed") == []
    after = verify(log)
    assert after.code == 0 and "the next seal" not in after.out


def test_members_of_the_kits_roles_are_followed_down_and_up(log: Database) -> None:
    group, person = log.role("g"), log.role("p")
    for statement in (
        f"GRANT pgaudit_kit_auditor TO {group}",
        f"GRANT {group} TO {person}",
        "GRANT pg_read_all_data TO pgaudit_kit_reader",
        f"REVOKE {group} FROM {person}",
        "REVOKE pg_read_all_data FROM pgaudit_kit_reader",
    ):
        log.execute(statement)
        reseal(log)
    assert found(log) == []
    edges = [
        [(what, *line[1:3]) for what in ("added", "removed") for line in event[what]]
        for event in said(log, "access-changed")
    ]
    assert edges == [
        [("added", "pgaudit_kit_auditor", group)],
        [("added", group, person)],
        [("added", "pg_read_all_data", "pgaudit_kit_reader")],
        [("removed", group, person)],
        [("removed", "pg_read_all_data", "pgaudit_kit_reader")],
    ]


def test_what_changes_nothing_of_access_is_no_event(log: Database) -> None:
    role = log.role("x")
    log.execute(
        f"GRANT SELECT ON public.doc TO {role}; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}"
    )
    log.execute("CREATE POLICY p ON public.doc USING (true)")
    log.execute("SELECT audit.maintain_partitions(now() + interval '30 days')")
    reseal(log)
    assert said(log, "access-changed") == [] == said(log, "guards-changed")
    assert found(log) == []


GUARDS = {
    "policy made": "CREATE POLICY p ON audit.change_events USING (true)",
    "policy altered": "ALTER POLICY change_events_select_view ON audit.change_events TO PUBLIC",
    "policy dropped": "DROP POLICY change_events_select_view ON audit.change_events",
    "policy of a partition": "ALTER POLICY blocks_select_view ON audit.blocks_default USING (true)",
    "no force": "ALTER TABLE audit.blocks NO FORCE ROW LEVEL SECURITY",
    "view": VIEW,
    "rule": "CREATE RULE r AS ON INSERT TO audit.tenant_readers DO INSTEAD NOTHING",
    "trigger": "CREATE TRIGGER t BEFORE UPDATE ON audit.settings FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "trigger of a partition": "CREATE TRIGGER t BEFORE UPDATE ON audit.blocks_default FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger();"
    " ALTER TABLE audit.blocks_default ENABLE ALWAYS TRIGGER t",
    "function dropped": "DROP FUNCTION audit.receipt(bigint)",
    "function altered": "ALTER FUNCTION audit.seal() COST 77",
    "grant on a function": "GRANT EXECUTE ON FUNCTION audit.event_line(audit.change_events) TO PUBLIC",
}


@pytest.mark.parametrize("what", GUARDS)
def test_a_guard_that_was_touched_is_said_by_the_next_seal_and_stays_a_finding(
    log: Database, what: str
) -> None:
    log.execute(GUARDS[what])
    assert found(log) == ["config-changed"]
    reseal(log)
    (event,) = said(log, "guards-changed")
    assert event["added"] or event["removed"]
    assert found(log) == ["config-changed"], "that a seal noticed explains nothing"


def test_a_policy_that_was_altered_and_put_back_is_found(log: Database) -> None:
    log.execute("ALTER POLICY settings_all_owner ON audit.settings TO PUBLIC")
    log.execute("ALTER POLICY settings_all_owner ON audit.settings TO pgaudit_kit_owner")
    reseal(log)
    assert found(log) == ["config-changed"] and len(said(log, "guards-changed")) == 1


def test_a_grant_explains_no_function_that_was_swapped_with_it(log: Database) -> None:
    log.execute(f"ALTER FUNCTION audit.seal() COST 77; GRANT SELECT ON audit.blocks TO {log.role('x')}")
    reseal(log)
    assert len(said(log, "access-changed")) == 1
    assert found(log) == ["config-changed"]


def test_who_makes_the_seal_look_away_is_found(log: Database) -> None:
    log.execute(f"GRANT SELECT ON audit.blocks TO {log.role('x')}")
    log.execute(
        "UPDATE audit.config_seen AS s SET access = n.access, access_lines = n.access_lines"
        " FROM audit.config_state() AS n"
    )
    reseal(log)
    assert said(log, "access-changed") == []
    assert found(log) == ["config-changed"]


def test_who_takes_the_event_of_a_grant_away_is_found(log: Database) -> None:
    log.execute(f"GRANT SELECT ON audit.blocks TO {log.role('x')}")
    write(log, 2)
    log.execute("SELECT audit.seal()")
    with log.transaction():  # as maintenance does, which leaves no trace among the guards
        log.execute("INSERT INTO audit.maintenance_permits VALUES (txid_current())")
        log.execute("DELETE FROM audit.change_events WHERE new_values ->> 'kind' = 'access-changed'")
        log.execute("DELETE FROM audit.maintenance_permits")
    assert said(log, "access-changed") == []
    reseal(log)
    assert found(log) == ["config-changed"]


def test_a_tenants_grant_says_who_let_whom_in(watched: Database) -> None:
    role = watched.role("x")
    kit = Kit(watched.dsn)
    kit("tenant", "grant", role, "a")
    assert found(watched) == []
    reseal(watched)
    kit("tenant", "revoke", role, "a")
    reseal(watched)
    granted, revoked = said(watched, "tenant-granted") + said(watched, "tenant-revoked")
    assert (granted["reader"], granted["tenant"], granted["user"]) == (role, "a", "postgres")
    assert (revoked["reader"], revoked["tenant"], revoked["user"]) == (role, "a", "postgres")
    assert [e["added"][0][1:3] for e in said(watched, "access-changed") if e["added"]] == [
        ["pgaudit_kit_reader", role]
    ]
    assert found(watched) == []


GRANTS = {
    "GRANT SELECT ON audit.blocks TO {x}": "audit.blocks",
    "GRANT SELECT (tenant_id) ON audit.change_events_default TO {x}": "audit.change_events_default",
    "REVOKE USAGE ON SCHEMA audit FROM PUBLIC": "schema audit",
    "GRANT EXECUTE ON FUNCTION audit.seal() TO {x}": "audit.seal()",
    DEFAULTS: "default privileges",
}
COMMANDS = {
    "CREATE POLICY p ON audit.blocks USING (true)": "policy p on audit.blocks",
    "ALTER POLICY blocks_select_view ON audit.blocks_default USING (true)":
        "policy blocks_select_view on audit.blocks_default",
    "DROP POLICY blocks_select_view ON audit.blocks": "policy blocks_select_view on audit.blocks",
    "DROP POLICY blocks_all_owner ON audit.blocks_default": "policy blocks_all_owner on audit.blocks_default",
    "ALTER TABLE audit.blocks NO FORCE ROW LEVEL SECURITY": "table audit.blocks",
    "ALTER TABLE audit.blocks_default DISABLE ROW LEVEL SECURITY": "table audit.blocks_default",
    "ALTER TABLE audit.blocks DISABLE TRIGGER append_only_row": "table audit.blocks",
    FUNCTION.format("tg_append_only()"): "function audit.tg_append_only()",
    FUNCTION.format("tg_capture_1()"): "function audit.tg_capture_1()",
    "DROP FUNCTION audit.receipt(bigint)": "function audit.receipt(bigint)",
    "DROP TRIGGER append_only_row ON audit.blocks": "trigger append_only_row on audit.blocks",
    "CREATE RULE r AS ON INSERT TO audit.settings DO INSTEAD NOTHING": "rule r on audit.settings",
    VIEW: "view audit.readable_tenants",
}  # fmt: skip


def test_event_triggers_say_who_and_by_which_command(watched: Database) -> None:
    role, superuser = watched.role("x"), watched.role("su", "LOGIN SUPERUSER")
    reseal(watched)  # the two roles
    with connect(watched, superuser) as conn:
        for statement, touched in (GRANTS | COMMANDS).items():
            kind = "access-changed" if statement in GRANTS else "guards-changed"
            query = statement.format(x=role)
            with conn.transaction(force_rollback=True):
                conn.execute(query)
                events = [
                    (event["kind"], event["query"], event["objects"], user)
                    for event, user in conn.execute(
                        "SELECT new_values, context ->> 'db_user' FROM audit.change_events"
                        " WHERE operation = 'C' AND transaction_id = txid_current() ORDER BY event_id"
                    )
                ]
            assert (kind, query, [touched], superuser) in events, (query, events)
            assert len(events) == 1, events


def test_what_event_triggers_said_of_a_guard_is_no_explanation_of_it(watched: Database) -> None:
    watched.execute("ALTER FUNCTION audit.seal() COST 77")
    (event,) = said(watched, "guards-changed")
    assert event["command"] == "ALTER FUNCTION"
    reseal(watched)
    assert found(watched) == ["config-changed"]


def test_the_kits_own_doings_are_said_once(watched: Database) -> None:
    kit = Kit(watched.dsn)
    watched.execute("CREATE TABLE public.part (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    kit("enable", "public.part")
    watched.execute("CREATE TABLE public.part_1 PARTITION OF public.part DEFAULT")
    watched.execute("ALTER TABLE public.doc ADD COLUMN more text; GRANT SELECT ON public.doc TO PUBLIC")
    watched.execute("SELECT audit.maintain_partitions(now() + interval '30 days')")
    kit("apply", "--yes")
    kit("disable", "public.part", "--yes")
    assert said(watched, "guards-changed") == [] == said(watched, "access-changed")
    assert found(watched) == []


def test_a_hostile_name_is_a_name(log: Database) -> None:
    name = 'x"],["role","y'
    log.execute('CREATE ROLE "x""],[""role"",""y" BYPASSRLS')
    log.roles.append(name)
    reseal(log)
    (event,) = said(log, "access-changed")
    assert [line[0] for line in event["added"]] == ["role"] and "y" in event["added"][0][1]
    assert found(log) == []

"""What was switched off or swapped, and put back: the seals' digests tell, unless an event does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit import Kit, run
from tests.sealing import audited_table, one, seal_all, write
from tests.servers import Database


@pytest.fixture
def log(kit_db: Database) -> Database:
    """A sealed log of one table."""
    audited_table(kit_db, kit_db.dsn)
    write(kit_db, 1)
    seal_all(kit_db)
    return kit_db


def found(log: Database) -> list[dict[str, str]]:
    """Findings about the configuration."""
    answer = run("--dsn", log.dsn, "verify", "--all", "--json")
    findings: list[dict[str, str]] = answer.json["findings"]
    assert answer.code == (1 if findings else 0), answer.out
    return [one for one in findings if one["kind"] == "config-changed"]


def without_watch(log: Database) -> None:
    """A superuser, whom no event trigger sees."""
    for (name,) in log.execute("SELECT quote_ident(evtname) FROM pg_event_trigger").fetchall():
        log.execute(f"DROP EVENT TRIGGER {name}")


def swap(log: Database) -> None:
    """Replaces a function of the kit, and puts the original back."""
    definition = one(log, "SELECT pg_get_functiondef('audit.tg_append_only'::regproc)")
    log.execute(
        "CREATE OR REPLACE FUNCTION audit.tg_append_only() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RETURN NULL; END'"
    )
    log.execute(definition)


def test_a_function_that_was_swapped_and_put_back_is_found(log: Database) -> None:
    assert found(log) == []
    swap(log)
    (since,) = found(log)
    assert "since the seal of" in since["message"] and since["level"] == "completeness"
    for number in (2, 3):
        write(log, number)
        seal_all(log)
    (between,) = found(log)
    assert "between the seals of" in between["message"] and between["block_number"]


def test_a_trigger_switched_off_and_on_is_found_where_no_event_trigger_saw_it(log: Database) -> None:
    without_watch(log)
    write(log, 9)
    seal_all(log)
    before = len(found(log))
    trigger = '"00_pgaudit_kit_audit_row"'
    log.execute(f"ALTER TABLE public.doc DISABLE TRIGGER {trigger}")
    log.execute(f"ALTER TABLE public.doc ENABLE ALWAYS TRIGGER {trigger}")
    write(log, 2)
    seal_all(log)
    assert len(found(log)) == before + 1


def test_a_trigger_on_the_log_that_came_and_went_between_two_seals_is_told(log: Database) -> None:
    """No digest has seen it; the event triggers have."""
    log.execute(
        "CREATE TRIGGER eat BEFORE UPDATE ON audit.settings FOR EACH ROW"
        " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
    )
    log.execute("DROP TRIGGER eat ON audit.settings")
    write(log, 2)
    seal_all(log)
    answer = run("--dsn", log.dsn, "verify", "--all", "--json")
    told = [one["message"] for one in answer.json["notes"] if "guards of the kit" in one["message"]]
    assert (answer.code, len(told)) == (0, 2)
    assert "by DROP TRIGGER, as postgres: trigger eat on audit.settings." in told[0]


def test_what_an_event_tells_of_is_no_finding(log: Database) -> None:
    log.execute('ALTER TABLE public.doc DISABLE TRIGGER "00_pgaudit_kit_audit_row"')
    log.execute('ALTER TABLE public.doc ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row"')
    assert found(log) == [], "the DDL watch has recorded it"
    seal_all(log)
    write(log, 2)
    seal_all(log)
    assert found(log) == []


def test_the_kits_own_commands_are_no_finding(
    log: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kit = Kit(log.dsn)
    log.execute("CREATE TABLE public.other (id int PRIMARY KEY); ALTER FUNCTION audit.seal() COST 77")
    for number, command in enumerate(
        (
            ["apply", "--yes"],
            ["enable", "public.other"],
            ["enable", "public.other", "--personal", "id"],
            ["disable", "public.other", "--yes"],
            ["install", "--yes"],
        )
    ):
        kit(*command)
        assert found(log) == [], command
        write(log, 10 + number)
        seal_all(log)
        assert found(log) == [], command
    kinds = log.execute(
        "SELECT new_values ->> 'kind', new_values -> 'changes' FROM audit.change_events WHERE operation = 'C'"
        " ORDER BY event_id"
    ).fetchall()
    assert any(kind == "kit-changed" and "seal" in changes[0] for kind, changes in kinds if changes)

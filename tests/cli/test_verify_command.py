"""`pgaudit-kit verify`: help, exit codes, JSON against its schema, and what people read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
import psycopg
import pytest

from tests.conftest import install_kit
from tests.kit import Answer, run
from tests.servers import Database, PgServer
from tests.verifying import audit_documents, disable_guards, write_and_seal

Verdict = Literal["ok", "failed", "unknown"]
LevelVerdict = Literal["ok", "failed", "unknown", "not_run"]


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """No field more and none less."""


class Levels(Strict):
    events: LevelVerdict
    chain: LevelVerdict
    checkpoint: LevelVerdict
    completeness: LevelVerdict
    replay: LevelVerdict


class Tenant(Strict):
    tenant_id: str
    levels: Levels
    verdict: Verdict
    checked: int
    sealed: int
    unsealed: int
    oldest_unsealed_s: float | None
    erased: int
    archived: int
    not_covered: int | None
    first_broken_block: int | None


class Finding(Strict):
    kind: str
    level: Literal["events", "chain", "checkpoint", "completeness", "replay"]
    tenant_id: str | None
    table: str | None
    record_key: str | None
    event_id: int | None
    block_number: int | None
    message: str


class Note(Strict):
    message: str
    tenant_id: str | None


class Proof(Strict):
    integrity: str
    time: str
    log_size: int
    signed_size: int
    anchored_size: int
    witnessed_size: int


class Report(Strict):
    version: Literal[1]
    verdict: Verdict
    exit_code: Literal[0, 1, 4]
    tenants: list[Tenant]
    findings: list[Finding]
    findings_omitted: int
    notes: list[Note]
    proof: Proof
    since: int


@pytest.fixture
def log(server: PgServer) -> Iterator[Database]:
    """A sealed log, its guards off, in a copy in which the kit has sealed since."""
    with server.database(server.template("verified", build)) as database:
        for _ in range(2):
            database.execute("SELECT audit.seal()")
        yield database


def build(dsn: str) -> None:
    install_kit(dsn)
    with psycopg.connect(dsn, autocommit=True) as conn:
        audit_documents(conn, dsn)
        write_and_seal(conn, "acme", "[red]\x1b[31m")
        disable_guards(conn)
        conn.execute("SELECT audit.seal()")


def verify(db: Database, *args: str) -> Answer:
    return run("--dsn", db.dsn, "verify", *args)


def test_help_says_the_exit_codes_and_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    answer = run("verify", "--help")
    assert answer.code == 0
    for text in ("Example:", "--tenant", "--all", "--json", "0 intact", "1 tampered with"):
        assert text in answer.out


@pytest.mark.parametrize("args", [(), ("--all", "--tenant", "acme"), ("--since", "3"), ("--all", "acme")])
def test_wrong_usage_is_2_without_a_server(args: tuple[str, ...]) -> None:
    answer = run("--dsn", "host=/nowhere", "verify", *args)
    assert (answer.code, answer.out) == (2, "")
    assert "hint:" in answer.err


def test_no_server_is_3() -> None:
    answer = run("--dsn", "host=/nowhere dbname=x", "verify", "--all")
    assert (answer.code, answer.out) == (3, "")


@pytest.mark.any_server
def test_json_of_a_sound_log(log: Database) -> None:
    answer = verify(log, "--all", "--json")
    report = msgspec.json.decode(answer.out, type=Report)
    assert (answer.code, report.verdict, report.exit_code, report.findings) == (0, "ok", 0, [])
    assert [tenant.tenant_id for tenant in report.tenants] == ["[red]\x1b[31m", "_system", "acme"]
    for tenant in report.tenants:
        assert (tenant.levels.events, tenant.levels.chain, tenant.levels.replay) == ("ok", "ok", "ok")


@pytest.mark.any_server
def test_json_of_a_log_that_was_tampered_with(log: Database) -> None:
    log.execute("UPDATE audit.change_events SET actor_id = 'x' WHERE tenant_id = 'acme' AND operation = 'I'")
    log.execute("UPDATE audit.blocks SET prev_hash = sha256('') WHERE tenant_id = 'acme'")
    answer = verify(log, "--all", "--json")
    report = msgspec.json.decode(answer.out, type=Report)
    assert (answer.code, report.verdict, report.exit_code) == (1, "failed", 1)
    assert {finding.kind for finding in report.findings} == {"event-changed", "prev-hash", "header-column"}
    (acme,) = [tenant for tenant in report.tenants if tenant.tenant_id == "acme"]
    assert (acme.verdict, acme.first_broken_block) == ("failed", 1)


@pytest.mark.any_server
def test_json_where_nothing_could_be_established(log: Database) -> None:
    answer = verify(log, "--tenant", "nobody", "--json")
    report = msgspec.json.decode(answer.out, type=Report)
    assert (answer.code, report.verdict, report.exit_code) == (4, "unknown", 4)
    assert [note.tenant_id for note in report.notes if note.tenant_id] == ["nobody"]


@pytest.mark.any_server
def test_a_finding_wins_over_an_unknown_tenant(log: Database) -> None:
    log.execute("DELETE FROM audit.change_events WHERE tenant_id = 'acme'")
    assert verify(log, "--tenant", "nobody", "--tenant", "acme").code == 1


@pytest.mark.any_server
def test_text_says_what_was_not_established(log: Database) -> None:
    answer = verify(log, "--all")
    assert answer.code == 0
    assert "OK: " in answer.out
    assert "no signed checkpoint outside this" in " ".join(answer.out.split())
    assert answer.err.startswith("Target ")
    assert "Blocks" not in answer.err, "a progress bar needs a terminal"


@pytest.mark.any_server
def test_text_names_each_finding_and_the_first_broken_link(log: Database) -> None:
    log.execute("UPDATE audit.change_events SET actor_id = 'x' WHERE tenant_id = 'acme' AND operation = 'I'")
    log.execute("UPDATE audit.blocks SET prev_hash = sha256('') WHERE tenant_id = 'acme'")
    answer = verify(log, "--all")
    assert answer.code == 1
    assert "event-changed  tenant acme, public.doc 1, event " in answer.out
    assert "First broken link of acme: block 1" in answer.out
    assert "FAILED: " in answer.out


@pytest.mark.any_server
def test_text_of_hostile_names_does_not_steer_the_terminal(log: Database) -> None:
    log.execute("UPDATE audit.change_events SET record_key = E'\\x1b[2J' WHERE tenant_id LIKE '[red]%'")
    answer = verify(log, "--all")
    assert "\x1b" not in answer.out
    assert "[red]\\x1b[31m" in answer.out


@pytest.mark.any_server
def test_an_installation_in_another_schema_is_named(log: Database) -> None:
    answer = run("--dsn", log.dsn, "--schema", "elsewhere", "verify", "--all")
    assert (answer.code, answer.out) == (4, "")
    assert "error[not-installed]" in answer.err
    assert "elsewhere" in answer.err

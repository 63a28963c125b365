"""`pgaudit-kit status`: the answer's shape, and that it needs no more than reading."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec
import pytest
from psycopg.conninfo import make_conninfo

from tests.kit import Kit, run
from tests.servers import Database


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Every field is there, and no other."""


class Tenant(_Strict):
    kind: Literal["none", "column", "setting", "value"]
    name: str | None


class TableFacts(_Strict):
    name: str
    exists: bool
    tenant: Tenant
    operations: list[str]
    excluded: list[str]
    personal: list[str]
    not_recorded: list[str]
    version: int
    specialised: bool
    events_today: int | None


class Sealing(_Strict):
    last_seal_at: datetime | None
    last_seal_age_s: float | None
    unsealed: int | None
    unsealed_is_more: bool
    oldest_unsealed_s: float | None
    blocks: int
    sealed_events: int
    tenants: int


class PartitionFacts(_Strict):
    table: str
    partitions: int
    newest_bound: datetime | None
    ahead_s: float | None
    rows_in_default: int | None


class JobFacts(_Strict):
    name: str
    active: bool
    role: str
    last_status: str | None
    last_message: str | None


class Size(_Strict):
    table: str
    bytes: int
    estimated_rows: int


class Drift(_Strict):
    changes: int | None
    error: str | None


class Signing(_Strict):
    origin: str
    size: int
    blocks_since: int
    published_age_s: float | None
    anchors: dict[str, str | None]


class Region(_Strict):
    name: str
    tablespace: str
    tenants: list[str] | None
    tables: list[str] | None
    partitions: int
    bytes: int


class Answer(_Strict):
    version: Literal[1]
    tables: list[TableFacts]
    sealing: Sealing
    partitions: list[PartitionFacts]
    partition_manager: str | None
    jobs: list[JobFacts]
    sizes: list[Size]
    regions: list[Region]
    drift: Drift
    signing: Signing | None


@pytest.fixture
def kit(kit_db: Database) -> Kit:
    """The kit with one audited table, one sealed event and one that is not."""
    kit = Kit(kit_db.dsn)
    kit_db.execute("CREATE TABLE public.doc (id int PRIMARY KEY, org text, email text, body text)")
    kit("enable", "public.doc", "--tenant-column", "org", "--personal", "email", "--exclude", "body")
    kit_db.execute("INSERT INTO public.doc VALUES (1, 'acme', 'a@example.org', 'x')")
    kit_db.execute("SELECT audit.seal()")
    kit_db.execute("INSERT INTO public.doc VALUES (2, 'acme', 'b@example.org', 'x')")
    return kit


def status(kit: Kit) -> Answer:
    return msgspec.json.decode(kit("status", "--json").out, type=Answer)


def test_what_is_audited(kit: Kit) -> None:
    assert status(kit).tables == [
        TableFacts(
            name="public.doc",
            exists=True,
            tenant=Tenant("column", "org"),
            operations=["insert", "update", "delete", "truncate"],
            excluded=["body"],
            personal=["email"],
            not_recorded=["column body"],
            version=1,
            specialised=True,
            events_today=2,
        )
    ]


def test_how_far_it_is_sealed(kit: Kit) -> None:
    sealing = status(kit).sealing
    assert (sealing.unsealed, sealing.tenants, sealing.unsealed_is_more) == (1, 1, False)
    assert sealing.blocks == 2
    assert sealing.oldest_unsealed_s is not None
    assert 0 <= sealing.oldest_unsealed_s < 60
    assert sealing.last_seal_age_s is not None
    assert sealing.last_seal_at is not None


def test_nothing_sealed_yet(kit_db: Database) -> None:
    sealing = status(Kit(kit_db.dsn)).sealing
    assert (sealing.last_seal_at, sealing.last_seal_age_s, sealing.blocks) == (None, None, 0)
    assert sealing.unsealed == 1  # that it was installed


def test_partitions_and_sizes(kit: Kit) -> None:
    answer = status(kit)
    names = ["blocks", "change_events", "personal_keys", "personal_values"]
    assert [row.table for row in answer.partitions] == names
    assert [row.table for row in answer.sizes] == names
    assert {row.rows_in_default for row in answer.partitions} == {0}
    assert (answer.partition_manager, answer.jobs) == ("native", [])
    assert all(row.bytes > 0 for row in answer.sizes)


def test_drift_is_counted(kit: Kit, kit_db: Database) -> None:
    assert status(kit).drift == Drift(0, None)
    kit_db.execute("ALTER FUNCTION audit.seal() SECURITY INVOKER")
    assert status(kit).drift == Drift(1, None)


def test_a_declaration_that_does_not_fit_is_no_failure(kit: Kit, tmp_path) -> None:
    kit.config = tmp_path / "pgaudit.toml"
    kit.declare("[[tables]]\nname = 'public.absent'\n")
    drift = status(kit).drift
    assert drift.changes is None
    assert "absent" in (drift.error or "")


def test_unsealed_after_a_long_transaction(kit: Kit, kit_db: Database) -> None:
    from tests.servers import connect

    with connect(kit_db, autocommit=False) as slow:
        slow.execute("INSERT INTO public.doc VALUES (3, 'acme', 'c', 'x')")
        kit_db.execute("SELECT audit.seal()")
        assert status(kit).sealing.unsealed == 0
        slow.commit()
    assert status(kit).sealing.unsealed == 1


def test_a_dropped_column_is_left_out(kit: Kit, kit_db: Database) -> None:
    kit_db.execute("ALTER TABLE public.doc DROP COLUMN body")
    table = status(kit).tables[0]
    assert (table.excluded, table.specialised, table.version) == ([], False, 2)


def test_text(kit: Kit) -> None:
    out = kit("status").out
    for part in ("public.doc", "column org", "specialised", "Unsealed   1 event,", "change_events"):
        assert part in out


def test_text_without_tables(kit_db: Database) -> None:
    assert "No table is audited." in Kit(kit_db.dsn)("status").out


def test_a_member_of_the_owner_may_ask(kit: Kit, kit_db: Database) -> None:
    member = kit_db.role()
    kit_db.execute(f"GRANT pgaudit_kit_owner TO {member}")
    answer = status(Kit(make_conninfo(kit.dsn, user=member)))
    assert (answer.drift, answer.tables[0].events_today) == (Drift(0, None), 2)


def test_a_stranger_is_refused(kit: Kit, kit_db: Database) -> None:
    Kit(make_conninfo(kit.dsn, user=kit_db.role()))("status", code=3)


def test_a_read_only_database_answers(kit: Kit, kit_db: Database) -> None:
    kit_db.execute(f'ALTER DATABASE "{kit_db.name}" SET default_transaction_read_only = on')
    assert status(kit).sealing.unsealed == 1


def test_where_the_kit_is_not_installed(db: Database) -> None:
    answer = Kit(db.dsn)("status", "--json", code=4)
    assert answer.json["error"]["id"] == "not-installed"


def test_an_unreachable_server(tmp_path) -> None:
    assert run("--dsn", f"host={tmp_path}", "status").code == 3


def test_help_has_an_example() -> None:
    assert "Example:" in run("status", "--help").out

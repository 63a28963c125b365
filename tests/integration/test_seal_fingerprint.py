"""The fingerprint in a seal record changes with everything that could have weakened capture, and else not."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from pgaudit_kit.chain import parse_header
from tests.kit import run
from tests.sealing import audited_table, blocks, one, seal_all, write
from tests.servers import Database, connect

Connection = psycopg.Connection[Any]


@pytest.fixture
def log(kit_db: Database) -> Database:
    audited_table(kit_db, kit_db.dsn)
    kit_db.execute("CREATE TABLE public.part (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    kit_db.execute("CREATE TABLE public.part_1 PARTITION OF public.part DEFAULT")
    assert run("--dsn", kit_db.dsn, "enable", "public.part").code == 0
    seal_all(kit_db)
    return kit_db


def fingerprint(conn: Connection) -> str:
    return str(one(conn, "SELECT audit.config_fingerprint()"))


def test_the_seal_record_carries_it(log: Database) -> None:
    write(log, 1)
    seal_all(log)
    sealed = parse_header(blocks(log)["_system"][-1].header or "").fingerprint
    assert sealed is not None and sealed.hex() == fingerprint(log)


@pytest.mark.parametrize(
    ("away", "back"),
    [
        (
            'ALTER TABLE public.doc DISABLE TRIGGER "00_pgaudit_kit_audit_row"',
            'ALTER TABLE public.doc ENABLE ALWAYS TRIGGER "00_pgaudit_kit_audit_row"',
        ),
        (
            "CREATE OR REPLACE FUNCTION audit.tg_append_only() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN END'",
            "{definition}",
        ),
        ("ALTER FUNCTION audit.tg_capture_1() OWNER TO postgres", "{owner}"),
        (
            "ALTER EVENT TRIGGER pgaudit_kit_audit_ddl DISABLE",
            "ALTER EVENT TRIGGER pgaudit_kit_audit_ddl ENABLE ALWAYS",
        ),
        (
            "ALTER TABLE audit.change_events DISABLE TRIGGER append_only_row",
            "ALTER TABLE audit.change_events ENABLE ALWAYS TRIGGER append_only_row",
        ),
    ],
    ids=["trigger", "function", "owner", "event trigger", "guard"],
)
def test_what_was_touched_shows_even_when_it_was_put_back(log: Database, away: str, back: str) -> None:
    before = fingerprint(log)
    definition = one(log, "SELECT pg_get_functiondef('audit.tg_append_only'::regproc)")
    owner = "ALTER FUNCTION audit.tg_capture_1() OWNER TO pgaudit_kit_owner"
    log.execute(away)
    assert fingerprint(log) != before
    log.execute(back.replace("{definition}", definition).replace("{owner}", owner))
    assert fingerprint(log) != before


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit.blocks DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE audit.change_events NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE audit.seal_state OWNER TO postgres",
        "ALTER TABLE audit.change_events_default NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE audit.blocks_default DISABLE TRIGGER append_only_truncate",
        "ALTER TABLE public.part_1 DISABLE TRIGGER ALL",
    ],
)
def test_what_is_unguarded_shows(log: Database, statement: str) -> None:
    before = fingerprint(log)
    log.execute(statement)
    assert fingerprint(log) != before


def test_what_changes_nothing_does_not_show(log: Database) -> None:
    before = fingerprint(log)
    for statement in (
        "VACUUM FULL audit.change_events_default",
        "VACUUM FULL public.doc",
        "VACUUM FREEZE pg_catalog.pg_proc",
        "VACUUM FULL pg_catalog.pg_trigger",
        "CLUSTER public.doc USING doc_pkey",
        "GRANT SELECT ON public.doc TO PUBLIC",
        "ANALYZE",
        "SELECT audit.maintain_partitions(now() + interval '20 days')",
        "CREATE TABLE public.part_2 PARTITION OF public.part FOR VALUES FROM (0) TO (9)",
        "CREATE TABLE public.other (id int PRIMARY KEY)",
    ):
        log.execute(statement)
        assert fingerprint(log) == before, statement
    with connect(log) as other:
        for setting in ("TimeZone = 'Asia/Tokyo'", "search_path = audit", "quote_all_identifiers = on"):
            other.execute(f"SET {setting}")
        assert fingerprint(other) == before

"""Running `pgaudit-kit bench`, and looking for what it leaves."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

import jsonschema
import psycopg

from tests.cli.test_commands import SCHEMAS, process
from tests.kit import Answer, run
from tests.servers import Database

FEW = ("--rounds", "2", "--rows", "60")
ORDERS = """
    CREATE TABLE public.orders (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        tenant_id text NOT NULL,
        status text NOT NULL CHECK (status IN ('new', 'paid', 'sent')),
        total numeric(10, 2),
        doubled numeric GENERATED ALWAYS AS (total * 2) STORED,
        note text DEFAULT 'none',
        code text UNIQUE
    );
    INSERT INTO public.orders (tenant_id, status, total, code)
    SELECT 't' || i % 3, (ARRAY['new', 'paid', 'sent'])[1 + i % 3], i * 1.5, 'c' || i
    FROM generate_series(1, 80) AS i
"""


def bench(dsn: str, *args: str, code: int = 0) -> Answer:
    answer = run("--dsn", dsn, "bench", *args)
    assert answer.code == code, answer.err + answer.out
    return answer


def measured(dsn: str, *args: str, code: int = 0) -> dict[str, Any]:
    answer = bench(dsn, *args, *FEW, "--json", code=code).json
    jsonschema.validate(answer, json.loads((SCHEMAS / "bench.json").read_text()))
    return answer


def recorded(answer: dict[str, Any]) -> set[str]:
    """The operations of which events were found."""
    return {cost["operation"] for cost in answer["costs"] if cost["event_bytes"]}


def left(conn: psycopg.Connection[Any]) -> list[str]:
    """Schemas and roles of measurements."""
    rows = conn.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname ~ '^pgaudit_kit_bench'"
        " UNION ALL SELECT rolname FROM pg_roles WHERE rolname = ANY"
        " (SELECT nspname FROM pg_namespace WHERE nspname ~ '^pgaudit_kit_bench')"
    )
    return [name for (name,) in rows]


def roles(db: Database) -> set[str]:
    return {name for (name,) in db.execute("SELECT rolname FROM pg_roles WHERE rolname ~ 'bench'")}


def wait_for(conn: psycopg.Connection[Any], query: str) -> None:
    deadline = time.monotonic() + 60
    while not conn.execute(query).fetchone():
        assert time.monotonic() < deadline, query


UNDER_WAY = (
    "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pgaudit-kit' AND datname = current_database()"
    " AND query ~ '^CALL.*loop_'"
)


def started(db: Database) -> subprocess.Popen[str]:
    child = process("--dsn", db.dsn, "bench", "public.orders", "--rounds", "10000")
    wait_for(db, UNDER_WAY)
    return child

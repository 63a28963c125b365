"""What `install` says about how sealing is kept going."""

from __future__ import annotations

import psycopg
from psycopg import sql

from pgaudit_kit.db import Connection
from pgaudit_kit.render import Templates
from pgaudit_kit.scheduler import read_cron

FRESH = "2 minutes"
"""An idle sealer leaves a record a minute."""


def sealing_hint(conn: Connection, schema: str) -> str | None:
    """How to keep sealing going on this server; None where something seals already."""
    if _is_sealed_lately(conn, schema):
        return None
    cron = read_cron(conn, Templates(schema))
    if cron is not None and any(job.active for job in cron.jobs):
        return (
            "pg_cron seals every second from the next minute on, and keeps partitions ready."
            " `pgaudit-kit doctor` says whether its jobs run."
        )
    return (
        "Nothing seals yet. Keep `pgaudit-kit run` going, for example with systemd:\n"
        "  pgaudit-kit run --systemd-unit > /etc/systemd/system/pgaudit-kit.service\n"
        "  systemctl daemon-reload && systemctl enable --now pgaudit-kit"
    )


def _is_sealed_lately(conn: Connection, schema: str) -> bool:
    query = sql.SQL("SELECT s.sealed_at > clock_timestamp() - {}::interval FROM {} AS s")
    try:
        row = conn.execute(query.format(sql.Literal(FRESH), sql.Identifier(schema, "seal_state"))).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return False
    return bool(row and row[0])

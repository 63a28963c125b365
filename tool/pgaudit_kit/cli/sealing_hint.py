"""What `install` says about how sealing is kept going."""

from __future__ import annotations

import psycopg
from psycopg import sql

from pgaudit_kit.db import Connection
from pgaudit_kit.names import Ident, Literal

FRESH = "2 minutes"
"""An idle sealer leaves a record a minute."""
SECONDS_SINCE = (1, 5)
"""The version of pg_cron that counts in seconds."""


def sealing_hint(conn: Connection, schema: str) -> str | None:
    """How to keep sealing going on this server; None where something seals already."""
    if _is_sealed_lately(conn, schema):
        return None
    row = conn.execute("SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'pg_cron'").fetchone()
    if row is None:
        return (
            "Nothing seals yet. Keep `pgaudit-kit run` going, for example with systemd:\n"
            "  pgaudit-kit run --systemd-unit > /etc/systemd/system/pgaudit-kit.service\n"
            "  systemctl daemon-reload && systemctl enable --now pgaudit-kit"
        )
    return "\n".join(
        ["Nothing seals yet. pg_cron is here; as a role that acts for pgaudit_kit_owner, run:"]
        + [f"  {statement}" for statement in cron_statements(schema, row[0])]
        + ["or keep `pgaudit-kit run` going, which seals every second (`pgaudit-kit run --systemd-unit`)."]
    )


def _is_sealed_lately(conn: Connection, schema: str) -> bool:
    query = sql.SQL("SELECT s.sealed_at > clock_timestamp() - {}::interval FROM {} AS s")
    try:
        row = conn.execute(query.format(sql.Literal(FRESH), sql.Identifier(schema, "seal_state"))).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return False
    return bool(row and row[0])


def cron_statements(schema: str, version: str) -> list[str]:
    """The jobs of pg_cron that stand in for a worker."""
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    often = "1 seconds" if numbers >= SECONDS_SINCE else "* * * * *"
    jobs = (
        ("seal", often, "seal()"),
        ("partitions", "* * * * *", "maintain_partitions()"),
        ("default-partitions", "* * * * *", "move_default_rows()"),
    )
    return [
        f"SELECT cron.schedule({Literal(f'pgaudit-kit {schema} {name}').sql}, {Literal(when).sql},"
        f" {Literal(f'SELECT {Ident(schema).sql}.{call}').sql});"
        for name, when, call in jobs
    ]

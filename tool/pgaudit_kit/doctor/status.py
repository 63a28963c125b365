"""What there is: audited tables, sealing, partitions, sizes; from estimates and no more than a day of log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from pgaudit_kit.config import OPERATIONS
from pgaudit_kit.doctor.model import Row
from pgaudit_kit.doctor.source import DEFAULT_LIMIT, UNSEALED_LIMIT, Sealing, Source
from pgaudit_kit.model import RegisteredTable, Table
from pgaudit_kit.partition_manager import read_manager
from pgaudit_kit.scheduler import FoundJob, read_cron

TODAY_LIMIT_MS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedTable:
    """One audited table."""

    name: str
    exists: bool
    tenant: dict[str, Any]
    operations: tuple[str, ...]
    excluded: tuple[str, ...]
    personal: tuple[str, ...]
    not_recorded: tuple[str, ...]
    """Everything that may change without an event: operations, columns, rows."""
    version: int
    specialised: bool
    events_today: int | None
    """None where counting would have taken too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of an installation."""

    tables: tuple[AuditedTable, ...]
    sealing: Sealing
    partitions: list[Row]
    partition_manager: str | None
    """Who makes partitions: `native`, `pg_partman 5`."""
    jobs: tuple[FoundJob, ...]
    """pg_cron's jobs of this installation that this role sees."""
    sizes: list[Row]
    regions: list[Row]
    """The declared regions; empty where the log is not divided."""
    signing: Row | None
    """The checkpoint that was prepared last; None where nothing was ever signed."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        sealing = self.sealing
        return {
            "tables": self.tables,
            "sealing": {
                "last_seal_at": sealing.sealed_at,
                "last_seal_age_s": _rounded(sealing.age_s),
                "unsealed": None if sealing.unsealed is None else min(sealing.unsealed, UNSEALED_LIMIT),
                "unsealed_is_more": (sealing.unsealed or 0) > UNSEALED_LIMIT,
                "oldest_unsealed_s": _rounded(sealing.oldest_unsealed_s),
                "blocks": sealing.blocks,
                "sealed_events": sealing.sealed_events,
                "tenants": sealing.tenants,
            },
            "partitions": [
                {
                    "table": row["name"],
                    "partitions": row["partitions"],
                    "newest_bound": row["newest_bound"],
                    "ahead_s": _rounded(row["ahead_s"]),
                    "rows_in_default": row["in_default"] and min(row["in_default"], DEFAULT_LIMIT),
                }
                for row in self.partitions
            ],
            "partition_manager": self.partition_manager,
            "jobs": [
                {
                    "name": job.name,
                    "active": job.active,
                    "role": job.role,
                    "last_status": job.last_status,
                    "last_message": job.last_message,
                }
                for job in self.jobs
            ],
            "signing": self.signing
            and {
                "origin": self.signing["origin"],
                "size": self.signing["size"],
                "blocks_since": self.signing["behind"],
                "published_age_s": _rounded(self.signing["published_age_s"]),
                "anchors": self.signing["anchors"] or {},
            },
            "sizes": [
                {"table": row["name"], "bytes": row["bytes"], "estimated_rows": row["rows"]}
                for row in self.sizes
            ],
            "regions": self.regions,
        }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def read_status(source: Source) -> Status:
    """The state of the installation now."""
    today = _events_today(source)
    cron = read_cron(source.conn, source.templates)
    return Status(
        tables=tuple(_table(row, source.tables.get(row.relation), today) for row in source.enabled),
        sealing=source.sealing,
        partitions=source.partitions,
        partition_manager=read_manager(source.conn, source.templates).used,
        jobs=cron.jobs if cron is not None else (),
        sizes=source.rows("status/sizes"),
        regions=source.rows("status/regions"),
        signing=source.signing,
    )


def _events_today(source: Source) -> dict[int, int] | None:
    conn = source.conn
    try:
        with conn.transaction():
            conn.execute("SELECT set_config('statement_timeout', %s, true)", (str(TODAY_LIMIT_MS),))
            return {row["table_id"]: row["events"] for row in source.rows("status/events_today")}
    except psycopg.errors.QueryCanceled:
        return None


def _table(row: RegisteredTable, table: Table | None, today: dict[int, int] | None) -> AuditedTable:
    def columns(attnums: tuple[int, ...], declared: list[str]) -> tuple[str, ...]:
        if table is None:
            return tuple(declared)
        found = (table.by_attnum(attnum) for attnum in attnums)
        return tuple(column.name for column in found if column is not None)

    said = row.declaration
    excluded = columns(row.excluded_attnums, said["exclude"])
    return AuditedTable(
        name=(table.name if table else row.name).display,
        exists=table is not None,
        tenant=said["tenant"],
        operations=tuple(said["operations"]),
        excluded=excluded,
        personal=columns(row.personal_attnums, said["personal"]),
        not_recorded=_not_recorded(row, excluded),
        version=row.table_version,
        specialised=row.specialised,
        events_today=None if today is None else today.get(row.table_id, 0),
    )


def _not_recorded(row: RegisteredTable, excluded: tuple[str, ...]) -> tuple[str, ...]:
    """What the declaration leaves out, in words."""
    operations, conditions = row.declaration["operations"], row.conditions
    asked = {name: getattr(conditions, name) for name in ("insert", "update", "delete") if name in operations}
    return (
        *(name.upper() for name in OPERATIONS if name not in operations),
        *(f"column {name}" for name in excluded),
        *(
            f"{name.upper()} unless {condition.text}"
            + (" before or after" if name == "update" and conditions.crosses else "")
            for name, condition in asked.items()
            if condition is not None
        ),
    )

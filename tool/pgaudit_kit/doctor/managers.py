"""Checks of who keeps the log going: the partition manager, and pg_cron's jobs."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from pgaudit_kit.doctor.capture import APPLY
from pgaudit_kit.doctor.model import Finding, check, fail, ok, warn
from pgaudit_kit.doctor.source import Source
from pgaudit_kit.errors import KitError
from pgaudit_kit.partition_manager import NATIVE, Manager, choose, read_manager
from pgaudit_kit.scheduler import Cron, FoundJob, read_cron


@dataclass(frozen=True, slots=True, kw_only=True)
class Managers:
    """The partition manager, and what pg_partman has been told about the log."""

    found: Manager
    wanted: str
    kit_schema: str
    retention: list[str]
    """Tables of the log that pg_partman was told to take partitions from."""


def _read_managers(source: Source) -> Managers:
    found = read_manager(source.conn, source.templates)
    settings = source.installation.settings
    wanted = NATIVE if "regions" in settings else settings.get("partitions", {}).get("manager", "auto")
    return Managers(
        found=found,
        wanted=wanted,
        kit_schema=source.templates.schema,
        retention=_with_retention(source, found),
    )


def _with_retention(source: Source, found: Manager) -> list[str]:
    if not found.has_config or found.grants or found.schema is None:
        return []
    query = sql.SQL("SELECT p.parent_table FROM {} AS p WHERE p.retention IS NOT NULL ORDER BY 1")
    rows = source.conn.execute(query.format(sql.Identifier(found.schema, "part_config"))).fetchall()
    return [name for (name,) in rows if name.startswith(f"{source.templates.schema}.")]


@check("partition-manager", fine="", read=_read_managers)
def partition_manager(facts: Managers) -> list[Finding]:
    """Who makes the log's partitions, and whether it still can."""
    found = facts.found
    if found.used is None:
        return [warn("Nothing makes partitions.", APPLY)]
    findings = [
        fail(
            f"pg_partman would take partitions from {name}: its retention is set.",
            "UPDATE part_config SET retention = NULL; what the log loses so, verify reports as missing.",
        )
        for name in facts.retention
    ]
    try:
        choice = choose(found, facts.wanted, facts.kit_schema)
    except KitError as error:
        return [*findings, fail(f"{error.message} Events land in the default partition.", error.hint)]
    wanted = f"pg_partman {choice.file.rpartition('_')[2]}" if choice.partman else NATIVE
    if wanted != found.used or (choice.partman and found.grants):
        return [*findings, fail(f"Partitions were made by {found.used}: {choice.why}", APPLY)]
    if choice.partman:
        return [*findings, ok(f"{found.label} makes the partitions")]
    offer = f'; {found.label} could: manager = "partman"' if found.version else ""
    return [*findings, ok(f"the kit itself makes the partitions{offer}")]


@check(
    "scheduler",
    fine="pg_cron seals and keeps partitions ready",
    read=lambda source: read_cron(source.conn, source.templates),
)
def scheduler(facts: Cron | None) -> list[Finding]:
    """Whether pg_cron's jobs are there, are active, and ran well."""
    if facts is None:
        return [ok("pg_cron is not here; what seals then, the check `sealer` says")]
    if not facts.jobs:
        return [ok("pg_cron has no jobs of the kit that this role sees; `pgaudit-kit install` makes them")]
    return [finding for job in facts.jobs for finding in _judge_job(job)]


def _judge_job(job: FoundJob) -> list[Finding]:
    if not job.active:
        return [warn(f"{job.name} is switched off.", "cron.alter_job(…, active => true)")]
    if job.last_status == "failed":
        message = (job.last_message or "").strip().splitlines()
        hint = f"cron.job_run_details has its runs. It runs as {job.role}, which must be able to log in."
        return [fail(f"{job.name} failed: {message[0] if message else 'no message'}", hint)]
    return []

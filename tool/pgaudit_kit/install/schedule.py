"""Steps that have pg_cron seal and maintain, and that take its jobs away again."""

from __future__ import annotations

from pgaudit_kit.db import Connection
from pgaudit_kit.names import Literal
from pgaudit_kit.plan import Change
from pgaudit_kit.render import Templates
from pgaudit_kit.scheduler import EVERY_MINUTE, Cron, Job, other_database, read_cron, wanted_jobs


def job_changes(
    conn: Connection, templates: Templates, *, create: bool
) -> tuple[list[Change], tuple[str, ...]]:
    """Steps for the jobs of this installation, and notes; those that are missing are made where `create`.

    A job that somebody switched off stays so.
    """
    cron = read_cron(conn, templates)
    if cron is None:
        return [], ()
    if not cron.usable:
        note = f"pg_cron is here, but {conn.info.user} may not use it. Its owner runs: {cron.lacks}"
        return [], (note,) if create else ()
    have = {job.name: job for job in cron.jobs}
    changes = []
    for job in wanted_jobs(templates, conn.info.dbname):
        found = have.get(job.name)
        if found is None and create:
            why = f"{job.what}, as {conn.info.user}, which must be able to log in"
            changes.append(_schedule(conn, cron, job, why))
        elif found is not None and (found.command, found.schedule) != (job.command, EVERY_MINUTE):
            changes.append(_schedule(conn, cron, job, "its command or schedule differs"))
    return changes, ()


def _schedule(conn: Connection, cron: Cron, job: Job, why: str) -> Change:
    arguments = [job.name, EVERY_MINUTE, job.command]
    function = "schedule"
    if cron.database is not None:
        function = "schedule_in_database"
        arguments.append(conn.info.dbname)
    there = any(found.name == job.name for found in cron.jobs)
    return Change(
        op="change" if there else "create",
        kind="job",
        target=f"{job.name} of pg_cron",
        why=why,
        sql=f"SELECT cron.{function}({', '.join(Literal(word).sql for word in arguments)});\n",
        as_owner=False,
        database=cron.database,
    )


def unschedule_changes(conn: Connection, templates: Templates) -> list[Change]:
    """The jobs go, as far as this role sees them: pg_cron shows each role its own."""
    cron = read_cron(conn, templates)
    if cron is None:
        return []
    return [
        Change(
            op="drop",
            kind="job",
            target=f"{job.name} of pg_cron",
            why="the kit is uninstalled",
            sql=f"SELECT cron.unschedule({job.jobid}::bigint);\n",
            as_owner=False,
            database=cron.database,
        )
        for job in cron.jobs
    ]


def run_elsewhere(conn: Connection, changes: tuple[Change, ...]) -> None:
    """Take the steps that belong into another database, each for itself, after the others are committed."""
    for change in changes:
        if change.database is not None:
            with other_database(conn, change.database) as other:
                other.execute(change.sql.encode())

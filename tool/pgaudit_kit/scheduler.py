"""pg_cron as what keeps sealing and maintenance going: the jobs it has, and those it should have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pgaudit_kit.db import Connection
from pgaudit_kit.render import Templates
from pgaudit_kit.render.templates import strip_header

EVERY_MINUTE = "* * * * *"
"""Also where pg_cron counts seconds: each run leaves a row in cron.job_run_details."""
_TASKS = {"seal": "seals every second", "partitions": "keeps partitions ready"}

_FOUND = """
SELECT e.extversion AS version,
    has_schema_privilege(n.oid, 'USAGE') AS usable,
    EXISTS (
        SELECT FROM pg_catalog.pg_proc AS p
        WHERE p.pronamespace = n.oid AND p.proname = 'schedule_in_database'
            AND has_function_privilege(p.oid, 'EXECUTE')
    ) AS reaches_others
FROM pg_catalog.pg_extension AS e
CROSS JOIN pg_catalog.pg_namespace AS n
WHERE e.extname = 'pg_cron' AND n.nspname = 'cron'
"""
# Where pg_cron lives. Whoever may not see the setting tries its default; the view hides what
# current_setting() refuses.
_ELSEWHERE = """
SELECT coalesce(
    (SELECT s.setting FROM pg_catalog.pg_settings AS s WHERE s.name = 'cron.database_name'),
    CASE WHEN NOT pg_catalog.pg_has_role(current_user, 'pg_read_all_settings', 'USAGE') THEN 'postgres' END
) AS database
"""
_JOBS = """
SELECT j.jobid, j.jobname AS name, j.schedule, j.command, j.active, j.username AS role,
    d.status AS last_status, d.return_message AS last_message
FROM cron.job AS j
LEFT JOIN LATERAL (
    SELECT r.status, r.return_message FROM cron.job_run_details AS r
    WHERE r.jobid = j.jobid AND r.status IN ('succeeded', 'failed')
    ORDER BY r.runid DESC LIMIT 1
) AS d ON true
WHERE j.jobname = ANY (%s) AND j.database = %s
ORDER BY j.jobname
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it should be."""

    name: str
    command: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJob:
    """A job as pg_cron has it, with how its last run ended."""

    jobid: int
    name: str
    schedule: str
    command: str
    active: bool
    role: str
    last_status: str | None
    last_message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """pg_cron on this server, as far as this role may use it."""

    version: str
    database: str | None
    """Where its tables are; None: in the database at hand."""
    usable: bool
    lacks: str | None
    """The GRANT that this role lacks."""
    jobs: tuple[FoundJob, ...]


def wanted_jobs(templates: Templates, database: str) -> list[Job]:
    """The jobs of an installation; pg_cron's are those of a server, so their names hold the database's."""
    return [
        Job(
            name=f"pgaudit-kit {task} {database}.{templates.schema}",
            command=strip_header(templates.render(f"queries/cron_{task}.sql")).strip(),
            what=what,
        )
        for task, what in _TASKS.items()
    ]


def read_cron(conn: Connection, templates: Templates) -> Cron | None:
    """What there is of pg_cron, here or in the database that it lives in; None without it."""
    database = conn.info.dbname
    names = [job.name for job in wanted_jobs(templates, database)]
    if (found := _one(conn, _FOUND)) is not None:
        return _cron(conn, found, None, names, database)
    elsewhere = _one(conn, _ELSEWHERE)["database"]  # type: ignore[index]  # it gives one row
    if elsewhere is None or elsewhere == database:
        return None
    try:
        with other_database(conn, elsewhere) as other:
            found = _one(other, _FOUND)
            return None if found is None else _cron(other, found, elsewhere, names, database)
    except psycopg.OperationalError:
        return None  # this role may not connect there


@contextmanager
def other_database(conn: Connection, database: str) -> Iterator[Connection]:
    """A connection in autocommit mode to another database of the same server, as the same role."""
    with psycopg.connect(
        conn.info.dsn, password=conn.info.password or None, dbname=database, autocommit=True
    ) as other:
        other.execute("SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)")
        yield other


def _cron(
    conn: Connection, found: dict[str, Any], elsewhere: str | None, names: list[str], database: str
) -> Cron:
    role = conn.info.user
    lacks = None
    if not found["usable"]:
        lacks = f'GRANT USAGE ON SCHEMA cron TO "{role}"'
    elif elsewhere is not None and not found["reaches_others"]:
        lacks = f'GRANT EXECUTE ON FUNCTION cron.schedule_in_database TO "{role}"'
    jobs: tuple[FoundJob, ...] = ()
    if found["usable"]:
        with conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(_JOBS.encode(), (names, database)).fetchall()
        jobs = tuple(FoundJob(**row) for row in rows)
    return Cron(version=found["version"], database=elsewhere, usable=lacks is None, lacks=lacks, jobs=jobs)


def _one(conn: Connection, query: str) -> dict[str, Any] | None:
    with conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode()).fetchone()

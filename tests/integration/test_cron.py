"""pg_cron's jobs: made by install, shown before, run for real, watched by doctor, gone with uninstall."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from pgaudit_kit.server import ephemeral_server
from tests.conftest import FOUND
from tests.kit import Kit
from tests.servers import PRELOADED, SETTINGS, _preload, cluster_folder

# Jobs begin with the minute.
LONG_ENOUGH_S = 180


@pytest.fixture(scope="module")
def cron(pytestconfig: pytest.Config) -> Iterator[Any]:
    """A server with pg_cron in database postgres, whose jobs are background workers."""
    programs = pytestconfig.stash[FOUND].binaries.get("local")
    if programs is None or PRELOADED[0] not in str(_preload(programs)):
        pytest.skip("no server with pg_cron on this machine")
    settings = {
        **SETTINGS,
        "shared_preload_libraries": "pg_cron",
        "cron.use_background_workers": "on",
        "cron.database_name": "postgres",
    }
    with ephemeral_server(binaries=programs, settings=settings, base=cluster_folder()) as server:
        with psycopg.connect(server.dsn("postgres"), autocommit=True) as conn:
            conn.execute("CREATE EXTENSION pg_cron")
            for name in ("shop", "other"):
                conn.execute(f"CREATE DATABASE {name}")
        yield server


def one(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn, autocommit=True) as conn:
        row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def do(dsn: str, statements: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(statements.encode())


def names(kit: Kit) -> list[str]:
    """The jobs that a dry run of install would make."""
    changes = kit("install", "--dry-run", "--json").json["changes"]
    return [change["target"] for change in changes if change["kind"] == "job"]


@contextlib.contextmanager
def installed(dsn: str, said: str = "") -> Iterator[Kit]:
    kit = Kit(dsn)
    assert said in kit("install", "--yes").err
    try:
        yield kit
    finally:
        kit("uninstall", "--drop-data", "--confirm", "audit")


@pytest.mark.long
def test_events_are_sealed_and_partitions_made_with_no_worker(cron: Any) -> None:
    dsns = [cron.dsn(name) for name in ("postgres", "shop")]  # pg_cron's own database, and another
    with contextlib.ExitStack() as stack:
        kits = [stack.enter_context(installed(dsn)) for dsn in dsns]
        for dsn, kit in zip(dsns, kits, strict=True):
            with psycopg.connect(dsn, autocommit=True) as conn:
                conn.execute("CREATE TABLE public.doc (id int PRIMARY KEY)")
                stack.callback(do, dsn, "DROP TABLE public.doc")
                kit("enable", "public.doc")
                conn.execute("INSERT INTO public.doc SELECT generate_series(1, 5)")
                leaf = one(
                    dsn,
                    "SELECT relation::text FROM audit.partition_bounds('audit.change_events')"
                    " ORDER BY lower_bound DESC LIMIT 1",
                )
                conn.execute(f"ALTER TABLE audit.change_events DETACH PARTITION {leaf}; DROP TABLE {leaf}")
        unsealed = "SELECT count(*) FROM audit.events WHERE block_number IS NULL AND operation = 'INSERT'"
        missing = (
            "SELECT (SELECT max(upper_bound) FROM audit.partition_bounds('audit.blocks'))"
            " <> (SELECT max(upper_bound) FROM audit.partition_bounds('audit.change_events'))"
        )
        deadline = time.monotonic() + LONG_ENOUGH_S
        while any(one(dsn, unsealed) or one(dsn, missing) for dsn in dsns):
            assert time.monotonic() < deadline, one(
                cron.dsn("postgres"), "SELECT json_agg(d) FROM cron.job_run_details AS d"
            )
            time.sleep(0.5)
        for kit in kits:
            checks = {check["name"]: check for check in kit("doctor", "--json").json["checks"]}
            assert checks["scheduler"]["level"] == "ok"
            assert "pg_cron seals" in checks["scheduler"]["findings"][0]["message"]


@pytest.mark.parametrize("database", ["postgres", "shop"])
def test_install_shows_the_jobs_makes_them_once_and_uninstall_takes_them_away(
    cron: Any, database: str
) -> None:
    jobs = f"SELECT count(*)::int FROM cron.job WHERE jobname LIKE 'pgaudit-kit % {database}.audit'"
    kit = Kit(cron.dsn(database))
    wanted = [f"pgaudit-kit {task} {database}.audit of pg_cron" for task in ("seal", "partitions")]
    assert names(kit) == wanted
    assert one(cron.dsn("postgres"), jobs) == 0
    with installed(cron.dsn(database), said="pg_cron seals every second"):
        assert one(cron.dsn("postgres"), jobs) == 2
        assert names(kit) == []
        assert kit.plan() == []
    assert one(cron.dsn("postgres"), jobs) == 0


def test_installations_in_one_server_have_jobs_of_their_own(cron: Any) -> None:
    jobs = "SELECT array_agg(DISTINCT database) FROM cron.job"
    with installed(cron.dsn("shop")):
        with installed(cron.dsn("other")):
            assert one(cron.dsn("postgres"), jobs) == ["other", "shop"]
        assert one(cron.dsn("postgres"), jobs) == ["shop"]


def test_doctor_tells_a_job_that_is_off_or_failed(cron: Any) -> None:
    with installed(cron.dsn("shop")) as kit:
        do(
            cron.dsn("postgres"),
            "SELECT cron.alter_job(jobid, active => false) FROM cron.job WHERE jobname LIKE '% seal %'",
        )
        one(
            cron.dsn("postgres"),
            "INSERT INTO cron.job_run_details (jobid, runid, status, return_message)"
            " SELECT jobid, 1000000, 'failed', 'ERROR: no such thing' FROM cron.job"
            " WHERE jobname LIKE '% partitions %' RETURNING 1",
        )
        checks = {check["name"]: check for check in kit("doctor", "--json", code=1).json["checks"]}
        said = [(finding["level"], finding["message"]) for finding in checks["scheduler"]["findings"]]
        assert said == [
            ("fail", "pgaudit-kit partitions shop.audit failed: ERROR: no such thing"),
            ("warn", "pgaudit-kit seal shop.audit is switched off."),
        ]
        status = kit("status")
        assert "pgaudit-kit seal shop.audit (switched off)" in status.out
        assert "pgaudit-kit partitions shop.audit (the last run failed)" in status.out
        assert names(kit) == []  # who switched it off meant it


def test_a_role_that_may_not_use_pg_cron_is_told_what_it_lacks(cron: Any) -> None:
    admin = cron.dsn("postgres")
    do(admin, "CREATE ROLE installer LOGIN CREATEROLE; GRANT CREATE ON DATABASE shop TO installer")
    kit = Kit(f"{cron.dsn('shop')}&user=installer")
    said = kit("install", "--yes").err
    assert 'GRANT USAGE ON SCHEMA cron TO "installer"' in said
    assert "systemd" in said
    Kit(cron.dsn("shop"))("uninstall", "--drop-data", "--confirm", "audit")
    do(admin, "REVOKE pgaudit_kit_owner FROM installer")
    with psycopg.connect(cron.dsn("shop"), autocommit=True) as conn:
        conn.execute("DROP OWNED BY installer")
    do(admin, "DROP ROLE installer")

"""An audited database with a history, and what must hold for a copy of it."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.kit import Kit
from tests.sealing import assert_sound, one, seal, seal_all, sealed, sealed_once
from tests.servers import Database

Connection = psycopg.Connection[Any]

GUARDS = (
    "SELECT count(*) FROM pg_class AS c"
    " WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind IN ('r', 'p')"
    " AND c.relname <> 'alembic_version' AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
)
NOT_ALWAYS = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'A'"


def build(dsn: str) -> None:
    """Installs the kit and audits tables of several kinds; some events are sealed, some are not."""
    kit = Kit(dsn)
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(
            "CREATE TABLE public.doc (id int PRIMARY KEY, tenant text, v text, email text);"
            "CREATE TABLE public.part (id int PRIMARY KEY, tenant text, v text) PARTITION BY RANGE (id);"
            "CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES FROM (0) TO (100);"
            "CREATE TABLE public.part_2 PARTITION OF public.part FOR VALUES FROM (100) TO (200);"
            'CREATE SCHEMA "My S"; CREATE TABLE "My S"."T" (k text PRIMARY KEY, a int[])'
        )
        kit("install", "--yes")
        kit("enable", "public.doc", "--tenant-column", "tenant", "--personal", "email")
        kit("enable", "public.part", "--tenant-column", "tenant")
        kit("enable", '"My S"."T"')
        work(db, 1)
        seal_all(db)
        work(db, 2)
    assert kit.plan() == []


def work(db: Connection, n: int) -> None:
    """Writes to each table."""
    db.execute("INSERT INTO public.doc VALUES (%s, 't', 'v', 'me@example.org')", [n])
    db.execute("UPDATE public.doc SET v = v || '!' WHERE id = %s", [n])
    db.execute("INSERT INTO public.part VALUES (%s, 't', 'v')", [n])
    db.execute("UPDATE public.part SET id = id + 100 WHERE id = %s", [n])
    db.execute('INSERT INTO "My S"."T" VALUES (%s, %s)', [str(n), [n]])


WORK = [
    ("public.doc", "INSERT", "t"),
    ("public.doc", "UPDATE", "t"),
    ("public.part", "INSERT", "t"),
    ("public.part", "DELETE", "t"),
    ("public.part", "INSERT", "t"),
    ('"My S"."T"', "INSERT", "default"),
]
"""What `work` is recorded as."""


def lines(db: Connection) -> list[str]:
    """The line of every event."""
    query = "SELECT audit.event_line(e) FROM audit.change_events AS e ORDER BY e.event_id"
    return [line for (line,) in db.execute(query)]


def recorded(db: Connection, after: int) -> list[tuple[str, str, str]]:
    """What was recorded after that event, without the kit's own events."""
    return db.execute(
        "SELECT table_name, operation, tenant_id FROM audit.events"
        " WHERE event_id > %s AND operation <> 'CONTROL' ORDER BY event_id",
        [after],
    ).fetchall()


def newest(db: Connection) -> int:
    """The highest number of an event."""
    value: int = one(db, "SELECT max(event_id) FROM audit.change_events")
    return value


def incarnations(db: Connection) -> int:
    """How often the log says that it went on elsewhere."""
    value: int = one(
        db, "SELECT count(*) FROM audit.change_events WHERE new_values ->> 'kind' = 'incarnation'"
    )
    return value


def assert_goes_on(db: Database | Connection, *, new: int = 1, n: int = 3) -> None:
    """The copy records, seals and proves on, and says `new` times more that it is another incarnation."""
    assert one(db, GUARDS) == 0
    assert db.execute(NOT_ALWAYS).fetchall() == []
    before, so_far, highest = len(sealed(db)), incarnations(db), newest(db)
    assert_sound(db)
    verify = Kit(db.info.dsn)
    verify("verify", "--all")
    work(db, n)
    assert recorded(db, highest) == WORK
    assert seal(db) >= len(WORK)
    assert_sound(db)
    work(db, n + 1)
    assert recorded(db, highest) == WORK * 2
    seal_all(db)
    assert_sound(db)
    assert sealed_once(db)
    assert len(sealed(db)) >= before + 2 * len(WORK)
    assert incarnations(db) == so_far + new
    verify("verify", "--all")

"""What the story tells in numbers: each comes from the database, through the views that people read."""

from __future__ import annotations

from collections.abc import Sequence

from pgaudit_kit.db import Connection
from pgaudit_kit.demo.clients import Work
from pgaudit_kit.demo.kit import DemoFailed
from pgaudit_kit.demo.teller import Table

BY_TENANT = """
SELECT e.tenant_id,
    count(*) FILTER (WHERE e.operation = 'BASELINE') AS baseline,
    count(*) FILTER (WHERE e.operation = 'INSERT') AS inserts,
    count(*) FILTER (WHERE e.operation = 'UPDATE') AS updates,
    count(*) FILTER (WHERE e.operation = 'DELETE') AS deletes,
    count(*) FILTER (WHERE e.operation = 'CONTROL') AS control,
    count(*) AS events
FROM audit.events AS e
GROUP BY e.tenant_id
ORDER BY e.tenant_id = '_system', e.tenant_id
"""
OF_REQUESTS = "SELECT count(*) FROM audit.events AS e WHERE e.request_id = ANY (%s)"
WITH_LANGUAGE = """
SELECT
    (SELECT count(*) FROM cms.articles AS a WHERE a.language IS NOT NULL),
    (
        SELECT count(*) FROM audit.events AS e
        WHERE e.table_name = 'cms.articles' AND e.operation = 'INSERT'
            AND e.new_values ->> 'language' IS NOT NULL
    )
"""
SPEED = """
SELECT count(*), extract(epoch FROM max(e.occurred_at) - min(e.occurred_at))::float8
FROM audit.events AS e
WHERE e.application_name = 'cms'
"""
HISTORY = """
SELECT
    to_char(e.occurred_at AT TIME ZONE 'UTC', 'HH24:MI:SS.MS'),
    coalesce(e.actor_id, '(' || e.db_user || ', by hand)'),
    coalesce(e.action, '-'),
    e.operation,
    CASE
        WHEN e.operation = 'INSERT' THEN
            format('title %%s, price %%s', e.new_values -> 'title', e.new_values -> 'price')
        ELSE (
            SELECT string_agg(format('%%s %%s -> %%s', k.name, e.old_values -> k.name, k.value), ', ')
            FROM jsonb_each(e.new_values) AS k (name, value)
        )
    END,
    e.event_id
FROM audit.events AS e
WHERE e.table_name = 'cms.articles' AND e.record_key = %s
ORDER BY e.event_id
"""
ARTICLE = """
SELECT e.record_key FROM audit.events AS e
WHERE e.table_name = 'cms.articles' AND e.operation = 'INSERT' AND e.new_values ->> 'title' = %s
"""
CHAIN = """
SELECT c.position, c.event_id, encode(c.prev_hash, 'hex'), encode(c.event_hash, 'hex')
FROM audit.chain AS c
WHERE c.tenant_id = %s
ORDER BY c.position DESC
LIMIT 3
"""


def by_tenant(conn: Connection) -> tuple[Table, int]:
    """Events by tenant and operation, and how many there are."""
    rows = conn.execute(BY_TENANT).fetchall()
    headings = ("tenant", "baseline", "insert", "update", "delete", "control", "events")
    total = sum(row[-1] for row in rows)
    table = Table(
        headings=headings,
        rows=[*(_shown(row) for row in rows), ["all", *[_sum(rows, i) for i in range(1, 7)]]],
        numbers=frozenset(range(1, 7)),
    )
    return table, total


def reconcile(conn: Connection, work: Work) -> Table:
    """What clients wrote beside what the log holds of it. Raises DemoFailed where that does not agree."""
    rows: list[tuple[str, int, int, int]] = []
    for name, tally, expected in (
        ("committed", work.committed, work.committed.rows),
        ("an UPDATE that changed nothing", work.unchanged, 0),
        ("rolled back, so it never happened", work.undone, 0),
    ):
        events = _number(conn, OF_REQUESTS, [tally.requests])
        rows.append((name, tally.rows, events, expected))
    written, recorded = conn.execute(WITH_LANGUAGE).fetchone() or (0, -1)
    rows.append(("articles with a language (column added meanwhile)", written, recorded, written))
    for name, sent, events, expected in rows:
        if events != expected or not sent:
            raise DemoFailed(f"{name}: {sent} rows, {events} events in the log, {expected} expected.")
    return Table(
        headings=("what the clients did", "rows written", "events in the log"),
        rows=[(name, f"{sent:,}", f"{events:,}") for name, sent, events, _ in rows],
        numbers=frozenset({1, 2}),
    )


def speed(conn: Connection) -> tuple[int, float]:
    """Events that the application caused, and how many a second."""
    events, seconds = conn.execute(SPEED).fetchone() or (0, 0.0)
    return events, events / seconds if seconds else 0.0


def history(conn: Connection, article: int) -> tuple[Table, dict[str, int]]:
    """What happened to one article, and which event each action was."""
    rows = conn.execute(HISTORY, [str(article)]).fetchall()
    table = Table(
        headings=("time (UTC)", "who", "action", "operation", "what", "event"),
        rows=[[str(value) for value in row] for row in rows],
        numbers=frozenset({5}),
    )
    return table, {action: event_id for _, _, action, _, _, event_id in rows}


def article(conn: Connection, title: str) -> int:
    """The key of the article that was created with this title."""
    return _number(conn, ARTICLE, [title])


def chain(conn: Connection, tenant: str) -> Table:
    """The newest three links of a tenant's chain, oldest first."""
    rows = conn.execute(CHAIN, [tenant]).fetchall()
    return Table(
        headings=("position", "event", "hash of the event before", "hash of this event"),
        rows=[
            (f"{position:,}", str(event), f"{before[:20]}…", f"{own[:20]}…")
            for position, event, before, own in reversed(rows)
        ],
        numbers=frozenset({0, 1}),
    )


def is_sealed(conn: Connection) -> bool:
    """Whether anything has been sealed yet."""
    return _number(conn, "SELECT count(*) FROM (SELECT FROM audit.chain LIMIT 1) AS c", ()) > 0


def _number(conn: Connection, query: str, parameters: Sequence[object]) -> int:
    row = conn.execute(query, parameters).fetchone()
    return int(row[0]) if row else -1


def _sum(rows: Sequence[Sequence[int]], column: int) -> str:
    return f"{sum(row[column] for row in rows):,}"


def _shown(row: Sequence[object]) -> list[str]:
    return [f"{value:,}" if isinstance(value, int) else str(value) for value in row]

"""What a superuser can do to the log, past every right and trigger; and whether it is found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pgaudit_kit.db import Connection
from pgaudit_kit.demo.kit import DemoFailed

CHANGE = """UPDATE {partition}
  SET new_values = jsonb_set(new_values, '{{price}}', '99.00') WHERE event_id = {event};"""
DELETE = "DELETE FROM {partition} WHERE event_id = {event};"
INSERT = """INSERT INTO audit.change_events SELECT (jsonb_populate_record(e, {other})).*
  FROM audit.change_events AS e WHERE e.event_id = {model};"""

PARTITION = "SELECT e.tableoid::regclass::text FROM audit.change_events AS e WHERE e.event_id = %s"
MODEL = """
SELECT e.event_id, to_char(e.occurred_at - interval '1 hour', 'YYYY-MM-DD HH24:MI:SSOF')
FROM audit.events AS e
WHERE e.tenant_id = %s AND e.operation = 'UPDATE' AND e.actor_id IS NULL
ORDER BY e.event_id LIMIT 1
"""
UNUSED_NUMBER = """
SELECT min(g.number)
FROM generate_series(1, (SELECT max(e.event_id) FROM audit.change_events AS e)) AS g (number)
WHERE NOT EXISTS (SELECT FROM audit.change_events AS e WHERE e.event_id = g.number)
"""


@dataclass(frozen=True, slots=True)
class Tampering:
    """One manipulation: what is done, to which event, and the statement."""

    what: str
    event_id: int
    tenant: str
    statement: sql.Composed


@dataclass(frozen=True, slots=True)
class Attack:
    """All manipulations, between switching the triggers off and on again."""

    before: Sequence[sql.Composed]
    tamperings: Sequence[Tampering]
    after: Sequence[sql.Composed]

    @property
    def statements(self) -> list[sql.Composed]:
        """Everything, in its order."""
        return [*self.before, *(tampering.statement for tampering in self.tamperings), *self.after]


def prepare(
    conn: Connection, changed: int, deleted: int, tenant: str, inserted_for: str, actor: str
) -> Attack:
    """Choose the events and write the statements; an insertion takes a number that a rollback left unused."""
    model, before = _one(conn, MODEL, [inserted_for])
    inserted = _one(conn, UNUSED_NUMBER)[0]
    other = json.dumps({"event_id": inserted, "occurred_at": before, "actor_id": actor})
    places = [sql.SQL(_one(conn, PARTITION, [event])[0]) for event in (changed, deleted)]
    partitions = places[: 1 if places[0] == places[1] else 2]  # two around midnight
    return Attack(
        [sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL;").format(place) for place in partitions],
        [
            Tampering("changed", changed, tenant, _statement(CHANGE, partition=places[0], event=changed)),
            Tampering("deleted", deleted, tenant, _statement(DELETE, partition=places[1], event=deleted)),
            Tampering(
                "back-dated",
                inserted,
                inserted_for,
                _statement(INSERT, other=other.replace(' "o', '\n    "o'), model=model),
            ),
        ],
        [sql.SQL("ALTER TABLE {} ENABLE TRIGGER ALL;").format(place) for place in partitions],
    )


def named(report: str) -> dict[int, list[str]]:
    """By event, the kinds of the findings of `verify --json` that name it."""
    events: dict[int, list[str]] = {}
    for finding in json.loads(report)["findings"]:
        if finding["event_id"] is not None:
            events.setdefault(finding["event_id"], []).append(finding["kind"])
    return events


def found(attack: Attack, events: Mapping[int, Sequence[str]]) -> str:
    """Each manipulation with what verification calls it. Raises DemoFailed where it missed one."""
    for it in attack.tamperings:
        if it.event_id not in events:
            raise DemoFailed(f"Event {it.event_id} was {it.what}, and verification did not name it.")
    return "; ".join(f"{it.event_id} {it.what}: {', '.join(events[it.event_id])}" for it in attack.tamperings)


def _statement(text: str, **values: object) -> sql.Composed:
    """The statement with its values as constants; what is SQL already stays as it is."""
    parts = {
        name: value if isinstance(value, sql.SQL) else sql.Literal(value) for name, value in values.items()
    }
    return sql.SQL(text).format(**parts)


def _one(conn: Connection, query: str, parameters: Sequence[object] = ()) -> tuple[Any, ...]:
    row = conn.execute(query, parameters).fetchone()
    if row is None or row[0] is None:
        raise DemoFailed("An event that the story should have made is not in the log.")
    return tuple(row)

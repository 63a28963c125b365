"""An audited table of a test's own, and the events that it gave."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from pgaudit_kit.catalog import read_installation, read_tables
from pgaudit_kit.install.tables import from_registry, registered_for, spec_of
from pgaudit_kit.names import QualifiedName
from pgaudit_kit.render import Roles, Templates, capture_units
from tests.kit import Answer, run
from tests.servers import Database

MODES = ("specialised", "generic")
"""Which of the two functions records; both must record the same bytes."""
BULK_MODES = ("bulk", "bulk generic")
"""The same of a table whose INSERT and DELETE are recorded by statement."""


@dataclass(frozen=True)
class Event:
    """One event: its words as the view tells them, its values as the stored text."""

    event_id: int
    operation: str
    table_name: str
    tenant_id: str
    record_key: str | None
    actor_id: str | None
    action: str | None
    context_text: str
    old_text: str | None
    new_text: str | None
    row_xmin: str | None
    table_version: int

    @property
    def old(self) -> dict[str, Any]:
        """The values before, numbers as they are written."""
        return parse(self.old_text)

    @property
    def new(self) -> dict[str, Any]:
        """The values after, numbers as they are written."""
        return parse(self.new_text)

    @property
    def context(self) -> dict[str, Any]:
        """The context."""
        return parse(self.context_text)

    @property
    def change(self) -> tuple[str, str | None, dict[str, Any], dict[str, Any]]:
        """What most tests look at."""
        return self.operation, self.record_key, self.old, self.new


def parse(text: str | None) -> dict[str, Any]:
    """A JSON object; its numbers stay text, so that 1.0 is not 1.00."""
    if text is None:
        return {}
    value: dict[str, Any] = json.loads(text, parse_float=str, parse_int=str)
    return value


EVENTS = """
    SELECT e.event_id, v.operation, v.table_name, e.tenant_id, e.record_key, e.actor_id, e.action,
        e.context::text AS context_text, e.old_values::text AS old_text, e.new_values::text AS new_text,
        e.row_xmin::text AS row_xmin, e.table_version
    FROM audit.change_events AS e
    INNER JOIN audit.events AS v USING (event_id, occurred_at)
    WHERE CASE WHEN %(control)s THEN e.operation = 'C' ELSE e.operation <> 'C' END
        AND e.event_id > %(after)s AND (%(table)s::oid IS NULL OR e.table_id = (
            SELECT t.table_id FROM audit.audited_tables AS t WHERE t.relation = %(table)s AND t.enabled))
    ORDER BY e.event_id
"""


class Audited:
    """A table that is audited, and a place in the log from which its events are read."""

    def __init__(self, db: Database, table: str, mode: str) -> None:
        self.db, self.table, self.mode = db, table, mode
        self.oid: int = one(db, "SELECT %s::regclass::oid::bigint", table)
        self.table_id: int = one(
            db, "SELECT table_id FROM audit.audited_tables WHERE relation = %s", self.oid
        )
        self.as_mode()
        self.mark = 0
        self.seen()

    def as_mode(self) -> None:
        """Put the generic function in place, where that is the mode."""
        if self.mode.endswith("generic"):
            self.db.execute(
                "SELECT audit.use_generic_capture(table_id, table_version) FROM audit.audited_tables"
                " WHERE table_id = %s",
                [self.table_id],
            )
        elif self.mode.endswith("unguarded"):
            self.db.execute(unguarded(self.db, self.table).encode())

    def seen(self) -> None:
        """Leave out of `events` what is there by now."""
        self.mark = one(self.db, "SELECT coalesce(max(event_id), 0) FROM audit.change_events")

    def events(self, after: int | None = None) -> list[Event]:
        """The table's events since the mark."""
        return events(self.db, self.mark if after is None else after, self.oid)

    @property
    def changes(self) -> list[tuple[str, str | None, dict[str, Any], dict[str, Any]]]:
        """The table's events since the mark: operation, key, old and new values."""
        return [event.change for event in self.events()]

    def do(self, *statements: str) -> list[Event]:
        """Run statements, each a transaction of its own; the events that they gave."""
        before = one(self.db, "SELECT coalesce(max(event_id), 0) FROM audit.change_events")
        for statement in statements:
            self.db.execute(statement.encode())
        return self.events(before)


def unguarded(db: Database, table: str) -> str:
    """The function as it is where no event trigger can be made: it reads the catalogs for each row."""
    with psycopg.connect(db.dsn, autocommit=True) as conn:
        templates = Templates("audit", personal_context=("ip", "user_agent"))
        installation = read_installation(conn, templates)
        (found,) = read_tables(conn, templates, [QualifiedName.parse(table)])
    registered = registered_for(found, installation.registered)
    assert registered is not None
    declared = from_registry(registered, found)
    spec = spec_of(
        declared, found, registered, schema="audit", table_id=registered.table_id, specialised=False
    )
    names = (f"tg_capture_{spec.table_id}", f"tg_bulk_{spec.table_id}")
    units = [unit.sql for unit in capture_units(templates, spec) if unit.objects[0].name in names]
    return f"SET ROLE {Roles().owner};\n{'; '.join(units)};\nRESET ROLE"


def events(db: Database, after: int = 0, oid: int | None = None, *, control: bool = False) -> list[Event]:
    """Events of one table, or of all; the control events are asked for apart."""
    with db.cursor(row_factory=class_row(Event)) as cursor:
        parameters = {"after": after, "table": oid, "control": control}
        return cursor.execute(EVENTS.encode(), parameters).fetchall()


def controls(db: Database, after: int = 0) -> list[dict[str, Any]]:
    """What the control events since then say."""
    return [event.new for event in events(db, after, control=True)]


def enable(db: Database, table: str, *options: str, code: int = 0) -> Answer:
    """Audit a table, as a user does."""
    answer = run("--dsn", db.dsn, "enable", table, *options)
    assert answer.code == code, answer.err + answer.out
    return answer


def one(db: Database, query: str, *parameters: Any) -> Any:
    """The one value that a query gives."""
    row = db.execute(query.encode(), parameters or None).fetchone()
    assert row is not None
    return row[0]


def quoted(*names: str) -> str:
    """Names as SQL writes them."""
    return sql.Identifier(*names).as_string(None)


def has_xml(db: Database) -> bool:
    """Whether the server was built with XML."""
    answer: bool = one(
        db, "SELECT EXISTS (SELECT FROM pg_config WHERE name = 'CONFIGURE' AND setting ~ 'libxml')"
    )
    return answer

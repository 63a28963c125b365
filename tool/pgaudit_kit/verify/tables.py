"""Audited tables as they are: what can be compared with the log, and SQL that reads their rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.verify.session import Session

_RECORDED = ("yes", "personal")


@dataclass(slots=True)
class Turns:
    """The newest event of each kind after which a table's rows are not what the events before it say."""

    floor: int = 0
    covered: bool = False
    """Whether each row that was there at the floor has an event."""
    rewritten: int = 0
    left: int = 0
    joined: int = 0
    since_xid: int = 0
    event_ids: list[int] = field(default_factory=list)

    def take(self, row: Any) -> None:
        """The next event; they come in their order."""
        self.event_ids.append(row.event_id)
        self.since_xid = row.transaction_id
        if row.turn in ("emptied", "enabled"):
            # an event of the enabling transaction may be older than the one that tells of it
            self.floor = row.event_id
            self.covered = row.turn == "emptied" or row.baseline
        elif row.turn == "left":
            self.left = row.event_id
        elif row.turn == "joined":
            self.joined, self.covered = row.event_id, False
        else:
            self.rewritten = row.event_id


@dataclass(frozen=True, slots=True)
class AuditedTable:
    """An audited table, and why its rows cannot be read or not be compared with its events."""

    row: Any
    turns: Turns

    @property
    def name(self) -> str:
        """Its name for people."""
        if self.row.table_name is None:
            return f"table {self.row.table_id}"
        return QualifiedName(self.row.schema_name, self.row.table_name).display

    def values(self) -> dict[str, Any]:
        """What the queries about its rows are told."""
        turns = self.turns
        return {
            "table_id": self.row.table_id,
            "recorded_columns": json.dumps(self.row.recorded_columns),
            "present": [column["name"] for column in self._columns()],
            "key_columns": list(self.row.key_columns),
            "floor": turns.floor,
            "covered": turns.covered,
            "rewritten": turns.rewritten,
            "left": turns.left,
            "joined": turns.joined,
            "since_xid": turns.since_xid,
            "turns": turns.event_ids,
            "knows_tenant": self._tenant() is not None,
        }

    def parts(self) -> dict[str, str]:
        """SQL of which the queries about its rows are made; a row of it is called t."""
        columns = {column["name"]: column for column in self.row.columns}
        images = [f"{Literal(c['name']).sql}, {_image(c)}" for c in self._columns()]
        relation = QualifiedName(self.row.schema_name, self.row.table_name).sql
        parts = {
            "key": _array([_text(columns[name]) for name in self.row.key_columns]),
            "new_key": self._new_key(),
            "tenant": self._tenant() or "NULL::text",
            "images": _object(images),
            "relation": f"ONLY {relation}" if self.row.kind == "r" else relation,
        }
        return {name: text.replace("%", "%%") for name, text in parts.items()}

    def _new_key(self) -> str:
        """The key after the update `e` that changed some of it."""
        columns = {column["name"]: column for column in self.row.columns}
        parts = [
            self._part(columns[name], place, single=len(self.row.key_columns) == 1)
            for place, name in enumerate(self.row.key_columns)
        ]
        return _array(parts)

    def _part(self, column: dict[str, Any], place: int, *, single: bool) -> str:
        name = Literal(column["name"]).sql
        value = f"(e.new_values ->> {name})"
        if column["kind"] == "plain":
            value = f"{value}::{column['base']}::text"
        before = f"CASE WHEN starts_with(e.record_key, '[') THEN e.record_key::jsonb ->> {place} END"
        return value if single else f"CASE WHEN e.new_values ? {name} THEN {value} ELSE {before} END"

    def _columns(self) -> Iterator[dict[str, Any]]:
        recorded = {
            (column["name"], column["type"])
            for column in self.row.recorded_columns
            if column["recorded"] in _RECORDED
        }
        for column in self.row.columns:
            if (column["name"], column["type"]) in recorded:
                yield column

    def _tenant(self) -> str | None:
        """The row's tenant before it is named as the log names it; None where a row does not tell it."""
        kind = self.row.tenant_kind
        if kind == "none":
            return "NULL::text"
        if kind == "value":
            return f"{Literal(self.row.tenant_name).sql}::text"
        own = [column for column in self.row.columns if column["is_tenant"]]
        return _text(own[0]) if kind == "column" and own else None


def audited_tables(session: Session) -> list[AuditedTable]:
    """All that are audited now."""
    turns: dict[int, Turns] = {}
    for row in session.rows("turns"):
        turns.setdefault(row.table_id, Turns()).take(row)
    return [AuditedTable(row, turns.get(row.table_id, Turns())) for row in session.rows("tables")]


def _object(pairs: list[str]) -> str:
    """JSON of names and values; a function takes no more than 100 arguments."""
    chunks = (", ".join(pairs[first : first + 50]) for first in range(0, len(pairs), 50))
    return " || ".join(f"jsonb_build_object({chunk})" for chunk in chunks) or "'{}'::jsonb"


def _array(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"jsonb_build_array({', '.join(parts)})::text"


def _text(column: dict[str, Any]) -> str:
    """The value as text, as keys and tenants have it."""
    value = f"t.{Ident(column['name']).sql}"
    if column["kind"] == "text":
        return f"CASE WHEN num_nulls({value}) = 0 THEN format('%s', {value}) END"
    return f"{value}::text"


def _image(column: dict[str, Any]) -> str:
    """The value as JSON, as events have it."""
    value = f"t.{Ident(column['name']).sql}"
    if column["kind"] == "plain":
        return f"to_jsonb({value})"
    if column["kind"] == "json":
        return f"to_jsonb({value}::text)"
    return f"CASE WHEN num_nulls({value}) = 0 THEN to_jsonb(format('%s', {value})) END"

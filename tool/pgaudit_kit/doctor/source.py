"""Where the checks get their facts from: a connection, and what was read already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from pgaudit_kit.catalog import read_installation, read_tables
from pgaudit_kit.db import Connection
from pgaudit_kit.doctor.model import Row
from pgaudit_kit.model import Installation, RegisteredTable, Table
from pgaudit_kit.plan import Change
from pgaudit_kit.render import Templates

UNSEALED_LIMIT = 100_000
DEFAULT_LIMIT = 10_000
"""No more is counted of what should not be there at all."""


class Source:
    """One look at one installation. Everything is read once, by queries of the kit's own."""

    def __init__(
        self,
        conn: Connection,
        templates: Templates,
        *,
        drift: Iterable[Change] = (),
        pending: Iterable[Change] | None = None,
        drift_error: str | None = None,
        pending_error: str | None = None,
    ) -> None:
        """Look through this connection.

        `drift` is what would bring the database back to its own registry, `pending` what the
        configuration file wants besides (None without a file); the errors say why there is no plan.
        """
        self.conn, self.templates = conn, templates
        self.drift = tuple(drift)
        self.pending = None if pending is None else tuple(pending)
        self.drift_error, self.pending_error = drift_error, pending_error

    def rows(self, path: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """What the query in this file of sql/queries gives."""
        query = self.templates.render(f"queries/{path}.sql").encode()
        with self.conn.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def row(self, path: str, parameters: Mapping[str, Any] | None = None) -> Row:
        """The same for a query that gives one row."""
        return self.rows(path, parameters)[0]

    @cached_property
    def installation(self) -> Installation:
        """What is there of the kit."""
        return read_installation(self.conn, self.templates)

    @cached_property
    def enabled(self) -> list[RegisteredTable]:
        """The tables that the registry says are audited."""
        return [row for row in self.installation.registered if row.enabled]

    @cached_property
    def tables(self) -> dict[int, Table]:
        """Those of them that exist, by OID."""
        oids = [row.relation for row in self.enabled]
        return {table.oid: table for table in read_tables(self.conn, self.templates, oids=oids)}

    @cached_property
    def partitions(self) -> list[Row]:
        """The kit's partitioned tables, each with the rows in its default partition (to the limit)."""
        rows = self.rows("status/partitions")
        for row in rows:
            row["in_default"] = self._rows_in_default(row["default_partition"])
        return rows

    def _rows_in_default(self, name: str | None) -> int | None:
        if name is None:
            return None
        query = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS d")
        table = sql.Identifier(self.templates.schema, name)
        row = self.conn.execute(query.format(table, DEFAULT_LIMIT + 1)).fetchone()
        return row[0] if row else 0

    @cached_property
    def sealing(self) -> Sealing:
        """Where sealing stands."""
        state = self.row("status/seal_state")
        unsealed, oldest = None, None
        if state["same_incarnation"]:
            row = self.row("status/unsealed", {**state, "limit": UNSEALED_LIMIT + 1})
            unsealed, oldest = row["events"], row["oldest_s"]
        return Sealing(
            blocks=state["log_size"],
            tenants=state["tenants"],
            sealed_events=state["sealed_events"],
            sealed_at=state["sealed_at"],
            age_s=state["age_s"],
            unsealed=unsealed,
            oldest_unsealed_s=oldest,
        )

    @cached_property
    def signing(self) -> Row | None:
        """The checkpoint that was prepared last; None where nothing was ever signed."""
        rows = self.rows("status/checkpoints")
        return rows[0] if rows else None

    @cached_property
    def server(self) -> Row:
        """What kind of server it is."""
        return self.row("doctor/server")

    @cached_property
    def privileges(self) -> Row:
        """What the current role may do."""
        return self.row("doctor/privileges")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """Where sealing stands."""

    blocks: int
    tenants: int
    sealed_events: int
    sealed_at: Any
    age_s: float | None
    """Seconds since the last seal record; None before the first."""
    unsealed: int | None
    """Counted as far as UNSEALED_LIMIT + 1; None after a restore or clone, until the next seal."""
    oldest_unsealed_s: float | None

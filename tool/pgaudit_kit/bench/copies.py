"""Two copies of a table, the rows to change in them, and the procedures that change them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from psycopg import sql

from pgaudit_kit.bench.figures import OPERATIONS, Operation
from pgaudit_kit.bench.made_up import OFFSET, made_up
from pgaudit_kit.bench.scratch import Scratch
from pgaudit_kit.bench.source import Source
from pgaudit_kit.db import Connection
from pgaudit_kit.errors import ConfigError, Inconclusive
from pgaudit_kit.model import Column
from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.render import Templates
from pgaudit_kit.render.templates import Sql, dollar_quote, strip_header

COPIES = ("unaudited", "audited")
MOST_BYTES = 64 * 1024 * 1024
"""Of the sampled rows together, so that a table of large documents is not copied whole."""
_CONSIDERED = 60
"""Columns among which those that an UPDATE changes are chosen."""
_CHANGED = 2
_SMALL_BYTES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What there is to change."""

    count: int
    made_up: bool
    changed: tuple[Column, ...]


class Copies:
    """Makes the copies in the scratch schema; in a transaction of the caller's."""

    def __init__(self, conn: Connection, templates: Templates, scratch: Scratch, source: Source) -> None:
        """Nothing is made yet."""
        self._conn, self._templates, self._scratch, self._source = conn, templates, scratch, source
        self._about = {column["name"]: column for column in source.facts.columns}

    def make(self, limit: int, changed: Sequence[str]) -> Rows:
        """Sample or make up to `limit` rows, copy the table twice, and make the procedures."""
        chosen = [self._changeable(name) for name in changed]
        empty = self._source.unreadable is not None or self._sample(limit, made_up=False) == 0
        count = self._sample(limit, made_up=True) if empty else self._count()
        columns = tuple(chosen) or self._choose(made_up=empty)
        self._run("rows", {"rows": self._name("rows"), "changed": self._after(columns, made_up=empty)})
        for copy in COPIES:
            self._copy(copy, bare=empty)
            self._procedures(copy, columns, bare=empty)
        return Rows(count=count, made_up=empty, changed=columns)

    def _sample(self, limit: int, *, made_up: bool) -> int:
        table = self._source.table
        values = {
            "table": table.name,
            "partitioned": table.kind == "p",
            "limit": Literal(limit),
            "most_bytes": Literal(MOST_BYTES),
            "made_up": made_up,
            "columns": [self._sampled(column, made_up) for column in self._columns(bare=made_up)],
            "key": self._key("q", own_names=True),
        }
        place = sql.Identifier(self._scratch.name, "sample")
        self._conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(place))
        self._run("sample", values)
        return self._count()

    def _sampled(self, column: Column, with_value: bool) -> dict[str, Any]:
        value = self._made_up(column, "g.n")[0] if with_value else ""
        return {"name": Ident(column.name), "before": _before(column), "value": Sql(value)}

    def _made_up(self, column: Column, number: str) -> tuple[str, bool]:
        about = self._about[column.name]
        if base := self._plain().get(column.name):
            column = replace(column, type_name=base)
        found = made_up(column, number, labels=about["labels"], array=about["array"])
        if found is not None:
            return found
        if about["not_null"]:
            raise Inconclusive(
                f"{self._source.table.name.display} has no rows that could be read, and none can be made up:"
                f" {column.name!r} is NOT NULL, of type {column.type_name}.",
                hint=self._source.unreadable or "Insert a few rows, or measure a table like it.",
            )
        return f"NULL::{column.type_name}", False

    def _plain(self) -> dict[str, str]:
        """The columns of domains that become plain ones, and their types: checks would run others' code."""
        if self._source.facts.untrusted is None:
            return {}
        return {name: about["base"] for name, about in self._about.items() if about["base"]}

    def _count(self) -> int:
        place = sql.Identifier(self._scratch.name, "sample")
        row = self._conn.execute(sql.SQL("SELECT count(*) FROM {}").format(place)).fetchone()
        return int(row[0]) if row else 0

    def _changeable(self, name: str) -> Column:
        """The column of this name, if an UPDATE of it can be measured."""
        table = self._source.table
        column = table.column(name)
        if column is None:
            known = ", ".join(column.name for column in table.columns)
            raise ConfigError(
                f"{table.name.display} has no column {name!r}.", hint=f"Its columns are {known}."
            )
        if column not in self._candidates():
            raise ConfigError(
                f"{table.name.display}: {name!r} cannot be changed here.",
                hint="Name one that is recorded and no part of a key, of a unique index or of the tenant.",
            )
        return column

    def _candidates(self) -> list[Column]:
        spec = self._source.spec
        kept = {*spec.key, *spec.excluded, spec.tenant_attnum}
        return [
            column
            for column in spec.table.columns
            if column.attnum not in kept and not self._about[column.name]["fixed"]
        ]

    def _choose(self, *, made_up: bool) -> tuple[Column, ...]:
        """The columns that differ most from row to row, small ones first."""
        candidates = self._candidates()[:_CONSIDERED]
        if made_up:
            candidates = [column for column in candidates if self._made_up(column, "0")[1]]
        if not candidates:
            return ()
        values = {
            "columns": [
                {"number": Literal(column.attnum), "before": _before(column)} for column in candidates
            ],
            "sample": self._name("sample"),
        }
        query = self._templates.render("queries/bench/differences.sql", values)
        order = {
            attnum: (different < 2, size > _SMALL_BYTES, -different, attnum)
            for attnum, different, size in self._conn.execute(query.encode())
        }
        return tuple(sorted(candidates, key=lambda column: order[column.attnum])[:_CHANGED])

    def _after(self, columns: Sequence[Column], *, made_up: bool) -> list[dict[str, Any]]:
        """What each becomes; a column that is the same in every row changes to what is made up."""
        changed = []
        for column in columns:
            value = None
            if made_up or not self._differs(column):
                value = Sql(self._made_up(column, f"s.n + {OFFSET}")[0])
            changed.append({"before": _before(column), "after": _after(column), "value": value})
        return changed

    def _differs(self, column: Column) -> bool:
        query = sql.SQL("SELECT count(DISTINCT md5(format('%L', s.{}))) > 1 FROM {} AS s").format(
            sql.Identifier(_before(column).name), sql.Identifier(self._scratch.name, "sample")
        )
        row = self._conn.execute(query).fetchone()
        return bool(row and row[0])

    def _copy(self, copy: str, *, bare: bool) -> None:
        table, facts = self._source.table, self._source.facts
        key = None if facts.untrusted else facts.partition_key
        values = {
            "copy": self._name(copy),
            "partition": self._name(copy if key is None else f"{copy}_partition"),
            "table": table.name,
            "unlogged": table.persistence == "u" and table.kind == "r",
            "bare": bare,
            "key": [Ident(name) for name in table.primary_key],
            "partition_key": Sql(key) if key is not None else None,
            "hashed": bool(key and key.startswith("HASH")),
            "plain": [{"name": Ident(name), "type": Sql(base)} for name, base in self._plain().items()],
        }
        self._run("copy", values)

    def _procedures(self, copy: str, changed: Sequence[Column], *, bare: bool) -> None:
        written = [c for c in self._columns(bare=bare) if bare or not self._about[c.name]["generated"]]
        values = {
            "copy": self._name(copy),
            "rows": self._name("rows"),
            "key": self._key("t", own_names=False),
            "written": [{"name": Ident(c.name), "before": _before(c)} for c in written],
            "changed": [{"name": Ident(c.name), "after": _after(c)} for c in changed],
        }
        for operation in OPERATIONS:
            if operation == "update" and not changed:
                continue
            kinds = {"inserts": operation == "insert", "updates": operation == "update"}
            for file in ("loop", "many"):
                procedure = {"procedure": self._name(f"{file}_{copy}_{operation}")}
                self._run(file, {**values, **kinds, **procedure}, quoted=True)

    def _columns(self, *, bare: bool) -> list[Column]:
        """Those that a row brings along: a virtual one has no value of its own, unless it is made plain."""
        return [column for column in self._source.table.columns if bare or column.generated != "v"]

    def _key(self, alias: str, *, own_names: bool) -> Sql:
        """The record key as one text."""
        found = [self._source.table.by_attnum(attnum) for attnum in self._source.spec.key]
        columns = [column for column in found if column is not None]
        names = [(_before(c) if own_names else Ident(c.name)).sql for c in columns]
        return Sql(f"concat_ws(chr(31), {', '.join(f'{alias}.{name}' for name in names)})")

    def _name(self, name: str) -> QualifiedName:
        return self._scratch.table(name)

    def _run(self, file: str, values: Mapping[str, Any], *, quoted: bool = False) -> None:
        path = f"queries/bench/{file}.sql"
        values = {"sample": self._name("sample"), **values}
        if quoted:
            body = self._templates.render(path, {**values, "quote": Sql("")})
            values = {**values, "quote": Sql(dollar_quote(body))}
        self._conn.execute(strip_header(self._templates.render(path, values)).encode())


def _before(column: Column) -> Ident:
    return Ident(f"c{column.attnum}")


def _after(column: Column) -> Ident:
    return Ident(f"a{column.attnum}")


def call(
    scratch: Scratch, file: str, copy: str, operation: Operation, first: int, last: int, *, wal: bool
) -> bytes:
    """The CALL of one of the procedures; it gives microseconds and, if `wal`, bytes."""
    procedure = scratch.table(f"{file}_{copy}_{operation}").sql
    return f"CALL {procedure}({int(first)}, {int(last)}, NULL, {'0' if wal else 'NULL'})".encode()


def declaration_of(source: Source) -> dict[str, Any]:
    """The declaration without what it does not say, as the file would have it."""
    raw: dict[str, Any] = msgspec.to_builtins(source.declared)
    unsaid: tuple[Any, ...] = (None, [], (), False)
    return {name: value for name, value in raw.items() if value not in unsaid and name != "name"}

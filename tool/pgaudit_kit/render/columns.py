"""Expressions over the columns of one table, for its specialised capture function.

PL/pgSQL prepares every expression anew in each transaction, so what counts is how few there are.
capture_query.sql says the same in SQL, for the generic function; the tests hold both together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgaudit_kit import names
from pgaudit_kit.model import Column
from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.render.templates import Sql
from pgaudit_kit.render.types import CERTAIN, EXACT, FAITHFUL, SHORT

if TYPE_CHECKING:
    from pgaudit_kit.render.capture import CaptureSpec

_QUICK_BYTES = 1_000_000
"""Of rows below that no text is too long for jsonb, however well it is compressed."""
_PAIRS = 50
"""A function takes 100 arguments at most, so 50 columns a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnChange:
    """How an update of one column is noticed and recorded."""

    name: Literal
    differs: Sql
    old: Sql
    new: Sql
    old_target: Sql
    new_target: Sql
    raw_target: Sql
    may_look_equal: bool
    """Whether two different values can have the same JSON (-0 and 0)."""
    looks_equal: Sql


def column_changes(spec: CaptureSpec) -> list[ColumnChange]:
    """The recorded columns in their order."""
    return [_change(column, column.attnum in spec.personal) for column in recorded_columns(spec)]


def recorded_columns(spec: CaptureSpec) -> list[Column]:
    """All columns but excluded and virtual ones."""
    return [
        column
        for column in spec.table.columns
        if column.attnum not in spec.excluded and column.generated != "v"
    ]


def _change(column: Column, personal: bool) -> ColumnChange:
    old, new = _field("OLD", column), _field("NEW", column)
    exact = _is_exact(column)
    middle = "personal_" if personal else ""
    old_image, new_image = _value(column, old), _value(column, new)
    return ColumnChange(
        name=Literal(column.name),
        differs=Sql(_differs(column)),
        old=Sql(old_image),
        new=Sql(new_image),
        old_target=Sql(f"v_{middle}old"),
        new_target=Sql(f"v_{middle}new"),
        raw_target=Sql("v_raw_personal" if personal else "v_raw"),
        may_look_equal=not (exact or column.kind == "json" or column.base_type in FAITHFUL),
        # SQL's NULL and JSON's null give one image
        looks_equal=Sql(
            f"coalesce(to_jsonb({old_image}), 'null')::text = coalesce(to_jsonb({new_image}), 'null')::text"
        ),
    )


def _is_exact(column: Column) -> bool:
    return column.base_type in EXACT and column.deterministic


def _differs(column: Column) -> str:
    old, new = _field("OLD", column), _field("NEW", column)
    if _is_exact(column):
        return f"{old} IS DISTINCT FROM {new}"
    return f"ROW({old})::record *<> ROW({new})::record"


def is_quick(spec: CaptureSpec) -> bool:
    """Whether the images need no block that catches what jsonb refuses, and one INSERT records them."""
    columns = spec.table.columns
    return not spec.personal and all(
        column.kind == "plain" and column.base_type in CERTAIN and column.generated != "v"
        for column in columns
    )


def update_fits(spec: CaptureSpec) -> Sql:
    """Whether the two rows of an update are small enough for quick images, of one tenant, both recorded."""
    tests = []
    if any(column.size != "small" for column in spec.table.columns):
        tests.append(f"pg_column_size(OLD) + pg_column_size(NEW) < {_QUICK_BYTES}")
    if spec.by_column:
        tests.append(f"NOT ({tenant_differs(spec).sql})")
    if spec.crosses:
        tests.append("TG_NARGS = 0")
    return Sql(" AND ".join(tests) or "true")


def tenant_differs(spec: CaptureSpec) -> Sql:
    """Whether the tenant's column changed; false where there is none."""
    column = spec.table.by_attnum(spec.tenant_attnum)
    return Sql(_differs(column) if column else "false")


def lent_differs(spec: CaptureSpec) -> Sql:
    """Whether what other tables find here changed: the key, or whose the row is."""
    columns = (spec.table.by_attnum(attnum) for attnum in (*spec.key, spec.tenant_attnum))
    return Sql(" OR ".join(_differs(column) for column in columns if column is not None))


class RowSql:
    """What a whole row gives, before (`OLD`) or after (`NEW`) the change."""

    def __init__(self, schema: str, spec: CaptureSpec, row: str, whole: str | None = None) -> None:
        """Describe the row variable `row` of the table; `whole`: how all of it is named, where otherwise."""
        self._whole = whole or row
        self._schema = schema
        self._spec = spec
        self._row = row
        recorded = recorded_columns(spec)
        self._personal = [column for column in recorded if column.attnum in spec.personal]
        self._plain = [column for column in recorded if column.attnum not in spec.personal]

    @property
    def key(self) -> Sql:
        """The record key as text."""
        texts = [self._text(attnum) for attnum in self._spec.key]
        return Sql(texts[0] if len(texts) == 1 else f"jsonb_build_array({', '.join(texts)})::text")

    @property
    def tenant(self) -> Sql:
        """The tenant as the log names it."""
        spec = self._spec
        if not spec.by_column:
            return fixed_tenant(self._schema, spec)
        column = self._column(spec.tenant_attnum)
        text = _text(column, _field(self._row, column))
        if spec.tenant_kind == "via":
            return via_tenant(self._schema, spec, text)
        if column.base_type in SHORT:
            return Sql(f"coalesce({text}, 'default')")
        return Sql(
            f"CASE WHEN {text} IS NULL THEN 'default' "
            f"WHEN octet_length({text}) > 200 "
            f"THEN 'sha256:' || encode(sha256(convert_to({text}, 'UTF8')), 'hex') "
            f"WHEN starts_with({text}, '_') THEN '_' || {text} ELSE {text} END"
        )

    @property
    def fits(self) -> Sql:
        """Whether the row is small enough for a quick image."""
        return Sql(f"pg_column_size({self._row}) < {_QUICK_BYTES}" if self._may_be_large else "true")

    @property
    def image_fits(self) -> Sql:
        """Nothing, or one more condition: whether the image cannot be so large that it becomes a digest."""
        return Sql(f" AND pg_column_size({self._row}) < 8000" if self._may_be_large else "")

    @property
    def key_fits(self) -> Sql:
        """Nothing, or one more condition: whether the key is recorded as it is."""
        if all(self._column(attnum).base_type in SHORT for attnum in self._spec.key):
            return Sql("")
        return Sql(f" AND octet_length({self.key.sql}) <= 1000")

    @property
    def _may_be_large(self) -> bool:
        columns = self._spec.table.columns
        return len(columns) > _PAIRS or any(column.size != "small" for column in columns)

    @property
    def subject(self) -> Sql:
        """Whose data it is."""
        return Sql(self._text(self._spec.subject_attnum))

    @property
    def recorded(self) -> Sql:
        """The whole row without personal and excluded columns, as jsonb."""
        everything = self._spec.table.columns
        if not self._plain:
            return Sql("'{}'::jsonb")
        if any(column.kind != "plain" for column in everything):
            return Sql(self._object(self._plain))
        left_out = [column.name for column in everything if column not in self._plain]
        whole = f"to_jsonb({self._whole})"
        return Sql(f"{whole} - {Literal(left_out).sql}::text[]" if left_out else whole)

    @property
    def personal(self) -> Sql:
        """The personal columns as jsonb."""
        return Sql(self._object(self._personal) if self._personal else "NULL")

    @property
    def raw(self) -> Sql:
        """The text of the recorded columns, where their JSON hides a change."""
        return Sql(self._record(self._plain))

    @property
    def raw_personal(self) -> Sql:
        """The text of the personal columns."""
        return Sql(self._record(self._personal))

    def _record(self, columns: list[Column]) -> str:
        return f"ROW({', '.join(_field(self._row, column) for column in columns)})::text"

    def _object(self, columns: list[Column]) -> str:
        calls = []
        for start in range(0, len(columns), _PAIRS):
            pairs = ", ".join(
                f"{Literal(column.name).sql}, {_value(column, _field(self._row, column))}"
                for column in columns[start : start + _PAIRS]
            )
            calls.append(f"jsonb_build_object({pairs})")
        return " || ".join(calls)

    def _text(self, attnum: int | None) -> str:
        column = self._column(attnum)
        return _text(column, _field(self._row, column))

    def _column(self, attnum: int | None) -> Column:
        column = self._spec.table.by_attnum(attnum)
        assert column is not None, attnum  # noqa: S101 - the plan resolved it
        return column


def via_tenant(schema: str, spec: CaptureSpec, key: str) -> Sql:
    """The tenant of the other table's row with this key."""
    return Sql(f"{QualifiedName(schema, 'via_tenant').sql}({int(spec.tenant_parent or 0)}, {key})")


def fixed_tenant(schema: str, spec: CaptureSpec) -> Sql:
    """The tenant where no column names it."""
    if spec.tenant_kind == "setting":
        setting = Literal(spec.tenant_name).sql
        stored, context = (QualifiedName(schema, name).sql for name in ("stored_tenant", "read_context"))
        return Sql(
            f"{stored}(coalesce(nullif(current_setting({setting}, true), ''), {context}() ->> 'tenant_id'))"
        )
    return Sql(Literal(names.stored_tenant(spec.tenant_name)).sql)


def _field(row: str, column: Column) -> str:
    return f"{row}.{Ident(column.name).sql}"


def _text(column: Column, field: str) -> str:
    """The value as text; a type of somebody's own by its output function, never by a cast."""
    if column.kind == "text":
        return f"CASE WHEN num_nulls({field}) = 0 THEN format('%s', {field}) END"
    return f"({field})::text"


def _value(column: Column, field: str) -> str:
    """The value as an argument of jsonb_build_object."""
    return field if column.kind == "plain" else _text(column, field)

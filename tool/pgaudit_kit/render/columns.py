"""Expressions over the columns of one table, for its specialised capture function.

PL/pgSQL prepares every expression anew in each transaction, so what counts is how few there are.
capture_query.sql says the same in SQL, for the generic function; the tests hold both together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgaudit_kit import names
from pgaudit_kit.model import Column, Table
from pgaudit_kit.names import Ident, Literal, QualifiedName
from pgaudit_kit.render.templates import Sql

if TYPE_CHECKING:
    from pgaudit_kit.render.capture import CaptureSpec

_QUICK_BYTES = 1_000_000
"""Of rows below that no text is too long for jsonb, however well it is compressed."""
_PAIRS = 50
"""A function takes 100 arguments at most, so 50 columns a call."""

# OIDs of built-in types; they are the same on every server.
_EXACT = {16, 17, 18, 19, 20, 21, 23, 25, 26, 1043, 1082, 1083, 1114, 1184, 2950}
"""Types whose equality means equal bytes, under a deterministic collation."""
_SHORT = {16, 20, 21, 23, 26, 1082, 1083, 1114, 1184, 2950}
"""Types whose text is short and never begins with an underscore."""
_FAITHFUL = {
    600,
    790,
    869,
    650,
    829,
    774,
    1042,
    1083,
    1186,
    1266,
    1560,
    1562,
    1700,
    3904,
    3906,
    3908,
    3910,
    3912,
    3926,
}
"""Types of which no two values have the same JSON."""
_FLOATS = {700, 701, 1021, 1022}
_CERTAIN = {
    16, 17, 20, 21, 23, 25, 26, 650, 700, 701, 829, 869, 1042, 1043, 1082, 1083, 1114, 1184, 1186, 1700, 2950,
}  # fmt: skip
"""Types of which every value becomes jsonb, unless a text is longer than jsonb can hold."""
_NAMES = {24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4089, 4096, 4191}
"""regclass and its kin, whose text is a name."""
_SETTINGS: dict[str, tuple[str, set[int]]] = {
    "timezone": ("'UTC'", {1082, 1083, 1114, 1184, 1266, 1182, 1183, 1115, 1185, 1270, 3908, 3910, 3912}),
    "datestyle": ("'ISO'", {1082, 1114, 1184, 1182, 1115, 1185, 3908, 3910, 3912}),
    "intervalstyle": ("'iso_8601'", {1186, 1187}),
    "bytea_output": ("'hex'", {17, 1001}),
    "extra_float_digits": ("1", _FLOATS | {600, 601, 602, 603, 604, 628, 718}),
    "lc_monetary": ("'C'", {790, 791}),
    "quote_all_identifiers": ("off", _NAMES),
}
_INDIFFERENT = {
    16, 18, 19, 20, 21, 23, 25, 26, 114, 650, 829, 869, 774, 1000, 1002, 1003, 1005, 1007, 1009, 1014,
    1015, 1016, 1028, 1041, 1042, 1043, 1231, 1560, 1562, 1700, 2950, 2951, 3802, 3807,
}  # fmt: skip
"""Types whose text depends on no setting: numbers, texts, jsonb, uuid, inet, bits, and their arrays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A SET clause."""

    name: Sql
    value: Sql


def pins(table: Table) -> list[Pin]:
    """The settings that the text of the table's values depends on; each costs 3 to 5 µs a call."""
    known = set().union(*(oids for _, oids in _SETTINGS.values())) | _INDIFFERENT
    types = {column.base_type for column in table.columns}
    unknown = any(column.kind == "text" or column.base_type not in known for column in table.columns)
    return [
        Pin(name=Sql(name), value=Sql(value))
        for name, (value, oids) in _SETTINGS.items()
        if unknown or types & oids
    ]


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
        may_look_equal=not (exact or column.kind == "json" or column.base_type in _FAITHFUL),
        # SQL's NULL and JSON's null give one image
        looks_equal=Sql(
            f"coalesce(to_jsonb({old_image}), 'null')::text = coalesce(to_jsonb({new_image}), 'null')::text"
        ),
    )


def _is_exact(column: Column) -> bool:
    return column.base_type in _EXACT and column.deterministic


def _differs(column: Column) -> str:
    old, new = _field("OLD", column), _field("NEW", column)
    if _is_exact(column):
        return f"{old} IS DISTINCT FROM {new}"
    return f"ROW({old})::record *<> ROW({new})::record"


def is_quick(spec: CaptureSpec) -> bool:
    """Whether the images need no block that catches what jsonb refuses, and one INSERT records them."""
    columns = spec.table.columns
    return not spec.personal and all(
        column.kind == "plain" and column.base_type in _CERTAIN and column.generated != "v"
        for column in columns
    )


def update_fits(spec: CaptureSpec) -> Sql:
    """Whether the two rows of an update are small enough for quick images, and of one tenant."""
    tests = []
    if any(column.size != "small" for column in spec.table.columns):
        tests.append(f"pg_column_size(OLD) + pg_column_size(NEW) < {_QUICK_BYTES}")
    if spec.tenant_kind == "column":
        column = spec.table.by_attnum(spec.tenant_attnum)
        assert column is not None, spec.tenant_attnum  # noqa: S101 - the plan resolved it
        tests.append(f"NOT ({_differs(column)})")
    return Sql(" AND ".join(tests) or "true")


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
        if spec.tenant_kind != "column":
            return fixed_tenant(self._schema, spec)
        column = self._column(spec.tenant_attnum)
        text = _text(column, _field(self._row, column))
        if column.base_type in _SHORT:
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
        if all(self._column(attnum).base_type in _SHORT for attnum in self._spec.key):
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

"""What is known of PostgreSQL's built-in types: when equal is identical, and what their text depends on."""

from __future__ import annotations

from dataclasses import dataclass

from pgaudit_kit.model import Table
from pgaudit_kit.render.templates import Sql

# OIDs of built-in types; they are the same on every server.
EXACT = {16, 17, 18, 19, 20, 21, 23, 25, 26, 1043, 1082, 1083, 1114, 1184, 2950}
"""Types whose equality means equal bytes, under a deterministic collation."""
SHORT = {16, 20, 21, 23, 26, 1082, 1083, 1114, 1184, 2950}
"""Types whose text is short and never begins with an underscore."""
FAITHFUL = {
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
CERTAIN = {
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
    """The settings that the text of the table's values depends on."""
    known = set().union(*(oids for _, oids in _SETTINGS.values())) | _INDIFFERENT
    types = {column.base_type for column in table.columns}
    unknown = any(column.kind == "text" or column.base_type not in known for column in table.columns)
    return [
        Pin(name=Sql(name), value=Sql(value))
        for name, (value, oids) in _SETTINGS.items()
        if unknown or types & oids
    ]

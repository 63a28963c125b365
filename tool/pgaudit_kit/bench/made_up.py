"""Values for rows that nobody has: by a column's type, each from the number of its row. Pure."""

from __future__ import annotations

import re

from pgaudit_kit.model import Column

OFFSET = 100_003
"""What a changed value's number is ahead by: a prime, so that short cycles of values do not return to it."""

_NUMBERED = {
    16: "{n} % 2 = 0",  # boolean
    17: "decode(md5(({n})::text), 'hex')",  # bytea
    18: "chr((65 + {n} % 26)::integer)",  # "char"
    19: "({n})::text",  # name
    20: "{n}",  # bigint
    21: "{n} % 30000",  # smallint
    23: "{n}",  # integer
    25: "md5(({n})::text)",  # text
    26: "{n}",  # oid
    114: "json_build_object('number', {n}, 'text', md5(({n})::text))",
    142: "('<a>' || {n} || '</a>')::xml",
    650: "set_masklen('10.0.0.0'::inet + {n}, 32)::cidr",
    700: "{n}",  # real
    701: "{n}",  # double precision
    790: "({n})::integer::money",
    829: "('08002b' || substr(md5(({n})::text), 1, 6))::macaddr",
    869: "'10.0.0.0'::inet + {n}",
    1042: "md5(({n})::text)",  # character
    1043: "md5(({n})::text)",  # character varying
    1082: "'2000-01-01'::date + ({n} % 30000)::integer",
    1083: "'00:00'::time + ({n}) * '1 second'::interval",
    1114: "'2000-01-01'::timestamp + ({n}) * '1 minute'::interval",
    1184: "'2000-01-01 00:00+00'::timestamptz + ({n}) * '1 minute'::interval",
    1186: "({n}) * '1 second'::interval",
    1266: "('00:00'::time + ({n}) * '1 second'::interval)::timetz",
    1560: "({n})::bigint::bit(64)",
    1562: "({n})::bigint::bit(64)",
    1700: "({n})::numeric",
    2950: "md5(({n})::text)::uuid",
    3614: "to_tsvector('simple', md5(({n})::text))",
    3802: "jsonb_build_object('number', {n}, 'text', md5(({n})::text))",
}


def made_up(column: Column, number: str, *, labels: int, array: bool) -> tuple[str, bool] | None:
    """SQL for a value of the column's type, and whether it varies with `number`; None: there is none.

    `type_name` is what the server's format_type printed; everything else here is ours.
    """
    if labels:
        place = f"1 + (({number}) % {labels})::integer"
        return f"(enum_range(NULL::{column.type_name}))[{place}]", labels > 1
    if array:
        return f"'{{}}'::{column.type_name}", False
    template = _NUMBERED.get(column.base_type)
    if template is None:
        return None
    value = template.format(n=_within(column, number))
    return f"({value})::{column.type_name}", True


def _within(column: Column, number: str) -> str:
    """The number, small enough for what a numeric may hold."""
    limits = re.search(r"numeric\((\d+),(-?\d+)\)", column.type_name)
    if limits is None:
        return number
    digits = int(limits[1]) - int(limits[2])
    return f"({number}) % {10 ** min(digits, 15)}" if digits > 0 else "0"

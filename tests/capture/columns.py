"""A table with a column of every kind of type, and values for each."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import psycopg
from hypothesis import strategies as st

from tests.capture.helpers import has_xml, one
from tests.servers import Database

Values = st.SearchStrategy[Any]

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12) | st.sampled_from(
    [
        "",
        "_",
        "null",
        "NULL",
        '"',
        "\\",
        "{}",
        "]={1}",
        "%s %1$s",
        "a\nb",
        "\u0001",
        "x" * 300,
        "é",
        "e\u0301",
    ]
)
NUMBERS = st.sampled_from(["0", "-0", "1", "1.0", "1.00", "1e3", "-7.5", "NaN", "1e131000", "0.10e-50"])
FLOATS = st.sampled_from(
    ["0", "-0", "1.5", "NaN", "Infinity", "-Infinity", "1e300", "1e-300", "0.30000000000000004"]
)
MOMENTS = st.sampled_from(
    [
        *("infinity", "-infinity", "2020-03-29 01:30:00+00", "2020-03-29 01:30:00.000001+00"),
        *("0044-03-15 12:00:00+00 BC", "12020-01-01 00:00:00+00"),
    ]
)
DATES = st.sampled_from(["infinity", "2020-02-29", "0044-03-15 BC", "12020-01-01"])
JSONB = st.sampled_from(
    ["null", "1", "1.0", "1.00", '""', '"null"', "[1, null]", '{"b": 1, "a": {"~row": "x"}}']
)
RAW_JSON = ['{"a":1,"a":2}', r'"\u0000"', r'"\ud800"', "1e200000", " [1 ,  2]\n", '"\u20ac"']
JSON = JSONB | st.sampled_from(RAW_JSON)
POINTS = st.sampled_from(["(0,0)", "(-0,1)", "(0.1,1e100)", "(NaN,Infinity)"])


def choice(*values: str) -> Values:
    """One of these."""
    return st.sampled_from(values)


def array(inner: Values) -> Values:
    """An array's text, also with other bounds, nulls and two dimensions."""
    quoted = inner.map(lambda text: json.dumps(text, ensure_ascii=False) if text is not None else "NULL")
    quoted = quoted.map(lambda text: text.replace(r"\n", "\n").replace(r"\u0001", "\u0001"))
    one_way = st.lists(quoted | st.just("NULL"), max_size=3).map(lambda items: "{" + ",".join(items) + "}")
    bounds = quoted.map(lambda item: "[3:3]={" + item + "}")
    both = st.lists(quoted, min_size=2, max_size=2).map(lambda pair: "{{" + pair[0] + "},{" + pair[1] + "}}")
    return one_way | bounds | both


TYPES = (
    "CREATE TYPE public.mood AS ENUM ('fine', 'not fine', 'null', '_')",
    "CREATE TYPE public.pair AS (x float8, y text, j json)",
    "CREATE DOMAIN public.label AS text CHECK (value <> 'bad')",
    "CREATE DOMAIN public.labels AS public.label[]",
    "CREATE DOMAIN public.doc AS jsonb",
    "CREATE DOMAIN public.rawdoc AS json",
    'CREATE TYPE public.labelrange AS RANGE (subtype = public.label, collation = "C")',
)

COLUMNS: dict[str, tuple[str, Values]] = {
    "truth": ("bool", choice("t", "f")),
    "letter": ('"char"', choice("a", "_", "")),
    "padded": ("char(3)", choice("", "a", "a b", "_")),
    "blank": ("bpchar", choice("a", "a ", "")),
    "a_name": ("name", choice("a", "_x", "tg_op")),
    "words": ("text", TEXTS),
    "short": ("varchar(5)", choice("", "abc", "ab ")),
    "small": ("int2", choice("-1", "0", "32767")),
    "whole": ("int4", choice("-1", "0", "7")),
    "big": ("int8", choice("-1", "9223372036854775807")),
    "number": ("oid", choice("0", "4294967295")),
    "amount": ("numeric", NUMBERS),
    "real4": ("float4", choice("0", "-0", "1.1", "NaN", "Infinity", "1e30")),
    "real8": ("float8", FLOATS),
    "cash": ("money", choice("0", "1", "-3")),
    "day": ("date", DATES),
    "clock": ("time", choice("00:00", "24:00", "12:30:00.5")),
    "clock_zone": ("timetz", choice("12:00+02", "10:00+00")),
    "moment": ("timestamp", choice("2020-01-01", "infinity", "2020-01-01 00:00:00.5")),
    "moment_zone": ("timestamptz", MOMENTS),
    "span": ("interval", choice("P1D", "PT24H", "P1M", "P30D", "P-1DT0.5S", "P1Y2M")),
    "bytes": ("bytea", choice(r"\x", r"\x00ff", r"\x5c")),
    "bits": ("bit(3)", choice("101", "000")),
    "more_bits": ("varbit", choice("", "1", "10")),
    "id128": ("uuid", choice("11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222")),
    "host": ("inet", choice("10.0.0.1", "10.0.0.1/24", "::1")),
    "net": ("cidr", choice("10.0.0.0/8", "::/0")),
    "mac": ("macaddr", choice("08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff")),
    "raw": ("json", JSON),
    "tree": ("jsonb", JSONB),
    "path_of": ("jsonpath", choice("$.a", '$."b c"[*]')),
    "spot": ("point", POINTS),
    "shape": ("box", choice("(1,1),(0,0)", "(2,2),(-0,0)")),
    "area": ("polygon", choice("((0,0),(1,1),(1,0))", "((0,0),(1,1))")),
    "track": ("path", choice("((0,0),(1,1))", "[(0,0),(1,1)]")),
    "disc": ("circle", choice("<(0,0),1>", "<(0,0),2>")),
    "lexemes": ("tsvector", choice("a:1 b:2", "'a b':1A")),
    "search": ("tsquery", choice("a & b", "a | !b")),
    "whole_range": ("int4range", choice("[1,3)", "empty", "(,5]")),
    "amount_range": ("numrange", choice("[1.0,2.0)", "[1.00,2.0)", "empty")),
    "moment_range": (
        "tstzrange",
        choice("[2020-01-01 00:00+00,)", "[2020-01-01 00:00+00,2021-01-01 00:00+00)"),
    ),
    "day_ranges": ("datemultirange", choice("{}", "{[2020-01-01,2020-02-01),[2021-01-01,)}")),
    "wholes": ("int4[]", array(choice("1", "-2"))),
    "word_list": ("text[]", array(TEXTS)),
    "reals": ("float8[]", array(choice("0", "-0", "NaN"))),
    "days": ("date[]", array(DATES)),
    "trees": ("jsonb[]", array(choice("null", "1", "1.0", '{"a": "b"}'))),
    "raws": ("json[]", array(choice("null", '{"a":1,"a":2}', r'"\u0000"'))),
    "feeling": ("public.mood", choice("fine", "null", "_")),
    "feelings": ("public.mood[]", array(choice("fine", "not fine"))),
    "tag": ("public.label", TEXTS),
    "tags": ("public.labels", array(choice("a", "null", ""))),
    "document": ("public.doc", JSONB),
    "raw_document": ("public.rawdoc", JSON),
    "both": ("public.pair", choice('(1,a,"{""a"":1}")', '(-0,"a b",)', "(,,)", r'(0,,"""\\u0000""")')),
    "many": ("public.pair[]", choice("{}", '{"(0,a,)","(-0,,)"}')),
    "tag_range": ("public.labelrange", choice("[a,b)", "empty")),
    "lsn": ("pg_lsn", choice("0/0", "16/B374D848")),
    "relation": ("regclass", choice("pg_class", "pg_catalog.pg_proc", "0")),
    "old": ("text", TEXTS),
    "~row": ("text", TEXTS),
    "v_new": ("int4[]", array(choice("1", "2"))),
}


def types_of(db: Database) -> dict[str, tuple[str, Values]]:
    """Makes the types; the columns that this server can have."""
    columns = dict(COLUMNS)
    for statement in TYPES:
        db.execute(statement.encode())
    if has_xml(db):
        columns["markup"] = ("xml", choice("<a/>", "<a></a>", "<?xml version='1.0'?><a/>"))
    for extension, kind in (("citext", "citext"), ("hstore", "hstore")):
        if one(db, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = %s)", extension):
            db.execute(f"CREATE EXTENSION {extension} SCHEMA public".encode())
            values = choice("A", "a", "_") if kind == "citext" else choice("a=>1", "a=>NULL,b=>2", "")
            columns[f"ext_{kind}"] = (f"public.{kind}", values)
    with contextlib.suppress(psycopg.errors.FeatureNotSupported):  # built without ICU
        db.execute(
            b"CREATE COLLATION public.loose"
            b" (provider = icu, locale = 'und-u-ks-level1', deterministic = false)"
        )
        columns["loose"] = ("text COLLATE public.loose", choice("a", "A", "b"))
    return columns

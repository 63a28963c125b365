"""T10: no value, however odd or large, and no missing partition fails the business's write."""

from __future__ import annotations

import psycopg
import pytest

from tests.capture.helpers import has_xml, one
from tests.traps.trap import Trap

# type and value: to_jsonb of most of these raises, or comes out as something else
ODD = {
    "json NUL": ("json", "'\"\\u0000\"'"),
    "json surrogate": ("json", "'\"\\ud800\"'"),
    "json pair": ("json", "'\"\\ud83d\\ude00\"'"),
    "json number": ("json", "'1e200000'"),
    "json deep": ("json", "(repeat('[', 2000) || repeat(']', 2000))::json"),
    "json array": ("json[]", "ARRAY['\"\\u0000\"'::json]"),
    "numeric": ("numeric", "'1e131071'"),
    "small": ("numeric", "'1e-16383'"),
    "not a number": ("numeric", "'NaN'"),
    "float": ("float8", "'-Infinity'"),
    "date": ("date", "'infinity'"),
    "before": ("date", "'4713-01-01 BC'"),
    "late": ("date", "'5874897-12-31'"),
    "time": ("timestamptz", "'-infinity'"),
    "midnight": ("timetz", "'24:00:00-15:59'"),
    "range": ("tsrange", "'[-infinity,infinity]'"),
    "empty": ("int4range", "'empty'"),
    "bounds": ("int[]", "'[-5:-4][0:1]={{1,2},{3,NULL}}'"),
    "bytes": ("bytea", r"'\x00ff00'"),
    "control": ("text", r"E'\x01\x1f\x7f\u2028\\'"),
    "xml": ("xml", '\'<?xml version="1.0" encoding="utf-8"?><a>&#10;</a>\''),
    "path": ("path", "'[(1e308,-1e-308),(0,0)]'"),
    "bits": ("bit varying", "repeat('10', 5000)::bit varying"),
    "search": ("tsvector", "'''a'':1A b:16383D'"),
    "plan": ("pg_lsn", "'FFFFFFFF/FFFFFFFF'"),
    "snapshot": ("pg_snapshot", "'10:20:10,14'"),
}


def test_no_odd_value_fails_a_write_and_each_can_be_read_back(trap: Trap, mode: str):
    cases = {name: case for name, case in ODD.items() if case[0] != "xml" or has_xml(trap.db)}
    if trap.db.info.server_version >= 170000:
        cases["span"] = ("interval", "'infinity'")
    columns = ", ".join(f'"{name}" {kind}' for name, (kind, _) in cases.items())
    t = trap.audit(f"CREATE TABLE public.t (id int PRIMARY KEY, {columns})", mode=mode)
    trap.do("INSERT INTO public.t (id) VALUES (1)")
    for name, (_, value) in cases.items():
        trap.do(f'UPDATE public.t SET "{name}" = {value}', f'UPDATE public.t SET "{name}" = "{name}"')
    updates = t.events()[1:]
    assert [set(event.new) - {"~row"} for event in updates] == [{name} for name in cases]
    for event, (name, (kind, _)) in zip(updates, cases.items(), strict=True):
        value = one(
            trap.db,
            "SELECT CASE jsonb_typeof(v) WHEN 'array' THEN v::text ELSE v #>> '{}' END"
            " FROM jsonb_extract_path(%s::jsonb, %s) AS v",
            *(event.new_text, name),
        )
        if name == "bounds":
            assert value == one(trap.db, 'SELECT to_jsonb("bounds")::text FROM public.t')
        elif kind in ("timestamptz", "tsrange", "timetz"):
            assert "infinity" in value or "24:00:00" in value
        else:
            back = f"format('%%s', %s::{kind}) = format('%%s', \"{name}\")"
            assert one(trap.db, f"SELECT {back} FROM public.t", value), name
    trap.do("DELETE FROM public.t")
    trap.proved()


def test_a_missing_partition_fails_no_write_and_doctor_warns(trap: Trap):
    t = trap.audit("CREATE TABLE public.t (id int PRIMARY KEY, a text)")
    trap.proved()
    today = one(trap.db, "SELECT tableoid::regclass::text FROM audit.change_events LIMIT 1")
    assert today != "audit.change_events_default"
    trap.do(f"ALTER TABLE audit.change_events DETACH PARTITION {today}")
    trap.do("INSERT INTO public.t VALUES (1, 'x')")
    assert one(trap.db, "SELECT count(*) FROM audit.change_events_default WHERE operation = 'I'") == 1
    assert trap.doctor("default-partitions")[0] != "ok"
    trap.do(f"DROP TABLE {today}")
    assert [event.operation for event in t.events()] == ["INSERT"]


def test_an_event_that_cannot_be_recorded_fails_the_write_with_a_clear_error(trap: Trap, mode: str):
    """Fail closed: neither without its event nor half."""
    t = trap.audit("CREATE TABLE public.t (id int PRIMARY KEY, a text)", mode=mode)
    trap.do("ALTER TABLE audit.change_events ADD CONSTRAINT full_disk CHECK (operation <> 'I') NOT VALID")
    with pytest.raises(psycopg.errors.CheckViolation) as caught:
        trap.do("INSERT INTO public.t VALUES (1, 'x')")
    assert "change_events" in str(caught.value)
    assert one(trap.db, "SELECT count(*) FROM public.t") == 0
    trap.do(
        "ALTER TABLE audit.change_events DROP CONSTRAINT full_disk", "INSERT INTO public.t VALUES (1, 'x')"
    )
    assert [event.operation for event in t.events()] == ["INSERT"]
    trap.proved()

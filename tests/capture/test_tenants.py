"""Whose log an event belongs to, and what of it is personal."""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg
import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import BULK_MODES, MODES, Audited, enable, one
from tests.servers import Database, connect

IN_MODES = MODES + BULK_MODES

LONG = "é" * 101
DIGEST = "sha256:" + hashlib.sha256(LONG.encode()).hexdigest()
TENANTS = {"acme": "acme", "_x": "__x", "_system": "__system", "": "", LONG: DIGEST, "é" * 100: "é" * 100}


def tenants(t: Audited) -> list[str]:
    return [event.tenant_id for event in t.events()]


def test_tenant_of_a_column(audited: Audit):
    t = audited("CREATE TABLE public.t (id int PRIMARY KEY, tenant text)", "--tenant-column", "tenant")
    for number, name in enumerate(TENANTS):
        t.db.execute("INSERT INTO public.t VALUES (%s, %s)", [number, name])
    t.do("INSERT INTO public.t VALUES (-1, NULL)", "DELETE FROM public.t WHERE id = -1")
    assert tenants(t) == [*TENANTS.values(), "default", "default"]


def test_tenant_column_of_other_types(audited: Audit):
    cases = {
        "int": ("7", "7"),
        '"char"': ("'_'", "__"),
        "char(3)": ("'a'", "a"),
        "uuid NOT NULL": ("'11111111-1111-1111-1111-111111111111'", "11111111-1111-1111-1111-111111111111"),
        "bool": ("true", "true"),
        "name": ("'_n'", "__n"),
        "date": ("'2020-02-03'", "2020-02-03"),
    }
    for number, (kind, (value, tenant)) in enumerate(cases.items()):
        table = f"public.t{number}"
        t = audited(
            f"CREATE TABLE {table} (id int PRIMARY KEY, c {kind})", "--tenant-column", "c", table=table
        )
        t.do(f"SET DateStyle = 'German'; INSERT INTO {table} VALUES (1, {value}); RESET DateStyle")
        assert tenants(t) == [tenant]


def test_tenant_of_a_setting_or_else_of_the_context(audited: Audit):
    t = audited("CREATE TABLE public.t (id serial PRIMARY KEY)", "--tenant-setting", "app.tenant")
    insert = "INSERT INTO public.t DEFAULT VALUES"
    t.do(
        insert,
        f"SELECT audit.set_context(tenant_id => '_ctx'); {insert}",
        f"SET LOCAL app.tenant = 'acme'; SELECT audit.set_context(tenant_id => 'ctx'); {insert}",
        f"{insert}; TRUNCATE public.t",
        "SET LOCAL app.tenant = '_x'; TRUNCATE public.t",
        "SELECT audit.set_context(tenant_id => 'ctx'); TRUNCATE public.t",
    )
    assert tenants(t) == ["default", "__ctx", "acme", "default", "default", "__x", "ctx"]


def test_declared_tenant_wins_over_the_context(audited: Audit):
    for number, (options, tenant) in enumerate(
        {("--tenant-value", "_fixed"): "__fixed", (): "default", ("--tenant-column", "c"): "col"}.items()
    ):
        table = f"public.t{number}"
        t = audited(f"CREATE TABLE {table} (id int PRIMARY KEY, c text)", *options, table=table)
        t.do(f"SELECT audit.set_context(tenant_id => 'forged'); INSERT INTO {table} VALUES (1, 'col')")
        assert tenants(t) == [tenant]
        (event,) = t.do(f"TRUNCATE {table}")
        assert event.tenant_id == ("default" if "--tenant-column" in options else tenant)


def test_row_that_changes_its_tenant_is_in_both_logs(audited: Audit):
    t = audited(
        "CREATE TABLE public.t (id int PRIMARY KEY, tenant text, a int, mail text, who text, s int)",
        *("--tenant-column", "tenant", "--personal", "mail", "--subject-column", "who", "--exclude", "s"),
    )
    t.do("INSERT INTO public.t VALUES (1, 'acme', 5, 'old@mail', 'ann', 1)")
    t.seen()
    t.do("UPDATE public.t SET id = 2, tenant = 'beta', mail = 'new@mail', who = 'bob'")
    leaves, enters = t.events()
    assert (leaves.tenant_id, *leaves.change) == (
        *("acme", "UPDATE", "1"),
        {"id": "1", "tenant": "acme", "a": "5", "who": "ann"},
        {},
    )
    assert (enters.tenant_id, *enters.change) == (
        *("beta", "UPDATE", "1"),
        {},
        {"id": "2", "tenant": "beta", "a": "5", "who": "bob"},
    )
    assert (leaves.new_text, enters.old_text) == (None, None)
    stored = t.db.execute(
        "SELECT tenant_id, subject, old_values, new_values FROM audit.personal_values ORDER BY event_id"
    ).fetchall()
    assert stored[1:] == [
        ("acme", "ann", {"mail": "old@mail"}, None),
        ("beta", "bob", None, {"mail": "new@mail"}),
    ]


PERSONAL = (
    "CREATE TABLE public.t (id int PRIMARY KEY, mail text, score float8, note text, who int)",
    *("--personal", "mail", "--personal", "score", "--subject-column", "who"),
)
SECRETS = ("ann@example.org", "bob@example.org")


def personal(t: Audited) -> list[tuple[Any, ...]]:
    """The personal values beside the events, and whether the commitment is right."""
    return t.db.execute(
        "SELECT p.subject, p.old_values, p.new_values, e.personal_commitment = sha256(p.salt || convert_to("
        "jsonb_build_array(p.old_values, p.new_values, p.context)::text, 'UTF8'))"
        " FROM audit.change_events AS e LEFT JOIN audit.personal_values AS p USING (event_id, occurred_at)"
        " WHERE e.operation <> 'C' ORDER BY e.event_id"
    ).fetchall()


def test_personal_values_are_kept_apart_with_a_commitment(audited: Audit):
    t = audited(*PERSONAL)
    t.do(
        f"INSERT INTO public.t VALUES (1, '{SECRETS[0]}', 0, 'n', 7)",
        f"UPDATE public.t SET mail = '{SECRETS[1]}'",
        "UPDATE public.t SET note = 'm'",
        "UPDATE public.t SET score = '-0', note = NULL, who = 8",
        "DELETE FROM public.t",
    )
    assert t.changes == [
        ("INSERT", "1", {}, {"id": "1", "note": "n", "who": "7"}),
        ("UPDATE", "1", {}, {}),
        ("UPDATE", "1", {"note": "n"}, {"note": "m"}),
        ("UPDATE", "1", {"note": "m", "who": "7"}, {"note": None, "who": "8"}),
        ("DELETE", "1", {"id": "1", "note": None, "who": "8"}, {}),
    ]
    assert personal(t) == [
        ("7", None, {"mail": SECRETS[0], "score": 0}, True),
        ("7", {"mail": SECRETS[0]}, {"mail": SECRETS[1]}, True),
        (None, None, None, None),
        (
            "7",
            {"score": 0, "~row": f"({SECRETS[1]},0)"},
            {"score": 0, "~row": f"({SECRETS[1]},-0)"},
            True,
        ),
        ("8", {"mail": SECRETS[1], "score": 0}, None, True),
    ]
    lines = one(t.db, "SELECT string_agg(audit.event_line(e), ' ') FROM audit.change_events AS e")
    assert not any(secret in lines for secret in SECRETS)


def test_personal_key_is_recorded_as_a_digest(audited: Audit):
    t = audited(
        "CREATE TABLE public.t (mail text, n int, a int, PRIMARY KEY (mail, n))", "--personal", "mail"
    )
    t.do(f"INSERT INTO public.t VALUES ('{SECRETS[0]}', 1, 1)", "UPDATE public.t SET a = 2")
    rows = t.db.execute(
        "SELECT k.record_key, e.record_key = 'sha256:' || encode("
        "sha256(k.salt || convert_to(k.record_key, 'UTF8')), 'hex'), v.record_key"
        " FROM audit.personal_keys AS k INNER JOIN audit.change_events AS e USING (event_id, occurred_at)"
        " INNER JOIN audit.events AS v USING (event_id, occurred_at)"
    ).fetchall()
    key = f'["{SECRETS[0]}", "1"]'
    assert rows == [(key, True, key)] * 2
    first, second = t.events()
    assert first.record_key != second.record_key, "each event has a salt of its own"
    assert SECRETS[0] not in one(
        t.db, "SELECT string_agg(audit.event_line(e), ' ') FROM audit.change_events AS e"
    )


def test_baseline_records_what_is_there(kit_db: Database):
    kit_db.execute(
        b"CREATE TABLE public.t (t int, id int PRIMARY KEY, tenant text, mail text, who text, s text);"
        b"INSERT INTO public.t VALUES (0, 1, 'acme', 'm1', 'ann', 's'), (0, 2, NULL, 'm2', NULL, 's')"
    )
    enable(
        *(kit_db, "public.t", "--baseline", "--tenant-column", "tenant", "--personal", "mail"),
        *("--subject-column", "who", "--exclude", "s"),
    )
    t = Audited(kit_db, "public.t", "specialised")
    t.mark = 0
    assert [(event.tenant_id, *event.change) for event in t.events()] == [
        ("acme", "BASELINE", "1", {}, {"t": "0", "id": "1", "tenant": "acme", "who": "ann"}),
        ("default", "BASELINE", "2", {}, {"t": "0", "id": "2", "tenant": None, "who": None}),
    ]
    assert personal(t) == [("ann", None, {"mail": "m1"}, True), (None, None, {"mail": "m2"}, True)]
    stored = kit_db.execute("SELECT xmin::text FROM public.t").fetchall()
    assert stored == [(event.row_xmin,) for event in t.events()]


def test_baseline_of_personal_keys(kit_db: Database):
    kit_db.execute(b"CREATE TABLE public.t (mail text PRIMARY KEY); INSERT INTO public.t VALUES ('a'), ('b')")
    enable(kit_db, "public.t", "--baseline", "--personal", "mail")
    rows = kit_db.execute(
        "SELECT k.record_key FROM audit.personal_keys AS k"
        " INNER JOIN audit.change_events AS e USING (event_id, occurred_at)"
        " WHERE e.record_key = 'sha256:' || encode(sha256(k.salt || convert_to(k.record_key, 'UTF8')), 'hex')"
        " ORDER BY 1"
    ).fetchall()
    assert rows == [("a",), ("b",)]


def test_baseline_never_leaves_out_rows_that_a_policy_hides(kit_db: Database):
    owner = kit_db.role(options="LOGIN")
    kit_db.execute(
        b"CREATE TABLE public.t (id int PRIMARY KEY, a int); INSERT INTO public.t VALUES (1, 1), (2, 2);"
        b"CREATE POLICY one ON public.t USING (id = 1);"
        b"ALTER TABLE public.t ENABLE ROW LEVEL SECURITY; ALTER TABLE public.t FORCE ROW LEVEL SECURITY"
    )
    kit_db.execute(f"ALTER TABLE public.t OWNER TO {owner}; GRANT pgaudit_kit_owner TO {owner}".encode())
    enable(kit_db, "public.t")
    with connect(kit_db, owner) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="would leave rows out"):
            conn.execute(b"SELECT audit.record_baseline(1)")
        conn.execute(b"ALTER TABLE public.t NO FORCE ROW LEVEL SECURITY")
        row = conn.execute(b"SELECT audit.record_baseline(1)").fetchone()
    assert row == (2,)

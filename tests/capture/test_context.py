"""set_context, and settings that somebody wrote by hand: the context never fails a write."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import BULK_MODES, MODES, Audited, Event, enable
from tests.servers import Database, connect

IN_MODES = MODES + BULK_MODES

TABLE = "CREATE TABLE public.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text)"
WRITE = "INSERT INTO public.t (a) VALUES ('x')"
SETTING = "pgaudit_kit.context_audit"
SERVERS = {"db_user", "role", "application_name", "client_addr"}


def written(t: Audited, *before: str) -> Event:
    """The event of one write, after these statements in its transaction."""
    with t.db.transaction():
        for statement in before:
            t.db.execute(statement.encode())
        t.db.execute(WRITE.encode())
    return t.events()[-1]


def client(event: Event) -> dict[str, Any]:
    """The context without what the server adds."""
    return {name: value for name, value in event.context.items() if name not in SERVERS}


def set_context(**fields: Any) -> str:
    """The call with these fields."""
    arguments = []
    for name, value in fields.items():
        text = json.dumps(value) if isinstance(value, dict) else value
        if isinstance(value, list):
            text = "{" + ",".join(value) + "}"
        arguments.append(f"{name} => '{text}'")
    return f"SELECT audit.set_context({', '.join(arguments)})"


def test_every_field_is_recorded(audited: Audit):
    t = audited(TABLE)
    fields = {
        "session_id": "s-1",
        "request_id": "r-1",
        "correlation_id": "c-1",
        "client_app": "cms",
        "auth_method": "oidc",
        "permissions": ["read", "write"],
        "geo": "NL",
        "node_id": "node-3",
    }
    event = written(
        t,
        set_context(actor_id="ann", action="publish", tenant_id="acme", **fields, extra={"order": {"n": 42}}),
    )
    assert (event.actor_id, event.action) == ("ann", "publish")
    assert client(event) == fields | {"tenant_id": "acme", "order": {"n": "42"}}


def test_personal_fields_are_kept_apart(audited: Audit):
    t = audited(TABLE)
    event = written(t, set_context(actor_id="ann", ip="203.0.113.7", user_agent="curl"))
    assert client(event) == {}
    assert "203.0.113.7" not in event.context_text
    row = t.db.execute(
        "SELECT p.context, e.personal_commitment = sha256(p.salt || convert_to("
        "jsonb_build_array(p.old_values, p.new_values, p.context)::text, 'UTF8')), v.ip::text, v.user_agent"
        " FROM audit.personal_values AS p INNER JOIN audit.change_events AS e USING (event_id, occurred_at)"
        " INNER JOIN audit.events AS v USING (event_id, occurred_at)"
    ).fetchone()
    assert row == ({"ip": "203.0.113.7", "user_agent": "curl"}, True, "203.0.113.7/32", "curl")


def test_later_calls_add_replace_and_take_away(audited: Audit):
    t = audited(TABLE)
    event = written(
        t,
        set_context(actor_id="ann", action="publish", geo="NL", extra={"a": 1, "b": 2}),
        set_context(action="", geo="DE", extra={"b": 3, "a": ""}),
        "SELECT audit.set_context()",
    )
    assert (event.actor_id, event.action, client(event)) == ("ann", None, {"geo": "DE", "b": "3"})


def test_context_ends_with_the_transaction(audited: Audit):
    t = audited(TABLE)
    written(t, set_context(actor_id="ann"))
    assert written(t).actor_id is None
    event = written(
        t,
        set_context(actor_id="ann"),
        "SAVEPOINT s",
        set_context(actor_id="bob", geo="NL"),
        "ROLLBACK TO s",
    )
    assert (event.actor_id, client(event)) == ("ann", {})


def test_context_outlives_the_function_that_sets_it(audited: Audit):
    t = audited(
        TABLE + ";CREATE FUNCTION public.login() RETURNS void LANGUAGE sql SET search_path = public"
        " AS 'SELECT audit.set_context(actor_id => ''ann'')'"
    )
    assert written(t, "SELECT public.login()").actor_id == "ann"


WRONG = [
    "ip => 'nowhere'",
    "ip => '10.0.0.1, 10.0.0.2'",
    "extra => '[1]'",
    "extra => '\"text\"'",
    "extra => 'null'",
    "extra => '{\"actor_id\": 7}'",
    'extra => \'{"tenant_id": ["acme"]}\'',
    "extra => jsonb_build_object('x', repeat('x', 65536))",
    "client_app => repeat('x', 65536)",
    "extra => '{\"n\": 1e131000}'",
]


def test_wrong_types_are_refused(kit_db: Database):
    for call in WRONG:
        with pytest.raises(psycopg.errors.InvalidParameterValue) as error:
            kit_db.execute(f"SELECT audit.set_context({call})".encode())
        assert error.value.diag.message_hint


def test_any_role_may_set_a_context(kit_db: Database):
    with connect(kit_db, kit_db.role()) as conn:
        conn.execute(b"SELECT audit.set_context(actor_id => 'ann')")


DEEP = 20_000
HOSTILE = {
    "invalid JSON": ('{"actor_id": ', "not JSON"),
    "10 MB": ("x" * 10_000_000, "10000000 bytes, more than 65536"),
    "array": ('["actor_id"]', "not an object"),
    "number": ("7", "not an object"),
    "null": ("null", "not an object"),
    "deep nesting": ("[" * DEEP + "]" * DEEP, ""),
    "deep object": ('{"a":' * 8000 + "1" + "}" * 8000, None),
    "NUL": ('{"actor_id": "\\u0000"}', "not JSON"),
    "surrogate": ('{"actor_id": "\\ud800"}', "not JSON"),
    "huge number": ('{"n": 1e200000}', "not JSON"),
    "numbers that grow": ('{"n": [' + "1e131000," * 30 + "1]}", "bytes as jsonb"),
    "actor is a number": ('{"actor_id": 7, "action": "x"}', "actor_id is not a string"),
    "action is a list": ('{"action": ["x"]}', "action is not a string"),
    "tenant is an object": ('{"tenant_id": {}}', "tenant_id is not a string"),
}


def test_context_written_by_hand_never_fails_a_write(audited: Audit):
    t = audited(TABLE, "--tenant-setting", "app.tenant")
    for text, note in HOSTILE.values():
        t.seen()
        with t.db.transaction():
            t.db.execute("SELECT set_config(%s, %s, true)", [SETTING, text])
            t.db.execute(WRITE.encode())
            t.db.execute(b"TRUNCATE public.t")
        for event in t.events():
            assert (event.actor_id, event.tenant_id) == (None, "default")
            assert note is None or note in event.context["context_error"]
            assert len(event.context_text) < 300_000
    assert t.db.execute("SELECT audit.seal() > 0").fetchone() == (True,)


def test_client_cannot_forge_who_it_is(kit_db: Database, mode: str):
    kit_db.execute(TABLE.encode())
    enable(kit_db, "public.t")
    t = Audited(kit_db, "public.t", mode)
    login, other = kit_db.role(), kit_db.role()
    kit_db.execute(f"GRANT {other} TO {login}; GRANT INSERT ON public.t TO {other}".encode())
    forged = json.dumps({name: "forged" for name in SERVERS})
    with connect(kit_db, login, application_name="app") as conn, conn.transaction():
        conn.execute("SELECT set_config(%s, %s, true)", [SETTING, forged])
        conn.execute(f"SET LOCAL ROLE {other}".encode())
        conn.execute(WRITE.encode())
    (event,) = t.events()
    assert event.context == {
        "db_user": login,
        "role": other,
        "application_name": "app",
        "client_addr": None,
    }

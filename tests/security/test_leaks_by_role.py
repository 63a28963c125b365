"""Several roles in one session, views and functions of others: each shows what its role may see."""

from __future__ import annotations

import pytest
from psycopg import errors

from tests.sealing import one
from tests.security.conftest import SECRET, tenants
from tests.servers import Database, connect

DEFINERS = {"note_read", "note_reading", "reading_table", "log_root", "log_consistency", "log_inclusion"}
"""The kit's functions with rights of its owner that a reader can call."""


def test_a_prepared_plan_is_the_present_roles(secrets_db: Database, readers: tuple[str, str]) -> None:
    login = secrets_db.role("login", "LOGIN NOINHERIT")
    secrets_db.execute(f"GRANT {readers[0]}, {readers[1]} TO {login}")
    with connect(secrets_db, login) as conn:
        for mode in ("force_generic_plan", "force_custom_plan"):
            conn.execute(f"SET plan_cache_mode = {mode}")
            conn.execute("DEALLOCATE ALL; RESET ROLE")
            conn.execute(f"SET ROLE {readers[0]}")
            conn.execute("PREPARE p AS SELECT DISTINCT tenant_id FROM audit.events")
            for _ in range(3):
                for role, seen in zip(readers, "ab", strict=True):
                    conn.execute(f"SET ROLE {role}")
                    assert conn.execute("EXECUTE p").fetchall() == [(seen,)]
            conn.execute("RESET ROLE")
            with pytest.raises(errors.InsufficientPrivilege):
                conn.execute("EXECUTE p")


def test_a_plan_within_a_function_is_the_present_roles(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    login = secrets_db.role("login", "LOGIN NOINHERIT")
    secrets_db.execute(f"GRANT {readers[0]}, {readers[1]} TO {login}")
    secrets_db.execute(
        "CREATE FUNCTION public.seen() RETURNS text LANGUAGE plpgsql AS"
        " 'BEGIN RETURN (SELECT string_agg(DISTINCT tenant_id, NULL) FROM audit.events); END'"
    )
    with connect(secrets_db, login) as conn:
        conn.execute("SET plan_cache_mode = force_generic_plan")
        for _ in range(3):
            for role, tenant in zip(readers, "ab", strict=True):
                conn.execute(f"SET ROLE {role}")
                assert one(conn, "SELECT public.seen()") == tenant


def test_a_page_is_the_present_roles_although_its_plan_is_kept(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    login = secrets_db.role("login", "LOGIN NOINHERIT")
    secrets_db.execute(f"GRANT {readers[0]}, {readers[1]} TO {login}")
    with connect(secrets_db, login) as conn:
        for _ in range(3):
            for role, tenant in zip(readers, "ab", strict=True):
                conn.execute(f"SET ROLE {role}")
                for call in ("", "tenants => '{a,b}'", "'public.named'", "'public.named', '{a,b}'"):
                    rows = conn.execute(f"SELECT DISTINCT tenant_id FROM audit.page({call})").fetchall()
                    assert rows == [(tenant,)], call


def test_a_cursor_shows_one_roles_tenants(secrets_db: Database, readers: tuple[str, str]) -> None:
    login = secrets_db.role("login", "LOGIN NOINHERIT")
    secrets_db.execute(f"GRANT {readers[0]}, {readers[1]} TO {login}")
    with connect(secrets_db, login) as conn, conn.transaction():
        conn.execute(f"SET LOCAL ROLE {readers[1]}")
        conn.execute("DECLARE c CURSOR FOR SELECT tenant_id FROM audit.events")
        assert conn.execute("FETCH 1 FROM c").fetchall() == [("b",)]
        conn.execute(f"SET LOCAL ROLE {readers[0]}")
        rest = {tenant for (tenant,) in conn.execute("FETCH ALL FROM c")}
        assert rest == {"b"}  # what was opened as b's reader goes on as it began
        assert tenants(conn) == {"a"}


def test_anothers_view_shows_the_reader_what_is_the_readers(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    with connect(secrets_db, readers[1]) as b:
        b.execute("CREATE VIEW public.theirs AS SELECT * FROM audit.events")
        b.execute(f"GRANT SELECT ON public.theirs TO {readers[0]}")
    with connect(secrets_db, readers[0]) as a:
        assert a.execute("SELECT DISTINCT tenant_id FROM public.theirs").fetchall() == [("a",)]


def test_a_definer_function_shows_its_owners_log_and_the_trace_names_who_called(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    with connect(secrets_db, readers[1]) as b:
        b.execute(
            "CREATE FUNCTION public.show() RETURNS bigint LANGUAGE sql SECURITY DEFINER"
            " SET search_path = pg_catalog, pg_temp AS 'SELECT count(*) FROM audit.events'"
        )
    with connect(secrets_db, readers[0]) as a:
        assert one(a, "SELECT public.show()") == 50  # b's reader published it
        assert tenants(a) == {"a"}
    reader, caller = secrets_db.execute(
        "SELECT new_values ->> 'reader', context ->> 'db_user' FROM audit.change_events"
        " WHERE new_values ->> 'kind' = 'log-read' ORDER BY event_id LIMIT 1"
    ).fetchall()[0]
    assert (reader, caller) == (readers[1], readers[0])


def test_a_chain_of_definers_shows_what_its_last_owner_may_see(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    """A view of b's reader over a function of a's reader over the log, read by somebody else."""
    body = "SELECT DISTINCT e.tenant_id FROM audit.events AS e"
    with connect(secrets_db, readers[0]) as a:
        a.execute(
            "CREATE FUNCTION public.of_a() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER"
            f" SET search_path = pg_catalog, pg_temp AS '{body}'"
        )
    with connect(secrets_db, readers[1]) as b:
        b.execute("CREATE VIEW public.of_both AS SELECT public.of_a() AS tenant UNION ALL " + body)
        b.execute("GRANT SELECT ON public.of_both TO PUBLIC")
        assert sorted(b.execute("SELECT * FROM public.of_both").fetchall()) == [("a",), ("b",)]
    with connect(secrets_db, readers[0]) as a:
        assert a.execute("SELECT * FROM public.of_both").fetchall() == [("a",), ("a",)]
    with (
        connect(secrets_db, secrets_db.role("nobody")) as nobody,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        nobody.execute("SELECT * FROM public.of_both")


def test_the_kits_own_definers_give_a_reader_nothing_of_others(
    secrets_db: Database, readers: tuple[str, str]
) -> None:
    definers = {
        name
        for (name,) in secrets_db.execute(
            "SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'audit'::regnamespace AND p.prosecdef"
            " AND has_function_privilege(%s, p.oid, 'EXECUTE')",
            [readers[0]],
        )
    }
    assert definers == DEFINERS, "a new one needs a look, and a line here"
    event = one(secrets_db, "SELECT max(event_id) FROM audit.change_events WHERE tenant_id = 'b'")
    with connect(secrets_db, readers[0]) as conn:
        assert one(conn, "SELECT audit.receipt(%s)", [event]) is None
        for query in (
            "SELECT audit.note_read(%(b)s)",
            "SELECT audit.note_reading(%(b)s, 'page', '{}', 1)",
            "SELECT audit.reading_table('public.named')",
            "SELECT audit.history('public.named', %(key)s)",
            "SELECT audit.as_of('public.named', %(key)s, now())",
            "SELECT audit.page(tenants => '{b}')",
            "SELECT audit.page(before => 9223372036854775807)",
        ):
            rows = conn.execute(query, {"b": readers[1], "key": SECRET + "1"}).fetchall()
            assert SECRET not in str(rows), query
            assert "'b'" not in str(rows), query

"""Reading the log leaves a trace in it; the reading functions answer within what their caller may see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from tests.kit import Kit, run
from tests.sealing import audited_table, one, seal_all, sealed_once, write
from tests.security.test_tenants import controls
from tests.servers import Database, connect

Connection = psycopg.Connection[Any]


@pytest.fixture
def kit(kit_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    monkeypatch.chdir(tmp_path)
    audited_table(kit_db, kit_db.dsn)
    for at, tenant in enumerate(["a", "a", "b", "c"]):
        write(kit_db, at, tenant=tenant)
    return Kit(kit_db.dsn)


@pytest.fixture
def reader(kit: Kit, kit_db: Database) -> str:
    role = kit_db.role("reader")
    kit("tenant", "grant", role, "a")
    kit("tenant", "grant", role, "c")
    return role


@pytest.fixture
def auditor(kit: Kit, kit_db: Database) -> str:
    role = kit_db.role("auditor")
    kit_db.execute(f"GRANT pgaudit_kit_auditor TO {role}")
    return role


def reads(db: Database) -> list[dict[str, Any]]:
    return controls(db, "log-read")


def test_a_read_is_recorded_with_who_read_what_and_is_sealed(kit_db: Database, reader: str) -> None:
    query = "SELECT count(*) FROM audit.events WHERE tenant_id = 'a'"
    with connect(kit_db, reader) as conn:
        assert one(conn, query) == 2
    assert reads(kit_db) == [{"reader": reader, "auditor": False, "tenants": ["a", "c"], "query": query}]
    seal_all(kit_db)
    assert sealed_once(kit_db)


def test_a_verification_is_recorded_once_and_a_superusers_is_not(kit: Kit, kit_db: Database) -> None:
    seal_all(kit_db)
    assert run("--dsn", kit_db.dsn, "verify", "--all").code == 0
    assert reads(kit_db) == []
    role = kit_db.role("keeper")
    kit_db.execute(
        f"GRANT pgaudit_kit_owner TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    )
    answer = run("--dsn", make_conninfo(kit_db.dsn, options=f"-c role={role}"), "verify", "--tenant", "a")
    assert answer.code == 0, answer.out + answer.err
    (trace,) = reads(kit_db)
    assert (trace["reader"], trace["function"], trace["filter"]) == (role, "verify", {"tenants": ["a"]})
    assert trace["rows"] == 2
    seal_all(kit_db)
    assert run("--dsn", kit_db.dsn, "verify", "--all").code == 0


def test_an_auditors_read_is_recorded_and_a_superusers_is_not(kit_db: Database, auditor: str) -> None:
    kit_db.execute("SELECT FROM audit.events")
    assert reads(kit_db) == []
    with connect(kit_db, auditor) as conn:
        conn.execute("SELECT FROM audit.events")
    assert [(r["reader"], r["auditor"]) for r in reads(kit_db)] == [(auditor, True)]


@pytest.mark.parametrize(
    ("query", "times"),
    [
        ("SELECT * FROM audit.events", 1),
        ("SELECT FROM audit.events WHERE event_id < 0", 1),
        ("SELECT line FROM audit.sealed_events", 1),
        ("SELECT * FROM audit.stored_events", 1),
        ("SELECT * FROM audit.personal_data", 1),
        ("SELECT FROM generate_series(1, 100) AS i, LATERAL (SELECT FROM audit.events LIMIT i) AS e", 1),
        ("SELECT FROM generate_series(1, 9) AS i WHERE i < (SELECT count(*) FROM audit.events)", 1),
        (
            "SELECT (SELECT max(event_id) FROM audit.events WHERE event_id > i) FROM generate_series(1, 2) i",
            1,
        ),
        ("SELECT FROM audit.events AS x INNER JOIN audit.events AS y USING (event_id)", 2),
        ("WITH e AS MATERIALIZED (SELECT * FROM audit.events) SELECT FROM e, e AS f", 1),
        ("COPY (SELECT event_id FROM audit.events) TO STDOUT", 1),
        ("EXPLAIN SELECT FROM audit.events", 0),
        ("SELECT FROM audit.events WHERE false", 0),
    ],
)
def test_each_reference_is_recorded_once_whatever_the_plan(
    kit_db: Database, reader: str, query: str, times: int
) -> None:
    with connect(kit_db, reader) as conn:
        if query.startswith("COPY"):
            with conn.cursor().copy(query) as copy:
                assert len(list(copy)) == 3
        else:
            conn.execute(query)
    assert [r["query"] for r in reads(kit_db)] == [query] * times


@pytest.mark.own_programs
def test_rolled_back_and_read_only_reads_go_to_the_servers_log_alone(kit_db: Database, reader: str) -> None:
    with connect(kit_db, reader) as conn:
        with conn.transaction(force_rollback=True):
            assert one(conn, "SELECT count(*) FROM audit.events") == 3
        conn.execute("SET default_transaction_read_only = on")
        assert one(conn, "SELECT count(*) FROM audit.events") == 3
    log = Path(one(kit_db, "SHOW data_directory")).parent / "server.log"
    lines = [line for line in log.read_text().splitlines() if f"audit log read by {reader}" in line]
    assert len(lines) == 2
    assert all('"tenants": ["a", "c"]' in line for line in lines)
    assert reads(kit_db) == []


def test_a_reader_cannot_hide_behind_another_name(kit_db: Database, reader: str, auditor: str) -> None:
    with connect(kit_db, reader) as conn:
        conn.execute("SELECT audit.note_read(%s::name)", [auditor])
        with pytest.raises(errors.UndefinedObject):
            conn.execute("SELECT audit.note_read('no such role')")
    context = one(
        kit_db, "SELECT context FROM audit.change_events WHERE new_values ->> 'kind' = 'log-read' LIMIT 1"
    )
    assert context["db_user"] == reader


def test_history_tells_a_rows_events_and_leaves_its_filter(kit_db: Database, reader: str) -> None:
    kit_db.execute("UPDATE public.doc SET v = 'w' WHERE id = 1")
    with connect(kit_db, reader) as conn:
        rows = conn.execute("SELECT operation, new_values FROM audit.history('public.doc', '1')").fetchall()
        assert rows == [("INSERT", {"id": 1, "tenant": "a", "v": "v"}), ("UPDATE", {"v": "w"})]
        assert conn.execute("SELECT FROM audit.history('public.doc', '2')").fetchall() == []  # b's
        with pytest.raises(errors.UndefinedTable, match="never audited"):
            conn.execute("SELECT FROM audit.history('pg_class', '2')")
    said = [(r["filter"]["key"], r["rows"]) for r in reads(kit_db) if r.get("function") == "history"]
    assert said == [("1", 2), ("2", 0)]


def test_history_finds_personal_keys(kit: Kit, kit_db: Database, reader: str) -> None:
    kit_db.execute("CREATE TABLE public.person (mail text PRIMARY KEY, tenant text)")
    kit("enable", "public.person", "--tenant-column", "tenant", "--personal", "mail")
    kit_db.execute("INSERT INTO public.person VALUES ('x@a', 'a'), ('x@b', 'b')")
    with connect(kit_db, reader) as conn:
        assert one(conn, "SELECT count(*) FROM audit.history('public.person', 'x@a')") == 1
        assert one(conn, "SELECT count(*) FROM audit.history('public.person', 'x@b')") == 0


def test_as_of_gives_the_row_as_it_was(kit_db: Database, reader: str) -> None:
    def now() -> Any:
        return one(kit_db, "SELECT clock_timestamp()")

    before = one(kit_db, "SELECT min(occurred_at) - interval '1 s' FROM audit.change_events")
    states = [(before, None), (now(), {"id": 1, "tenant": "a", "v": "v"})]
    for statement, row in (
        ("UPDATE public.doc SET v = 'w' WHERE id = 1", {"id": 1, "tenant": "a", "v": "w"}),
        ("UPDATE public.doc SET tenant = 'b' WHERE id = 1", None),  # another tenant's now
        ("UPDATE public.doc SET tenant = 'c' WHERE id = 1", {"id": 1, "tenant": "c", "v": "w"}),
        ("UPDATE public.doc SET id = 77 WHERE id = 1", None),
        ("INSERT INTO public.doc VALUES (1, 'a', 'again')", {"id": 1, "tenant": "a", "v": "again"}),
        ("DELETE FROM public.doc WHERE id = 1", None),
    ):
        kit_db.execute(statement)
        states.append((now(), row))
    with connect(kit_db, reader) as conn:
        for at, row in states:
            assert one(conn, "SELECT audit.as_of('public.doc', '1', %s)", [at]) == row, at


def test_pages_follow_each_other_within_the_readers_tenants(kit_db: Database, reader: str) -> None:
    for at in range(20):
        write(kit_db, 100 + at, tenant="abc"[at % 3])
    with connect(kit_db, reader) as conn:
        seen: list[tuple[int, str]] = []
        while page := conn.execute(
            "SELECT event_id, tenant_id FROM audit.page(before => %s, page_size => 4)",
            [seen[-1][0] if seen else None],
        ).fetchall():
            assert len(page) <= 4
            seen += page
        expected = conn.execute(
            "SELECT event_id, tenant_id FROM audit.events ORDER BY event_id DESC"
        ).fetchall()
        assert seen == expected
        assert {tenant for _, tenant in seen} == {"a", "c"}
        assert conn.execute("SELECT FROM audit.page(tenants => '{b}')").fetchall() == []
        assert one(conn, "SELECT count(*) FROM audit.page(tenants => '{c}', relation => 'public.doc')") == 7


def test_a_page_has_what_is_personal_of_the_readers_tenants(kit: Kit, kit_db: Database, reader: str) -> None:
    kit_db.execute("CREATE TABLE public.person (mail text PRIMARY KEY, tenant text, phone text, n int)")
    kit(
        *("enable", "public.person", "--tenant-column", "tenant", "--personal", "mail"),
        *("--personal", "phone"),
    )
    for tenant in "abc":
        with kit_db.transaction():
            kit_db.execute("SELECT audit.set_context(ip => '192.0.2.7', user_agent => %s)", [f"of {tenant}"])
            kit_db.execute("INSERT INTO public.person VALUES (%s, %s, '555', 1)", [f"x@{tenant}", tenant])
        kit_db.execute(
            "UPDATE public.person SET n = 2 WHERE tenant = %s", [tenant]
        )  # its key alone is personal
    columns = (
        "event_id, tenant_id, table_name, operation, record_key, actor_id, action, old_values, new_values"
    )
    with connect(kit_db, reader) as conn:
        pages = conn.execute(f"SELECT {columns}, context FROM audit.page()").fetchall()
        assert (
            pages
            == conn.execute(f"SELECT {columns}, context FROM audit.events ORDER BY event_id DESC").fetchall()
        )
        keys = conn.execute("SELECT record_key, count(*) FROM audit.page('public.person') GROUP BY 1")
        assert dict(keys.fetchall()) == {"x@a": 2, "x@c": 2}
        told = conn.execute("SELECT DISTINCT tenant_id FROM audit.personal_data").fetchall()
    assert sorted(told) == [("a",), ("c",)]
    assert [page[9].get("user_agent") for page in pages[:4]] == [None, "of c", None, "of a"]
    assert pages[1][8] == {"mail": "x@c", "tenant": "c", "phone": "555", "n": 1}


def test_an_auditors_page_has_every_tenant(kit_db: Database, auditor: str) -> None:
    with connect(kit_db, auditor) as conn:
        rows = conn.execute("SELECT DISTINCT tenant_id FROM audit.page(page_size => 1000)").fetchall()
    assert {tenant for (tenant,) in rows} >= {"a", "b", "c", "_system"}


def test_status_tells_who_read_whose_log(kit: Kit, kit_db: Database, reader: str, auditor: str) -> None:
    assert kit("status", "--access", "--json").json["access"] == []
    assert "Nobody read" in kit("status", "--access").out
    for role in (reader, reader, auditor):
        with connect(kit_db, role) as conn:
            conn.execute("SELECT event_id FROM audit.events LIMIT 1")
    told = kit("status", "--access", "--json").json["access"]
    assert [(row["reader"], row["auditor"], row["tenants"], row["reads"]) for row in told] == [
        (auditor, True, [], 1),
        (reader, False, ["a", "c"], 2),
    ]
    assert told[0]["last_query"] == "SELECT event_id FROM audit.events LIMIT 1"
    text = kit("status", "--access").out
    assert f"{reader}  reads a, c  events  2 times" in text
    assert f"{auditor}  reads every tenant" in text

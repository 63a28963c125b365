"""What row security and the trace of reading cost a page of 50 events, in a log of many tenants."""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Any

from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.common import Connection, connect, kit, kit_server, one, parser, save

DAYS = 60
COLUMNS = (
    "event_id, occurred_at, tenant_id, table_name, operation, record_key, actor_id, action, old_values,"
    " new_values, context"
)
VIEW = (
    f"SELECT {COLUMNS} FROM {{}}.events WHERE tenant_id = %(tenant)s AND occurred_at >= %(since)s"
    " AND event_id < %(before)s ORDER BY event_id DESC LIMIT 50"
)
PAGE = "SELECT * FROM {}.page(tenants => %(tenants)s, since => %(since)s, before => %(before)s)"
ALL_DAYS = "SELECT * FROM {}.page(tenants => %(tenants)s, before => %(before)s)"
EVENTS = """
    INSERT INTO audit.change_events (
        event_id, occurred_at, transaction_id, table_id, table_version, row_xmin, operation, tenant_id,
        record_key, actor_id, action, context, old_values, new_values
    )
    SELECT i, %(start)s::timestamptz + i * %(step)s::interval, i, 1, 1, '3', 'U',
        't' || i * 7919 %% %(tenants)s, (i %% 1000003)::text, 'u' || i %% 5000, 'publish',
        jsonb_build_object('db_user', 'app', 'request_id', 'r' || i, 'ip', '192.0.2.7'),
        jsonb_build_object('title', repeat('a', 40), 'n', i),
        jsonb_build_object('title', repeat('b', 40), 'n', i + 1)
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
"""
# views and functions without the trace: as they are otherwise, and of a role that row security spares
COPIES = """
    CREATE ROLE spared NOLOGIN BYPASSRLS;
    GRANT SELECT ON ALL TABLES IN SCHEMA audit TO spared;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA audit TO spared;
    CREATE SCHEMA secured; CREATE SCHEMA spared; GRANT USAGE ON SCHEMA secured, spared TO PUBLIC;
"""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--events", type=int, default=10_000_000)
    options.add_argument("--tenants", type=int, default=1000)
    options.add_argument("--rounds", type=int, default=400)
    given = options.parse_args()
    with kit_server(given.server) as dsn, connect(dsn) as conn:
        fill(conn, dsn, given.events, given.tenants)
        copies(conn)
        conn.execute(
            "CREATE ROLE one LOGIN; CREATE ROLE twenty LOGIN; GRANT pgaudit_kit_reader TO one, twenty"
        )
        conn.execute(
            "INSERT INTO audit.tenant_readers SELECT 'twenty', 't' || i FROM generate_series(1, 20) AS i"
        )
        conn.execute("INSERT INTO audit.tenant_readers VALUES ('one', 't7')")
        readers(conn, given.tenants)
        conn.execute("VACUUM ANALYZE")
        figures = {
            "events": one(conn, "SELECT count(*) FROM audit.change_events"),
            "tenants": given.tenants,
            "readers_listed": one(conn, "SELECT count(*) FROM audit.tenant_readers"),
            "rounds": given.rounds,
            **measure(dsn, given.events, given.rounds),
            "planning_of_the_view_ms": planning(dsn, given.events),
            "plan": plan(dsn, given.events),
        }
        save("keyset_page", given.server, conn, figures)


def readers(conn: Connection, tenants: int) -> None:
    """The list is as long as there are tenants; a hundred roles read ten of them each."""
    for number in range(100):
        conn.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(f"r{number}")))
    conn.execute(
        "INSERT INTO audit.tenant_readers SELECT 'r' || i %% 100, 't' || i FROM generate_series(1, %s) AS i",
        [tenants],
    )


def fill(conn: Connection, dsn: str, events: int, tenants: int) -> None:
    """Events of the last 60 days, written into the log itself, a day in each partition."""
    conn.execute("CREATE TABLE public.doc (id bigint PRIMARY KEY, tenant text, title text, n bigint)")
    kit(dsn, "enable", "public.doc", "--tenant-column", "tenant")
    for days in range(DAYS, -1, -7):
        conn.execute("SELECT audit.maintain_partitions(now() - %s * interval '1 day')", [days])
    given: dict[str, Any] = {
        "start": one(conn, "SELECT now() - %s * interval '1 day'", [DAYS]),
        "step": one(conn, "SELECT %s * interval '1 day' / %s", [DAYS, events]),
        "tenants": tenants,
    }
    first = one(conn, "SELECT last_value FROM audit.event_id_seq")
    for begin in range(first + 1, events + 1, 500_000):
        conn.execute(EVENTS, {**given, "first": begin, "last": min(begin + 499_999, events)})
    conn.execute("SELECT setval('audit.event_id_seq', %s)", [events + 1])


def copies(conn: Connection) -> None:
    """Views and functions without the trace."""
    conn.execute(COPIES.encode())
    views = {name: untraced(conn, name) for name in ("events", "stored_events", "personal_data")}
    page = one(conn, "SELECT pg_get_functiondef(p.oid) FROM pg_proc AS p WHERE p.oid = 'audit.page'::regproc")
    page = page.replace('"audit".', "audit.")
    begin, end = page.index("GET DIAGNOSTICS"), page.rindex("END;")
    page = page[:begin] + page[end:]
    for schema, owner in (("secured", "pgaudit_kit_view"), ("spared", "spared")):
        copy = page.replace("audit.page", f"{schema}.page")
        for name, text in views.items():
            view = f"{schema}.{name}"
            conn.execute(f"CREATE VIEW {view} AS {text};".encode())
            conn.execute(f"ALTER VIEW {view} OWNER TO {owner}; GRANT SELECT ON {view} TO PUBLIC".encode())
            copy = copy.replace(f"audit.{name}", view)
        conn.execute(copy.encode())


def untraced(conn: Connection, name: str) -> str:
    """The view's query without its last condition, which leaves the trace."""
    view: str = one(conn, "SELECT pg_get_viewdef(format('audit.%%I', %s::text)::regclass)", [name])
    traced = view.rindex("WHERE")
    assert "note_read" in view[traced:]
    return view[:traced]


def measure(dsn: str, events: int, rounds: int) -> dict[str, Any]:
    """Medians in milliseconds: with row security and trace, with row security alone, with neither.

    CPU is that of the server's process, which other work on the machine disturbs less than the time taken.
    """
    choose = random.Random(7)
    found: dict[str, Any] = {}
    tenants = {"one": ["t7"], "twenty": [f"t{number}" for number in range(1, 21)]}
    for role, query, name in (
        ("one", VIEW, "view, one tenant, a range of two days"),
        ("one", PAGE, "page(), one tenant, a range of two days"),
        ("twenty", PAGE, "page(), twenty tenants, a range of two days"),
        ("one", ALL_DAYS, "page(), one tenant, all days"),
    ):
        sessions = {schema: connect(make_conninfo(dsn, user=role))
                    for schema in ("audit", "secured", "spared")}  # fmt: skip
        taken: dict[str, list[tuple[float, float]]] = {schema: [] for schema in sessions}
        for number in range(rounds + 20):
            day = choose.uniform(2, DAYS) / DAYS
            values = {
                "tenant": tenants[role][0],
                "tenants": tenants[role],
                "since": one(
                    sessions["spared"], "SELECT now() - %s * interval '1 day'", [(1 - day) * DAYS + 2]
                ),
                "before": int(events * day),
            }
            for schema in choose.sample(list(sessions), 3):
                pid = sessions[schema].info.backend_pid
                used, began = cpu_ms(pid), time.perf_counter()
                rows = sessions[schema].execute(query.format(schema), values).fetchall()
                took, used = time.perf_counter() - began, cpu_ms(pid) - used
                assert len(rows) == 50, (name, schema, len(rows))
                if number >= 20:
                    taken[schema].append((took * 1000, used))
        for session in sessions.values():
            session.close()
        found[name] = summary(taken)
    return found


def summary(taken: dict[str, list[tuple[float, float]]]) -> dict[str, float]:
    """Medians, and what row security adds to the query of a role that it spares."""
    found: dict[str, float] = {}
    for at, unit in enumerate(("ms", "cpu_ms")):
        medians = {schema: statistics.median(pair[at] for pair in pairs) for schema, pairs in taken.items()}
        found |= {
            f"with_trace_{unit}": round(medians["audit"], 3),
            f"row_security_{unit}": round(medians["secured"], 3),
            f"spared_{unit}": round(medians["spared"], 3),
            f"row_security_percent_{unit}": round((medians["secured"] / medians["spared"] - 1) * 100, 1),
        }
    return found


def cpu_ms(pid: int) -> float:
    """CPU time of a process that waits for us, by the scheduler's own count."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e6


def planning(dsn: str, events: int) -> dict[str, float]:
    """How much of it is planning, which page() does each time, and a prepared statement now and then."""
    found = {}
    with connect(make_conninfo(dsn, user="one")) as conn:
        values = {"tenant": "t7", "since": one(conn, "SELECT now() - interval '3 days'"), "before": events}
        for schema in ("secured", "spared"):
            query = f"EXPLAIN (SUMMARY, FORMAT JSON) {VIEW.format(schema)}"
            taken = [one(conn, query, values)[0]["Planning Time"] for _ in range(60)]
            found[schema] = round(statistics.median(taken), 3)
    return found


def plan(dsn: str, events: int) -> list[str]:
    """How the reader's page of the view is found."""
    with connect(make_conninfo(dsn, user="one")) as conn:
        query = VIEW.format("audit").replace(COLUMNS, "event_id, occurred_at, tenant_id, action")
        values = {"tenant": "t7", "since": one(conn, "SELECT now() - interval '3 days'"), "before": events}
        rows = conn.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {query}", values)
        return [line for (line,) in rows]


if __name__ == "__main__":
    main()

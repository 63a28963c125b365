"""What tests of verify share: a log to verify, and its answers in short."""

from __future__ import annotations

from typing import Any

import psycopg

from tests.kit import Answer, run

Connection = psycopg.Connection[Any]

LOG_TABLES = (
    "change_events",
    "blocks",
    "chain_heads",
    "seal_state",
    "personal_values",
    "personal_keys",
    "table_versions",
)
"""What verify reads; all of it can be taken away and put back row by row."""


def audit_documents(db: Connection, dsn: str) -> None:
    """Creates two audited tables: documents, and people whose key is personal."""
    db.execute(
        "CREATE TABLE public.doc (id integer PRIMARY KEY, tenant text, title text, price numeric);"
        "CREATE TABLE public.person (email text PRIMARY KEY, tenant text, phone text)"
    )
    assert run("--dsn", dsn, "enable", "public.doc", "--tenant-column", "tenant").code == 0
    personal = ("--personal", "email", "--personal", "phone")
    answer = run("--dsn", dsn, "enable", "public.person", "--tenant-column", "tenant", *personal)
    assert answer.code == 0, answer.err


def write_and_seal(conn: Connection, *tenants: str) -> None:
    """Four events for each tenant, all kinds, with an id left out between them; then a seal."""
    for tenant in tenants:
        with conn.transaction():
            conn.execute(
                "SELECT audit.set_context(actor_id => 'carl', action => 'publish', request_id => 'r1')"
            )
            conn.execute(
                "INSERT INTO public.doc SELECT coalesce(max(id), 0) + 1, %s, 'First', 5 FROM public.doc",
                (tenant,),
            )
        with conn.transaction(force_rollback=True):
            conn.execute("UPDATE public.doc SET title = 'never' WHERE tenant = %s", (tenant,))
        conn.execute("UPDATE public.doc SET price = 7 WHERE id = (SELECT max(id) FROM public.doc)")
        conn.execute(
            "INSERT INTO public.person SELECT gen_random_uuid() || '@example.org', %s, '555'", (tenant,)
        )
        conn.execute("DELETE FROM public.person WHERE tenant = %s", (tenant,))
    conn.execute("SELECT audit.seal()")


def disable_guards(conn: Connection) -> None:
    """A superuser switches every trigger of the log off, on its tables and their partitions."""
    relations = conn.execute(
        "SELECT t.relid::regclass::text FROM pg_class AS c, pg_partition_tree(c.oid) AS t"
        " WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind = 'p' ORDER BY t.level DESC"
    ).fetchall()
    for (relation,) in relations:
        conn.execute(f"ALTER TABLE {relation} DISABLE TRIGGER ALL")
    # what the seals say of it is for test_config_changes; here an event explains it
    conn.execute("SELECT audit.record_control('kit-changed', '{}')")


def found(answer: Answer) -> set[tuple[str, str | None, int | None, int | None]]:
    """The findings about the log itself: kind, tenant, event and block.

    A log that was tampered with does not fit the tables either, which other tests look at.
    """
    return {
        (one["kind"], one["tenant_id"], one["event_id"], one["block_number"])
        for one in answer.json["findings"]
        if one["level"] not in ("completeness", "replay")
    }


def verdicts(answer: Answer) -> dict[str, tuple[str, str]]:
    """Each tenant's verdicts at the levels events and chain."""
    return {
        one["tenant_id"]: (one["levels"]["events"], one["levels"]["chain"]) for one in answer.json["tenants"]
    }

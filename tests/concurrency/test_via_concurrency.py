"""Tenants by a foreign key, declared and taken back while others write: no row is in another tenant's log."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from tests.concurrency.load import LEVELS
from tests.kit import run
from tests.sealing import one
from tests.servers import Database, connect

VIA = ("--tenant-via", "article_id -> article.tenant_id")
WRITERS, ENABLED = 3, 4
NEWEST = "SELECT max(id) FROM public.comment"
WRONG = """
    SELECT c.id, a.tenant_id, e.tenant_id FROM audit.change_events AS e
    INNER JOIN audit.audited_tables AS t USING (table_id)
    INNER JOIN public.comment AS c ON c.id::text = e.record_key
    INNER JOIN public.article AS a ON a.id = c.article_id
    WHERE t.relation = 'public.comment'::regclass AND e.operation = 'I' AND e.tenant_id <> a.tenant_id
"""


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: level.name.lower())
def test_nobody_writes_past_the_notes(kit_db: Database, level: psycopg.IsolationLevel) -> None:
    kit_db.execute(
        "CREATE TABLE public.article (id serial PRIMARY KEY, tenant_id text);"
        "CREATE TABLE public.comment (id serial PRIMARY KEY, article_id int REFERENCES public.article)"
    )
    assert run("--dsn", kit_db.dsn, "enable", "public.article", "--tenant-column", "tenant_id").code == 0
    stop, raised = threading.Event(), list[BaseException]()

    def writer(number: int) -> None:
        try:
            with connect(kit_db) as conn:
                conn.autocommit, conn.isolation_level = False, level
                while not stop.is_set():
                    _article_and_comments(conn, f"tenant {number}")
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=writer, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(ENABLED - 1):
            assert run("--dsn", kit_db.dsn, "enable", "public.comment", *VIA).code == 0
            assert run("--dsn", kit_db.dsn, "disable", "public.comment", "--yes").code == 0
        assert run("--dsn", kit_db.dsn, "enable", "public.comment", *VIA).code == 0
        last = one(kit_db, NEWEST) + WRITERS  # each may be writing one that waited
        while not raised and one(kit_db, NEWEST) < last + 60:
            pass
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert raised == []
    wrong = kit_db.execute(WRONG).fetchall()
    if level == psycopg.IsolationLevel.READ_COMMITTED:
        assert wrong == []
    # a transaction that kept its snapshot while it waited for `enable` does not see what that noted
    assert {tenant for _, _, tenant in wrong} <= {"default"}
    assert len(wrong) <= ENABLED * WRITERS
    assert all(number <= last for number, _, _ in wrong)
    assert one(kit_db, "SELECT count(*) FROM audit.change_events WHERE operation = 'I'") > 120


def _article_and_comments(conn: psycopg.Connection[Any], tenant: str) -> None:
    """An article, and comments on it in the same transaction and in a later one."""
    for _ in range(50):  # SERIALIZABLE may ask for a retry, as the foreign key alone does
        try:
            found = conn.execute(
                "INSERT INTO public.article (tenant_id) VALUES (%s) RETURNING id", [tenant]
            ).fetchone()
            conn.execute("INSERT INTO public.comment (article_id) VALUES (%s)", found)
            conn.commit()
            conn.execute("INSERT INTO public.comment (article_id) VALUES (%s)", found)
            conn.commit()
            return
        except psycopg.errors.SerializationFailure:
            conn.rollback()
            assert conn.isolation_level == psycopg.IsolationLevel.SERIALIZABLE

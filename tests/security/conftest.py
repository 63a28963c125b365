"""A log of two tenants, one of which has a secret, and a reader of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import install_kit
from tests.kit import Kit
from tests.sealing import audited_table, seal_all
from tests.servers import Database, PgServer

SECRET = "the-secret-of-b"


def build(dsn: str) -> None:
    """b's log holds the secret in key, value and context."""
    install_kit(dsn)
    with psycopg.connect(dsn, autocommit=True) as db:
        audited_table(db, dsn)
        db.execute("CREATE TABLE public.named (id text PRIMARY KEY, tenant text, v text)")
        Kit(dsn)("enable", "public.named", "--tenant-column", "tenant", "--personal", "v")
        db.execute("INSERT INTO public.named VALUES ('k', 'a', 'open')")
        with db.transaction():
            db.execute("SELECT audit.set_context(actor_id => %s, ip => '192.0.2.7')", [SECRET])
            db.execute(
                "INSERT INTO public.named SELECT %s || i, 'b', %s FROM generate_series(1, 50) AS i",
                [SECRET, SECRET],
            )
        seal_all(db)
        db.execute("ANALYZE")


@pytest.fixture
def secrets_db(server: PgServer) -> Iterator[Database]:
    """The database with that log."""
    with server.database(server.template("secrets", build)) as db:
        yield db


@pytest.fixture
def readers(secrets_db: Database) -> tuple[str, str]:
    """Roles that read a and b, and may create what they like beside the log."""
    roles = secrets_db.role("of_a"), secrets_db.role("of_b")
    for role, tenant in zip(roles, "ab", strict=True):
        secrets_db.execute("SELECT audit.grant_tenant(%s, %s, 'membership')", [role, tenant])
        secrets_db.execute(f"GRANT pgaudit_kit_reader TO {role}; GRANT CREATE ON SCHEMA public TO {role}")
    return roles


def tenants(conn: psycopg.Connection[Any]) -> set[str]:
    """Whose events it sees."""
    return {tenant for (tenant,) in conn.execute("SELECT DISTINCT tenant_id FROM audit.events")}

"""A sealed log of three tenants, with which a superuser does as he likes; each test has it whole again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.kit import Answer, run
from tests.servers import Database, PgServer
from tests.verifying import LOG_TABLES, audit_documents, disable_guards, write_and_seal

VICTIM, OTHERS = "acme", ("_system", "globex", "initech")


@dataclass
class SealedLog:
    """The database, and how to speak about what is in it."""

    db: Database

    def execute(self, query: str, *values: Any) -> Any:
        """Runs what the attacker types."""
        return self.db.execute(query, values or None)

    def one(self, query: str, *values: Any) -> Any:
        """The one value that a query gives."""
        row = self.db.execute(query, values).fetchone()
        assert row is not None
        return row[0]

    def events(self, tenant: str = VICTIM, block: int | None = None) -> list[int]:
        """The tenant's sealed events, or those in one block."""
        rows = self.db.execute(
            "SELECT unnest(b.event_ids) FROM audit.blocks AS b"
            " WHERE b.tenant_id = %s AND coalesce(b.block_number = %s, true) ORDER BY 1",
            (tenant, block),
        )
        return [event for (event,) in rows]

    def unused_id(self) -> int:
        """An id that was drawn and never used, between those of sealed events."""
        return int(
            self.one(
                "SELECT min(i) FROM generate_series(%s::bigint, 100) AS i"
                " WHERE NOT EXISTS (SELECT FROM audit.change_events AS e WHERE e.event_id = i)",
                self.events()[0],
            )
        )

    def verify(self, *args: str) -> Answer:
        """Runs verify, for all tenants unless told otherwise."""
        return run("--dsn", self.db.dsn, "verify", *(args or ("--all",)), "--json")


@pytest.fixture(scope="module")
def whole_log(server: PgServer) -> Iterator[SealedLog]:
    """The log as it was sealed, its guards off, with a copy of everything."""
    from tests.conftest import install_kit

    with server.database(server.template("kit", install_kit)) as db:
        audit_documents(db, db.dsn)
        for _ in range(3):
            write_and_seal(db, VICTIM, "globex", "initech")
        disable_guards(db)
        while db.execute("SELECT audit.seal()").fetchone() != (0,):
            pass
        db.execute("CREATE SCHEMA kept")
        for table in LOG_TABLES:
            db.execute(f"CREATE TABLE kept.{table} AS SELECT * FROM audit.{table}")
        yield SealedLog(db)


@pytest.fixture
def log(whole_log: SealedLog) -> Iterator[SealedLog]:
    """The whole log for one test, put back afterwards."""
    yield whole_log
    for table in LOG_TABLES:
        whole_log.db.execute(f"DELETE FROM audit.{table}")
        whole_log.db.execute(f"INSERT INTO audit.{table} SELECT * FROM kept.{table}")


def insert(conn: psycopg.Connection[Any], model: int, **columns: str) -> None:
    """Inserts a copy of an event with some columns as SQL expressions over `e`."""
    names = (
        "event_id occurred_at transaction_id table_id table_version row_xmin operation tenant_id record_key"
        " actor_id action context old_values new_values personal_commitment"
    ).split()
    values = ", ".join(columns.get(name, f"e.{name}") for name in names)
    conn.execute(
        f"INSERT INTO audit.change_events ({', '.join(names)})"
        f" SELECT {values} FROM audit.change_events AS e WHERE e.event_id = {model:d}"
    )

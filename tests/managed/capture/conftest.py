"""Fixtures: tables of the application's owner, audited by boss, for tests that look at events alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.capture.conftest import audited
from tests.managed.service import Service
from tests.servers import Database, PgServer

__all__ = ["audited", "kit_db", "mode"]

# The tests create their tables as the service's superuser, of whom boss is no member.
GIVE_AWAY = """
    CREATE FUNCTION shop.give_away() RETURNS event_trigger LANGUAGE plpgsql AS $$
    DECLARE
        v_made record;
    BEGIN
        FOR v_made IN
            SELECT d.object_type, d.object_identity FROM pg_event_trigger_ddl_commands() AS d
            WHERE d.object_type IN ('schema', 'table') AND d.schema_name IS DISTINCT FROM 'pg_temp'
                AND current_user = 'postgres'
        LOOP
            EXECUTE format('ALTER %s %s OWNER TO shop_owner', v_made.object_type, v_made.object_identity);
        END LOOP;
    END;
    $$;
    CREATE EVENT TRIGGER give_away ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA', 'CREATE TABLE')
    EXECUTE FUNCTION shop.give_away()
"""


@pytest.fixture
def kit_db(server: PgServer, service: Service) -> Iterator[Database]:
    """A superuser's connection, whose `dsn` is boss's: that is who runs the kit."""
    with service.shop() as shop:
        name = shop.boss.info.dbname
        with Database.connect(service.cluster.dsn(name, "postgres"), autocommit=True) as db:
            db.dsn, db.name, db.server, db.roles = shop.dsn, name, server, []
            db.execute(GIVE_AWAY)
            yield db
            roles = [f'"{role}"' for role in db.roles]
        if roles:
            shop.service.execute(f"DROP OWNED BY {', '.join(roles)}; DROP ROLE {', '.join(roles)}".encode())


@pytest.fixture
def mode() -> str:
    """The function that boss's installation made: a generic one that no event trigger guards."""
    return "as installed"

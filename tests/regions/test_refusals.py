"""What cannot be placed is refused with what to do, before anything is changed."""

from __future__ import annotations

import pytest
from psycopg import sql

from tests.kit import Kit
from tests.partman.setups import create_partman
from tests.regions.conftest import Log
from tests.regions.placement import assert_placed, eu, regions
from tests.sealing import one


@pytest.mark.any_server
def test_a_tablespace_that_is_not_there_is_refused(log: Log) -> None:
    for name in ("nowhere", "pg_global"):
        log.kit.declare(regions(eu(name)))
        said = log.kit("plan", code=2).err
        assert f"There is no tablespace {name} for the log" in said
        assert "pgaudit.toml: regions[0].tablespace" in said


@pytest.mark.any_server
def test_an_installer_who_may_not_grant_is_told_what_to_ask_for(log: Log) -> None:
    installer = log.db.role("installer")
    name = sql.Identifier(installer)
    log.db.execute(sql.SQL("GRANT pgaudit_kit_owner TO {}").format(name))
    log.db.execute(
        sql.SQL("ALTER TABLE public.doc OWNER TO {0}; ALTER TABLE public.person OWNER TO {0}").format(name)
    )
    log.kit.declare(regions(eu(log.space)).replace("bulk = true", ""))
    kit = Kit(log.db.server.dsn(log.db.name, installer), log.kit.config)
    said = kit("plan", code=2).err
    assert "The kit's owner may not use the tablespace" in said
    assert f"GRANT CREATE ON TABLESPACE {log.space} TO pgaudit_kit_owner" in said.replace("\n", " ")
    log.db.execute(f"GRANT CREATE ON TABLESPACE {log.space} TO pgaudit_kit_owner")
    kit("apply", "--yes")
    assert_placed(log.db, log.space)


@pytest.mark.servers("local")
def test_pg_partman_gives_way_to_the_kit(log: Log) -> None:
    create_partman(log.db.dsn, log.db.server)
    text = regions(eu(log.space)).replace("bulk = true", "")
    partman = text.replace("[partitions]", "[partitions]\nmanager = 'partman'")
    log.kit.declare(partman)
    assert "pg_partman makes no partitions that are divided by region" in log.kit("plan", code=2).err
    log.kit.declare(partman[partman.index("[partitions]") :])
    log.kit("apply", "--yes")
    assert one(log.db, "SELECT audit.partition_manager()").startswith("pg_partman")
    log.kit.declare(text)
    log.kit("apply", "--yes")
    assert log.kit.plan() == []
    assert one(log.db, "SELECT audit.partition_manager()") == "native"
    log.db.execute("SELECT audit.maintain_partitions(now() + interval '9 days')")
    assert_placed(log.db, log.space)

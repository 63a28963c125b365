"""The owner of an audited partitioned table, no superuser: what he can do, and cannot be made to do."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.kit import Kit
from tests.sealing import one
from tests.servers import Database, connect

Connection = psycopg.Connection[Any]

MAKE = "CREATE TABLE public.part_2 PARTITION OF public.part FOR VALUES FROM (10) TO (20)"


@pytest.fixture
def owner(kit_db: Database) -> Iterator[Connection]:
    """A connection of the ordinary role that owns public.part, which is audited."""
    name = kit_db.role("owner")
    kit_db.execute(f'GRANT CREATE ON SCHEMA public TO "{name}"'.encode())
    with connect(kit_db, name) as conn:
        conn.execute(
            "CREATE TABLE public.part (id int PRIMARY KEY) PARTITION BY RANGE (id);"
            "CREATE TABLE public.part_1 PARTITION OF public.part FOR VALUES FROM (0) TO (10)"
        )
        Kit(kit_db.dsn)("enable", "public.part")
        yield conn


def recorded(db: Database) -> list[str]:
    """The keys of the rows that were inserted, as the log has them."""
    query = "SELECT record_key FROM audit.change_events WHERE operation = 'I' ORDER BY event_id"
    return [key for (key,) in db.execute(query)]


def test_a_partition_is_made_by_the_tables_owner(kit_db: Database, owner: Connection) -> None:
    owner.execute(MAKE.encode())
    owner.execute(
        "CREATE TABLE public.part_3 (id int PRIMARY KEY);"
        "ALTER TABLE public.part ATTACH PARTITION public.part_3 FOR VALUES FROM (20) TO (30)"
    )
    owner.execute("INSERT INTO public.part VALUES (1), (11), (21)")
    assert recorded(kit_db) == ["1", "11", "21"]


def test_the_grant_follows_the_owner(kit_db: Database, owner: Connection) -> None:
    kit = Kit(kit_db.dsn)
    assert kit.plan() == []
    kit("seal")  # or the installation, a copy of one, looks long unsealed
    assert {"grants", "public"} <= {
        check["name"] for check in kit("doctor", "--json").json["checks"] if check["level"] == "ok"
    }
    heir = kit_db.role("heir")
    kit_db.execute(
        f'ALTER TABLE public.part OWNER TO "{heir}"; ALTER TABLE public.part_1 OWNER TO "{heir}";'
        f'GRANT CREATE ON SCHEMA public TO "{heir}"'.encode()
    )
    assert ("drop", "grant", f"EXECUTE on tg_capture_1 to {owner.info.user}") in kit.plan()
    kit("apply", "--yes")
    assert kit.plan() == []
    with connect(kit_db, heir) as conn:
        conn.execute(MAKE.encode())
        conn.execute("INSERT INTO public.part VALUES (11)")
    assert recorded(kit_db) == ["11"]
    assert not one(
        kit_db, "SELECT has_function_privilege(%s, 'audit.tg_capture_1()', 'EXECUTE')", [owner.info.user]
    )


@pytest.mark.parametrize("partitioned", [True, False])
def test_another_table_cannot_write_events_in_its_name(
    kit_db: Database, owner: Connection, partitioned: bool
) -> None:
    owner.execute(
        b"CREATE TABLE public.forged (id int PRIMARY KEY)"
        + (b" PARTITION BY RANGE (id)" if partitioned else b"")
    )
    if partitioned:
        owner.execute("CREATE TABLE public.forged_1 PARTITION OF public.forged DEFAULT")
    owner.execute(
        "CREATE TRIGGER forged AFTER INSERT ON public.forged"
        " FOR EACH ROW EXECUTE FUNCTION audit.tg_capture_1()"
    )
    with pytest.raises(errors.TriggerProtocolViolated, match=r"public\.forged(_1)? is no part of the table"):
        owner.execute("INSERT INTO public.forged VALUES (5)")
    assert recorded(kit_db) == []


def test_a_table_that_was_renamed_or_became_a_partition_itself_is_recorded(
    kit_db: Database, owner: Connection
) -> None:
    owner.execute("ALTER TABLE public.part RENAME TO renamed; INSERT INTO public.renamed VALUES (1)")
    owner.execute(
        "CREATE TABLE public.above (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        "ALTER TABLE public.above ATTACH PARTITION public.renamed FOR VALUES FROM (0) TO (100);"
        "INSERT INTO public.above VALUES (2)"
    )
    assert recorded(kit_db) == ["1", "2"]


def operations(db: Database) -> list[str]:
    """What was done to rows and tables, in order."""
    query = "SELECT operation FROM audit.events WHERE operation <> 'CONTROL' ORDER BY event_id"
    return [operation for (operation,) in db.execute(query)]


@pytest.mark.any_server
def test_a_table_above_that_is_not_audited_hides_no_truncate(kit_db: Database, owner: Connection) -> None:
    owner.execute("CREATE TABLE public.plain (id int PRIMARY KEY)")
    Kit(kit_db.dsn)("enable", "public.plain")
    number = one(
        kit_db, "SELECT table_id FROM audit.audited_tables WHERE relation = 'public.plain'::regclass"
    )
    owner.execute(
        "CREATE TABLE public.above (id int PRIMARY KEY) PARTITION BY RANGE (id);"
        "ALTER TABLE public.above ATTACH PARTITION public.plain DEFAULT;"
        "CREATE TRIGGER t BEFORE TRUNCATE ON public.above EXECUTE FUNCTION audit.tg_truncate('1');"
        f"CREATE TRIGGER u BEFORE TRUNCATE ON public.above EXECUTE FUNCTION audit.tg_truncate('{number}')"
    )
    owner.execute("TRUNCATE public.above")
    assert operations(kit_db) == ["TRUNCATE"]


@pytest.mark.any_server
@pytest.mark.parametrize("event", ["BEFORE INSERT", "AFTER INSERT"])
def test_another_trigger_of_his_forges_no_event(kit_db: Database, owner: Connection, event: str) -> None:
    owner.execute(
        f"CREATE TRIGGER forged {event} ON public.part_1 FOR EACH ROW EXECUTE FUNCTION audit.tg_capture_1()"
    )
    with contextlib.suppress(psycopg.Error):
        owner.execute("INSERT INTO public.part VALUES (5)")
    assert recorded(kit_db) == [str(key) for (key,) in kit_db.execute("SELECT id FROM public.part")]

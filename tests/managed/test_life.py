"""From install to uninstall without a superuser anywhere: everything works, and what is lost is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from psycopg import errors
from psycopg.conninfo import make_conninfo

from tests.cli.test_run import line_with, started
from tests.kit import Kit, run
from tests.managed.service import APP, Shop
from tests.sealing import assert_sound, one, seal_all, sealed_once
from tests.security.test_objects import unexpected

pytestmark = pytest.mark.own_programs

TABLES = """
    CREATE TABLE shop.articles (id int PRIMARY KEY, tenant text, title text, mail text);
    INSERT INTO shop.articles VALUES (1, 'acme', 'old', 'a@example.org');
    CREATE TABLE shop.orders (id int, at date, what text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
    CREATE TABLE shop.orders_1 PARTITION OF shop.orders FOR VALUES FROM ('2026-01-01') TO ('2026-07-01');
    INSERT INTO shop.orders VALUES (1, '2026-02-03', 'old')
"""
DECLARED = """
    [partitions]
    manager = "native"
    [[tables]]
    name = "shop.articles"
    tenant = { column = "tenant" }
    personal = ["mail"]
    [[tables]]
    name = "shop.orders"
    tenant = { setting = "shop.tenant" }
"""
NO_EVENT_TRIGGERS = (
    "There are no event triggers: changes of definitions and of triggers are not recorded, triggers are not"
    " put back to ALWAYS, and capture uses the slower generic functions."
)


@pytest.fixture
def declared(empty: Shop, tmp_path: Path) -> Kit:
    """The kit of a configuration file, not installed yet; the tables are there, with rows."""
    empty.owner.execute(TABLES)
    kit = Kit(empty.dsn, config=tmp_path / "pgaudit.toml")
    kit.declare(DECLARED)
    return kit


def write(shop: Shop) -> None:
    """A row in each table, from its beginning to its end."""
    shop.app.execute("SELECT set_config('shop.tenant', 'globex', false)")
    shop.app.execute("INSERT INTO shop.articles VALUES (2, 'acme', 'new', 'b@example.org')")
    shop.app.execute("UPDATE shop.articles SET title = 'newer' WHERE id = 2")
    shop.app.execute("DELETE FROM shop.articles WHERE id = 2")
    shop.app.execute("INSERT INTO shop.orders VALUES (2, '2026-03-04', 'new')")
    shop.app.execute("UPDATE shop.orders SET what = 'newer' WHERE id = 2")
    shop.app.execute("TRUNCATE shop.orders")


def test_a_declared_configuration_is_installed_used_and_taken_away(empty: Shop, declared: Kit) -> None:
    answer = declared("install", "--yes")
    assert "event triggers" in answer.err
    assert declared.plan() == []
    assert declared("plan", "--exit-code").code == 0
    write(empty)
    operations = [operation for operation, *_ in empty.events()]
    assert operations == ["I", "U", "D", "I", "U", "T"]
    assert "Sealed" in declared("seal").out
    seal_all(empty.service)
    assert sealed_once(empty.service)
    assert_sound(empty.service)
    assert unexpected(empty.service) == set()
    judged = declared("verify", "--all", "--json").json
    assert judged["findings"] == []
    assert {tenant["tenant_id"] for tenant in judged["tenants"]} == {"_system", "acme", "globex"}
    names = {table["name"] for table in declared("status", "--json").json["tables"]}
    assert names == {"shop.articles", "shop.orders"}
    declared("disable", "shop.orders", "--yes")
    empty.app.execute("INSERT INTO shop.orders VALUES (3, '2026-03-04', 'unseen')")
    assert len(empty.events()) == 6
    log = one(empty.service, "SELECT count(*) FROM audit.change_events")
    declared("uninstall", "--yes")
    assert one(empty.service, "SELECT count(*) FROM audit.change_events") >= log, "the data stay"
    declared("verify", "--all")
    declared("install", "--yes")
    write(empty)
    assert declared.plan() == []
    declared("uninstall", "--drop-data", "--confirm", "audit", "--yes")
    assert one(empty.service, "SELECT to_regnamespace('audit') IS NULL")


def test_twice_is_a_no_op(empty: Shop, declared: Kit) -> None:
    declared("install", "--yes")
    count = "SELECT count(*) FROM audit.change_events"
    events = one(empty.service, count)
    for command in (("install", "--yes"), ("apply", "--yes")):
        declared(*command)
    assert declared.plan() == []
    assert one(empty.service, count) == events


def test_triggers_are_always_although_no_event_trigger_makes_them_so(shop: Shop) -> None:
    shop.owner.execute(TABLES)
    for table in ("shop.articles", "shop.orders"):
        shop.kit("enable", table)
    shop.service.execute("SET session_replication_role = replica")  # as a replication's worker
    shop.service.execute("UPDATE shop.articles SET title = 'x'; UPDATE shop.orders SET what = 'x'")
    shop.service.execute("TRUNCATE shop.articles, shop.orders_1")
    assert [event[0] for event in shop.events()] == ["U", "U", "T", "T"]


def test_a_baseline_holds_the_rows_there_are(shop: Shop) -> None:
    shop.owner.execute(TABLES)
    for table in ("shop.articles", "shop.orders"):
        shop.kit("enable", table, "--baseline")
    assert [(operation, table, key) for operation, table, key, *_ in shop.events()] == [
        ("B", "shop.articles", "1"),
        ("B", "shop.orders", '["1", "2026-02-03"]'),
    ]


def test_the_worker_seals_and_makes_partitions(shop: Shop) -> None:
    shop.owner.execute(TABLES)
    shop.kit("enable", "shop.articles")
    seal_all(shop.service)
    shop.app.execute("UPDATE shop.articles SET title = 'x'")
    with started(shop.dsn, "run", "--every", "0.1") as worker:
        line_with(worker, lambda line: "sealed " in line)
        worker.terminate()
        _, err = worker.communicate(timeout=30)
    assert worker.returncode == 0, err
    assert sealed_once(shop.service)


def test_partitions_are_made_and_events_moved_into_them(empty: Shop, declared: Kit) -> None:
    declared("install", "--yes")
    partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'audit.change_events'::regclass"
    before = one(empty.service, partitions)
    declared.declare(DECLARED.replace('"native"', '"native"\npremake = 20'))
    declared("apply", "--yes")
    assert one(empty.service, partitions) == before + 13
    empty.boss.execute("SELECT audit.maintain_partitions()")
    assert one(empty.service, partitions) == before + 13
    assert unexpected(empty.service) == set()
    write(empty)
    assert one(empty.boss, "SELECT audit.move_default_rows()") == 0
    seal_all(empty.service)
    declared("verify", "--all")


def test_doctor_names_exactly_what_is_lost(shop: Shop) -> None:
    shop.owner.execute(TABLES)
    shop.kit("enable", "shop.articles")
    shop.kit("enable", "shop.orders")
    seal_all(shop.service)
    answer = shop.kit("doctor", "--json").json
    assert answer["verdict"] == "ok"
    wrong = {
        check["name"]: [finding["message"] for finding in check["findings"]]
        for check in answer["checks"]
        if check["level"] != "ok"
    }
    assert wrong == {"event-triggers": [NO_EVENT_TRIGGERS]}
    (said,) = [check["findings"] for check in answer["checks"] if check["name"] == "capture"]
    assert "without event triggers the generic capture function serves everywhere" in said[0]["message"]


def test_who_no_longer_acts_for_the_owner_is_told_what_to_grant(shop: Shop) -> None:
    seal_all(shop.service)
    shop.boss.execute("REVOKE pgaudit_kit_owner FROM boss")  # from 16 on he still administers the role
    answer = shop.kit("doctor", "--json", code=1).json
    (found,) = [check["findings"] for check in answer["checks"] if check["name"] == "privileges"]
    assert found[0]["hint"] == 'GRANT pgaudit_kit_owner TO "boss";'
    shop.boss.execute('GRANT pgaudit_kit_owner TO "boss"')
    shop.kit("doctor")


def test_an_installer_who_lacks_a_right_is_told_which_and_nothing_is_left(empty: Shop) -> None:
    answer = run("--dsn", make_conninfo(empty.dsn, user=APP), "install", "--yes")
    assert answer.code == 3, answer.err
    assert one(empty.service, "SELECT to_regnamespace('audit') IS NULL")


def test_a_table_of_somebody_else_cannot_be_audited_and_is_named(shop: Shop) -> None:
    shop.service.execute("CREATE TABLE public.others (id int PRIMARY KEY)")
    answer = shop.kit("enable", "public.others", code=3)
    assert "others" in answer.err
    assert shop.kit.plan() == []


def test_what_the_installer_may_not_do_is_refused_by_the_database(shop: Shop) -> None:
    """The simulation is one: what the tests above did was done without these."""
    for statement in (
        "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION audit.tg_ddl_watch()",
        "ALTER SYSTEM SET work_mem = '8MB'",
        "SET session_replication_role = replica",
        "CREATE ROLE r SUPERUSER",
        "CREATE ROLE r BYPASSRLS",
    ):
        with pytest.raises(errors.InsufficientPrivilege):
            shop.boss.execute(statement)

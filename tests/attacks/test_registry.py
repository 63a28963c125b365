"""The registry is data: whoever changes it past the kit's commands is found by what the log says of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import install_kit
from tests.kit import Kit
from tests.sealing import seal_all
from tests.servers import Database, PgServer

pytestmark = pytest.mark.any_server

REGISTRY = ("audited_tables", "table_versions", "settings")
PAY = "UPDATE audit.audited_tables SET"
OF_PAY = "WHERE table_id = (SELECT table_id FROM audit.table_versions WHERE table_name = 'pay' LIMIT 1)"


@pytest.fixture(scope="module")
def shop(server: PgServer) -> Iterator[Database]:
    """Two tables with histories: one renamed and altered, one disabled, enabled again and configured anew."""
    with server.database(server.template("kit", install_kit)) as db:
        kit = Kit(db.dsn)
        db.execute(
            'CREATE TABLE public.pay (id int PRIMARY KEY, tenant text, "Wage" int, note text, mail text);'
            "CREATE TABLE public.lunch (id int PRIMARY KEY, v text);"
            "CREATE TABLE public.gone (id int PRIMARY KEY)"
        )
        personal = ("--tenant-column", "tenant", "--personal", "mail", "--exclude", "note")
        kit("enable", "public.pay", *personal)
        kit("enable", "public.lunch")
        kit("enable", "public.gone")
        db.execute('ALTER TABLE public.pay RENAME "Wage" TO wage; ALTER TABLE public.pay ADD more int')
        kit("disable", "public.lunch", "--yes")
        kit("enable", "public.lunch", "--tenant-value", "kitchen")
        db.execute("ALTER TABLE public.lunch RENAME TO dinner; DROP TABLE public.gone")
        kit("apply", "--yes")
        db.execute(
            "INSERT INTO public.pay VALUES (1, 'a', 5000); INSERT INTO public.dinner VALUES (1, 'soup')"
        )
        seal_all(db)
        for table in REGISTRY:
            db.execute(f"CREATE TABLE public.kept_{table} AS SELECT * FROM audit.{table}")
        yield db


@pytest.fixture
def attacked(shop: Database) -> Iterator[Database]:
    """The database, whose registry is put back afterwards."""
    yield shop
    with shop.transaction():
        shop.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in reversed(REGISTRY):
            shop.execute(f"DELETE FROM audit.{table}")
        for table in REGISTRY:
            shop.execute(f"INSERT INTO audit.{table} SELECT * FROM public.kept_{table}")


def found(db: Database, code: int) -> set[tuple[str | None, str]]:
    """What the registry says and the log does not."""
    answer = Kit(db.dsn)("verify", "--all", "--json", code=code)
    return {
        (one["table"], one["message"].removesuffix(", and no control event says so"))
        for one in answer.json["findings"]
        if one["kind"] == "registry-changed" and one["level"] == "completeness"
    }


def test_what_the_kit_and_ddl_did_to_it_is_no_finding(shop: Database) -> None:
    assert found(shop, 0) == set()


COLUMNS = "the registry has other columns as key, tenant, personal or excluded"
VERSION = "the registry has another name, other columns or another key in version {} of its definition"

ATTACKS = {
    "a table is no longer compared": (
        f"{PAY} enabled = false {OF_PAY}",
        {("public.pay", "the registry says that it is not audited")},
    ),
    "a table that was dropped stands as audited": (
        "UPDATE audit.audited_tables SET enabled = true WHERE relation = 0",
        {("public.gone", "the registry says that it is audited")},
    ),
    "not all of its changes are recorded, it says": (
        f'{PAY} declaration = declaration || \'{{"when": {{"insert": "false"}}}}\' {OF_PAY}',
        {("public.pay", "the registry has another declaration")},
    ),
    "a column is recorded no more": (
        f"{PAY} excluded_attnums = excluded_attnums || 3::smallint {OF_PAY}",
        {("public.pay", COLUMNS)},
    ),
    "personal values go into the line": (
        f"{PAY} personal_attnums = '{{}}' {OF_PAY}",
        {("public.pay", COLUMNS)},
    ),
    "another column names the tenant": (f"{PAY} tenant_attnum = 4 {OF_PAY}", {("public.pay", COLUMNS)}),
    "another column is the key": (f"{PAY} key_attnums = '{{3}}' {OF_PAY}", {("public.pay", COLUMNS)}),
    "an older definition": (
        f"{PAY} table_version = 1 {OF_PAY}",
        {("public.pay", "the registry goes by version 1 of its definition")},
    ),
    "events of one table are called another's": (
        "UPDATE audit.table_versions SET table_name = 'dinner'"
        " WHERE table_name = 'pay' AND table_version = 1",
        {("public.pay", VERSION.format(1))},
    ),
    "columns are called otherwise": (
        "UPDATE audit.table_versions SET columns = replace(columns::text, 'wage', 'bonus')::jsonb"
        " WHERE table_name = 'pay' AND table_version = 3",
        {("public.pay", VERSION.format(3))},
    ),
    "inserts without row_xmin are in order, it says": (
        "UPDATE audit.table_versions SET bulk = true WHERE table_name = 'pay' AND table_version = 1",
        {("public.pay", VERSION.format(1))},
    ),
    "a setting": (
        "UPDATE audit.settings SET value = '[]' WHERE name = 'personal_context'",
        {(None, "the registry has another value of the setting personal_context")},
    ),
    "a setting that is gone": (
        "DELETE FROM audit.settings WHERE name = 'partitions'",
        {(None, "the registry has another value of the setting partitions")},
    ),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_change_past_the_kits_commands_is_found(
    attacked: Database, attack: tuple[str, set[tuple[str | None, str]]]
) -> None:
    statement, expected = attack
    assert attacked.execute(statement).rowcount == 1
    assert found(attacked, 1) == expected


def test_a_table_that_is_gone_from_it_is_found(attacked: Database) -> None:
    attacked.execute(f"DELETE FROM audit.table_versions {OF_PAY}")
    attacked.execute("DELETE FROM audit.audited_tables WHERE personal_attnums <> '{}'")
    assert ("public.pay", "the registry does not have it") in found(attacked, 1)


FORGED = {
    "the kit was uninstalled": "SELECT audit.record_control('uninstalled', '{}')",
    "its auditing begins now": "SELECT audit.record_control('table-enabled', new_values, table_id)"
    ' FROM audit.change_events WHERE new_values @> \'{"kind": "table-enabled", "table": "public.dinner"}\'',
}


@pytest.mark.parametrize("event", FORGED.values(), ids=FORGED)
def test_an_event_that_says_so_hides_no_write_past_the_triggers(kit_db: Database, event: str) -> None:
    kit = Kit(kit_db.dsn)
    kit_db.execute("CREATE TABLE public.dinner (id int PRIMARY KEY, v text)")
    kit("enable", "public.dinner")
    kit_db.execute("INSERT INTO public.dinner VALUES (1, 'soup')")
    kit_db.execute("SET session_replication_role = replica; ALTER TABLE public.dinner DISABLE TRIGGER USER")
    kit_db.execute("UPDATE public.dinner SET v = 'fish'; RESET session_replication_role")
    kit("apply", "--yes")
    kit_db.execute(event)
    seal_all(kit_db)
    kinds = {one["kind"] for one in kit("verify", "--all", "--json", code=1).json["findings"]}
    assert kinds & {"registry-changed", "replay-differs"}

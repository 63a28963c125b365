"""`pgaudit-kit bench`: measures on copies, and has no effect on what it measures."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.cli.benching import FEW, ORDERS, bench, left, measured, recorded, roles, started
from tests.kit import Kit, catalog_state, data_state, run
from tests.servers import Database, connect

pytestmark = pytest.mark.any_server  # what differs between servers, other tests see


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def shop(db: Database) -> Database:
    """A database without the kit."""
    db.execute(ORDERS)
    return db


def test_it_measures_where_nothing_is_installed_and_leaves_nothing(shop: Database):
    before = catalog_state(shop)["pg_namespace"], roles(shop)
    answer = measured(shop.dsn, "public.orders")
    assert (answer["table"], answer["rows"], answer["made_up"]) == ("public.orders", 60, False)
    assert [(cost["operation"], cost["rows"]) for cost in answer["costs"]] == [
        (operation, rows) for rows in (1, 60) for operation in ("insert", "update", "delete")
    ]
    assert recorded(answer) == {"insert", "update", "delete"}
    for cost in answer["costs"]:
        assert cost["low_us"] <= cost["adds_us"] <= cost["high_us"]
        assert cost["unaudited_us"] > 0
        assert cost["audited_wal_bytes"] > cost["unaudited_wal_bytes"] > 0
    assert left(shop) == []
    assert (catalog_state(shop)["pg_namespace"], roles(shop)) == before


def test_the_table_and_an_installed_log_are_not_touched(kit_db: Database):
    kit_db.execute(ORDERS)
    kit_db.execute(
        """
        CREATE TABLE public.fired (n int);
        CREATE FUNCTION public.fire() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN INSERT INTO public.fired VALUES (1); RETURN NULL; END';
        CREATE TRIGGER fire AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON public.orders
        EXECUTE FUNCTION public.fire();
        CREATE TABLE public.lines (order_id bigint REFERENCES public.orders)
        """
    )
    Kit(kit_db.dsn)("enable", "public.orders", "--tenant-column", "tenant_id")
    look = (
        "SELECT count(*), min(xmin::text), (SELECT last_value FROM public.orders_id_seq),"
        " (SELECT count(*) FROM public.fired), (SELECT last_value FROM audit.event_id_seq) FROM public.orders"
    )
    before = kit_db.execute(look).fetchone(), data_state(kit_db)
    answer = measured(kit_db.dsn, "public.orders")
    assert (kit_db.execute(look).fetchone(), data_state(kit_db)) == before
    assert answer["declared_in"] == "the database"
    assert answer["declaration"]["tenant"]["column"] == "tenant_id"
    Kit(kit_db.dsn)("plan", "--exit-code")
    assert left(kit_db) == []


def test_a_budget_is_a_check(shop: Database):
    answer = measured(shop.dsn, "public.orders", "--budget", "0.001us", code=1)
    assert (answer["verdict"], answer["exit_code"]) == ("failed", 1)
    assert "over the budget" in bench(shop.dsn, "public.orders", "--budget", "0.001 us", *FEW, code=1).out
    answer = measured(shop.dsn, "public.orders", "--budget", "1s")
    assert (answer["verdict"], answer["budget_us"]) == ("ok", 1_000_000)
    assert "within the budget" in bench(shop.dsn, "public.orders", "--budget", "1s", *FEW).out


@pytest.mark.parametrize("text", ["200", "0us", "fast", "-1us", "1h"])
def test_a_budget_that_is_none_is_wrong_usage(db: Database, text: str):
    assert "usage-error" in bench(db.dsn, "public.orders", "--budget", text, code=2).err


@pytest.mark.parametrize(
    ("table", "code", "error"),
    [
        ("public.absent", 2, "absent-table"),
        ("orders", 2, "usage-error"),
        ("public.seen", 2, "config-error"),
        ("public.nokey", 2, "no-primary-key"),
        ("audit.blocks", 2, "config-error"),
        ("public.ranges", 4, "inconclusive"),
    ],
)
def test_what_cannot_be_measured_is_named_and_nothing_is_left(
    kit_db: Database, table: str, code: int, error: str
):
    kit_db.execute(
        "CREATE VIEW public.seen AS SELECT 1 AS n; CREATE TABLE public.nokey (n int);"
        " CREATE TABLE public.ranges (id int PRIMARY KEY, r int4range NOT NULL)"
    )
    assert f"error[{error}]" in bench(kit_db.dsn, table, *FEW, code=code).err
    assert left(kit_db) == []


def test_the_file_says_what_is_measured(shop: Database, tmp_path: Path):
    (tmp_path / "pgaudit.toml").write_text(
        '[[tables]]\nname = "public.orders"\ntenant = { column = "tenant_id" }\noperations = ["update"]\n'
        'exclude = ["note"]\npersonal = ["total"]\n'
    )
    answer = measured(shop.dsn, "public.orders", "--column", "total")
    assert answer["declared_in"] == "pgaudit.toml"
    assert recorded(answer) == {"update"}
    assert answer["changed_columns"] == ["total"]
    wrong = bench(shop.dsn, "public.orders", "--column", "note", *FEW, code=2)
    assert "'note' cannot be changed here" in wrong.err
    assert left(shop) == []


BY_STATEMENT = (
    "SELECT count(*) FROM pg_trigger AS g INNER JOIN pg_class AS c ON c.oid = g.tgrelid"
    " WHERE c.relname = 'audited' AND g.tgname ~ 'bulk'"
)


@pytest.mark.parametrize("with_trigger", [False, True])
def test_a_bulk_table_is_measured_as_it_would_be_recorded(shop: Database, tmp_path: Path, with_trigger: bool):
    (tmp_path / "pgaudit.toml").write_text('[[tables]]\nname = "public.orders"\nbulk = true\n')
    if with_trigger:  # then what it changes would stand in the log before the rows: recorded by row
        shop.execute(
            "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            " CREATE TRIGGER f AFTER INSERT OR DELETE ON public.orders"
            " FOR EACH ROW EXECUTE FUNCTION public.f()"
        )
    answer = measured(shop.dsn, "public.orders")
    assert answer["declaration"]["bulk"] is True
    assert recorded(answer) == {"insert", "update", "delete"}
    assert any("recorded by row" in note for note in answer["notes"]) == with_trigger
    child = started(shop)
    found = shop.execute(BY_STATEMENT).fetchone()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert found == (0 if with_trigger else 2,)


HOSTILE = """
    CREATE SCHEMA "Sch""ema '%s";
    CREATE TYPE "Sch""ema '%s"."Mo'od" AS ENUM ('so', 'la', 'ti');
    CREATE TABLE "Sch""ema '%s"."T; DROP" (
        "v_row" int, "p_from" text, "k""ey $pgaudit_kit$" text, "t" "Sch""ema '%s"."Mo'od", "r" json, "k" int,
        "n" point, "tid" text, "v_began" text, "%s" numeric, PRIMARY KEY ("k""ey $pgaudit_kit$", "v_row")
    )
"""
HOSTILE_ROWS = """
    INSERT INTO "Sch""ema '%s"."T; DROP"
    SELECT i, 'a' || i, 'k' || i, 'la', '{}', 1, NULL, 'x', repeat('y', i), i FROM generate_series(1, 30) AS i
"""


@pytest.mark.parametrize("rows", [HOSTILE_ROWS, ""])
def test_hostile_names_are_names(db: Database, rows: str):
    db.execute(HOSTILE)
    db.execute(rows)
    answer = measured(db.dsn, """ "Sch""ema '%s"."T; DROP" """)
    assert answer["made_up"] == (rows == "")
    assert recorded(answer) == {"insert", "update", "delete"}
    assert left(db) == []


def test_a_table_without_rows_is_measured_with_made_up_ones(db: Database):
    db.execute(
        """
        CREATE DOMAIN public.email AS varchar(40) CHECK (value <> '');
        CREATE TYPE public.mood AS ENUM ('so', 'la');
        CREATE TABLE public.t (
            id uuid PRIMARY KEY, a smallint NOT NULL, b int NOT NULL UNIQUE, c numeric(3, 1) NOT
            NULL, d varchar(3) NOT NULL, e char(5) NOT NULL, f bool NOT NULL, g date NOT NULL, h
            timestamptz NOT NULL, i time NOT NULL, j interval NOT NULL, k jsonb NOT NULL, l json NOT
            NULL, m bytea NOT NULL, n inet NOT NULL, o text[] NOT NULL, p public.email NOT NULL, q
            public.mood NOT NULL, r int4range, s double precision NOT NULL, t "char" NOT NULL, u
            timetz NOT NULL, v cidr NOT NULL, w money NOT NULL, x macaddr NOT NULL, y bit(8) NOT
            NULL, z tsvector NOT NULL, aa timestamp(0) NOT NULL, ab name NOT NULL, ac numeric(2, 2)
            NOT NULL, ad varbit NOT NULL, ae real NOT NULL, af int GENERATED ALWAYS AS (b) STORED
        )
        """
    )
    answer = measured(db.dsn, "public.t")
    assert answer["made_up"] and answer["rows"] == 60
    assert "has no rows" in answer["notes"][0]
    assert recorded(answer) == {"insert", "update", "delete"}


def test_few_rows_serve_again_and_again(db: Database):
    db.execute("CREATE TABLE public.t (id int PRIMARY KEY, a text); INSERT INTO public.t VALUES (1, 'x')")
    answer = measured(db.dsn, "public.t")
    assert (answer["rows"], answer["made_up"]) == (1, False)
    assert recorded(answer) == {"insert", "update", "delete"}
    assert "One row a transaction" in bench(db.dsn, "public.t", *FEW).out


def test_a_table_of_keys_alone_has_no_update_to_measure(db: Database):
    db.execute("CREATE TABLE public.t (a int, b int, PRIMARY KEY (a, b)); INSERT INTO public.t VALUES (1, 1)")
    answer = measured(db.dsn, "public.t")
    assert {cost["operation"] for cost in answer["costs"]} == {"insert", "delete"}
    assert "No UPDATE was measured" in answer["notes"][-1]


@pytest.mark.parametrize("how", ["RANGE (at)", "LIST (kind)", "HASH (id)"])
def test_a_partitioned_table_is_measured_as_one(db: Database, how: str):
    db.execute(
        "CREATE TABLE public.t (id int, at date, kind text, a text, PRIMARY KEY (id, at, kind))"
        f" PARTITION BY {how}"
    )
    bound = "FOR VALUES WITH (MODULUS 1, REMAINDER 0)" if how.startswith("HASH") else "DEFAULT"
    db.execute(
        f"CREATE TABLE public.t1 PARTITION OF public.t {bound};"
        " INSERT INTO public.t SELECT i, current_date, 'k', 'a' || i FROM generate_series(1, 9) AS i"
    )
    answer = measured(db.dsn, "public.t")
    assert (answer["rows"], answer["changed_columns"]) == (9, ["a"])
    assert recorded(answer) == {"insert", "update", "delete"}
    assert left(db) == []


def test_an_unlogged_table_and_a_parent_are_measured(db: Database):
    db.execute(
        "CREATE UNLOGGED TABLE public.u (id int PRIMARY KEY, a int);"
        " INSERT INTO public.u VALUES (1, 1), (2, 2);"
        " CREATE TABLE public.p (id int PRIMARY KEY, a int); CREATE TABLE public.c () INHERITS (public.p);"
        " INSERT INTO public.p VALUES (1, 1), (2, 2); INSERT INTO public.c VALUES (1, 1)"
    )
    assert measured(db.dsn, "public.u")["rows"] == 2
    assert measured(db.dsn, "public.p")["rows"] == 2


@pytest.mark.servers("embedded", "pg18")
def test_virtual_columns_are_left_to_the_server(db: Database):
    db.execute(
        "CREATE TABLE public.t"
        " (id int PRIMARY KEY, a int, b int NOT NULL GENERATED ALWAYS AS (a + 1) VIRTUAL)"
    )
    assert measured(db.dsn, "public.t")["made_up"]
    db.execute("INSERT INTO public.t SELECT i, i FROM generate_series(1, 5) AS i")
    assert recorded(measured(db.dsn, "public.t")) == {"insert", "update", "delete"}


def test_an_ordinary_role_measures_and_needs_no_role_of_the_kit(shop: Database):
    role = shop.role()
    answer = run("--dsn", make_conninfo(shop.dsn, user=role), "bench", "public.orders", *FEW)
    assert answer.code == 3 and f'GRANT CREATE ON DATABASE "{shop.name}"' in answer.err
    shop.execute(f"GRANT CREATE ON DATABASE {shop.name} TO {role}")
    answer = run("--dsn", make_conninfo(shop.dsn, user=role), "bench", "public.orders", *FEW)
    assert answer.code == 3 and "may not read public.orders" in answer.err
    shop.execute(f"GRANT SELECT ON public.orders TO {role}")
    found = measured(make_conninfo(shop.dsn, user=role), "public.orders")
    assert found["capture"] == "generic"
    assert recorded(found) == {"insert", "update", "delete"}
    assert left(shop) == []
    assert shop.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE '%bench%'").fetchone() == (0,)


def test_a_role_that_may_not_read_the_registry_is_told_so(kit_db: Database):
    kit_db.execute(ORDERS)
    role = kit_db.role()
    kit_db.execute(
        f"GRANT CREATE ON DATABASE {kit_db.name} TO {role}; GRANT SELECT ON public.orders TO {role}"
    )
    answer = measured(make_conninfo(kit_db.dsn, user=role), "public.orders")
    assert "may not read what is declared" in answer["notes"][0]


STEAL = """
    CREATE FUNCTION {schema}.steal(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $fn$
    BEGIN
        IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
            RAISE EXCEPTION 'run as a superuser';
        END IF;
        RETURN $1;
    END $fn$
"""


RANGE = """
    CREATE FUNCTION {schema}.apart(float8, float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS
    $fn$ BEGIN PERFORM {schema}.steal(''); RETURN $1 - $2; END $fn$;
    CREATE TYPE {schema}.span AS RANGE (subtype = float8, subtype_diff = {schema}.apart)
"""


@pytest.mark.parametrize(
    "table",
    [
        "(id int PRIMARY KEY, a text GENERATED ALWAYS AS ({schema}.steal(b)) STORED, b text)",
        "(id int PRIMARY KEY, a text CHECK ({schema}.steal(a) = a), b text)",
        "(id int PRIMARY KEY, a {schema}.dom, b text)",
        "(id int PRIMARY KEY, a text DEFAULT {schema}.steal('x'), b text)",
        "(id int PRIMARY KEY, a {schema}.span DEFAULT '[1,2)', b text)",
    ],
)
@pytest.mark.parametrize("index", ["", "CREATE INDEX ON {schema}.t ({schema}.steal(b))"])
def test_no_function_of_the_tables_owner_runs_with_a_superusers_rights(db: Database, table: str, index: str):
    owner = db.role()
    schema = f"s_{owner}"
    with connect(db, owner) as conn:
        db.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {owner}")
        conn.execute(STEAL.format(schema=schema))
        conn.execute(f"CREATE DOMAIN {schema}.dom AS text CHECK ({schema}.steal(value) = value)")
        conn.execute(RANGE.format(schema=schema))
        conn.execute(f"CREATE TABLE {schema}.t {table.format(schema=schema)}")
        conn.execute(index.format(schema=schema) or "SELECT 1")
        conn.execute(f"INSERT INTO {schema}.t (id, b) SELECT i, 'b' || i FROM generate_series(1, 9) AS i")
    answer = measured(db.dsn, f"{schema}.t")
    assert answer["made_up"] or (not index and not any(word in table for word in ("GENER", "dom", "span")))
    if answer["made_up"]:
        assert f"belongs to {owner}" in answer["notes"][0]
    assert recorded(answer) == {"insert", "update", "delete"}
    db.execute(f"GRANT CREATE ON DATABASE {db.name} TO {owner}")
    assert not measured(make_conninfo(db.dsn, user=owner), f"{schema}.t")["made_up"]
    assert left(db) == []


def test_rows_that_row_security_hides_are_not_read(shop: Database):
    role = shop.role()
    shop.execute(
        f"ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY; GRANT SELECT ON public.orders TO {role};"
        f" GRANT CREATE ON DATABASE {shop.name} TO {role}"
    )
    answer = measured(make_conninfo(shop.dsn, user=role), "public.orders")
    assert answer["made_up"] and "row security" in answer["notes"][0]


def test_no_subscription_is_stopped_by_tables_that_it_lacks(shop: Database):
    if shop.execute("SHOW wal_level").fetchone() != ("logical",):
        pytest.skip("nothing can be published here")
    shop.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    answer = bench(shop.dsn, "public.orders", *FEW, code=3)
    assert "error[refused]: Publication everything publishes all tables" in answer.err
    shop.execute("DROP PUBLICATION everything; CREATE PUBLICATION single FOR TABLE public.orders")
    bench(shop.dsn, "public.orders", *FEW)
